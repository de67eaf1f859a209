"""`firmlight`: log in, lend this machine, submit tasks, collect results.

There is a module for each group of commands. Exit code 0 is done, 1 failed, 2 wrong use. Tokens and
passwords never go on a command line, which other users of the machine can read. Commands import
heavy modules themselves, so that help and completion are fast.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from firmlight_client.addresses import BadAddress
from firmlight_client.cli import (
    config,
    doctor,
    groups,
    kinds,
    login,
    service,
    status,
    tasks,
    work,
    workers,
)
from firmlight_client.cli.arguments import as_arguments
from firmlight_client.cli.output import say
from firmlight_client.errors import ApiError, FirmlightClientError
from firmlight_client.version import __version__

app = typer.Typer(
    help="Pool a group's computers: lend yours, use theirs.",
    epilog=(
        "Exit codes: 0 done, 1 failed, 2 wrong use; of work also 3 log-in refused, 4 too old. "
        "Example: firmlight login https://example.org"
    ),
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

COMMANDS = (  # in the order of `firmlight --help`
    login.login,
    login.logout,
    login.whoami,
    groups.groups,
    groups.invite,
    groups.accept,
    work.work,
    tasks.submit,
    status.status,
    tasks.cancel,
    tasks.pause,
    tasks.resume,
    tasks.result,
    workers.workers,
    workers.drain,
    doctor.doctor,
)
for command in COMMANDS:
    app.command()(command)
app.add_typer(config.config, name="config")
app.add_typer(service.service, name="service")
app.add_typer(kinds.kinds, name="kinds")


@app.callback(invoke_without_command=True)
def about(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        say(__version__)
        raise typer.Exit


def main() -> None:
    """The console script. An error that a user can understand is one line, without a traceback."""
    try:
        app()
    except (FirmlightClientError, BadAddress, OSError) as error:
        message = " ".join(str(error).split()) or type(error).__name__
        say(f"firmlight: {message}", err=True)
        if isinstance(error, ApiError) and error.choices:
            say(f"Add one of: {as_arguments(error.choices)}", err=True)
        sys.exit(1)
