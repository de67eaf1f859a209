"""The worker as a service of this system."""

from __future__ import annotations

import json
import os

import typer

from firmlight_client.cli.options import AsJson
from firmlight_client.cli.output import say

service = typer.Typer(
    help="Have this machine work whenever you are logged in. Example: firmlight service install",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@service.command()
def install() -> None:
    """Start `firmlight work` now and at every log-in; what it may do stands in `firmlight config`.

    Example: firmlight service install
    """
    from firmlight_client.auth import session
    from firmlight_client.worker import service as system

    session.kept_worker_access()
    if os.environ.get("FIRMLIGHT_TOKEN"):
        say(
            "FIRMLIGHT_TOKEN is not written down: the service uses the log-in that is kept.",
            err=True,
        )
    say(system.install())


@service.command()
def uninstall() -> None:
    """Let it finish what it runs, and take it away. Example: firmlight service uninstall"""
    from firmlight_client.worker import service as system

    say(system.uninstall())


@service.command()
def status(as_json: AsJson = False) -> None:
    """Say whether it is installed and runs; exit code 1 if it does not run.

    Example: firmlight service status
    """
    from firmlight_client.worker import service as system

    found = system.status()
    if as_json:
        say(json.dumps({"installed": found.installed, "running": found.running}))
    else:
        say(found.words)
    if not found.running:
        raise typer.Exit(1)
