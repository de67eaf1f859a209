"""`firmlight`: log in, lend this machine, submit tasks, collect results.

Exit code 0 done, 1 failed, 2 wrong use. Tokens and passwords never go on a command line: other users of the
machine can read those. Heavy modules are imported by the commands that need them.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from firmlight_client import __version__
from firmlight_client.addresses import BadAddress, server_url
from firmlight_client.errors import FirmlightClientError
from firmlight_client.typed import parse_deadline, parse_memory, parse_params
from firmlight_client.worker.memory import MEMORY_MIB

if TYPE_CHECKING:
    from firmlight_client.api import Task

app = typer.Typer(
    help="Pool a group's computers: lend yours, use theirs.",
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]


@app.callback(invoke_without_command=True)
def about(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit


@app.command()
def login(
    url: Annotated[str, typer.Argument(help="Address of the server: https://example.org")],
    username: Annotated[str, typer.Option(help="User name or e-mail address; asked for if missing.")] = "",
    password_stdin: Annotated[bool, typer.Option("--password-stdin", help="Read the password from stdin.")] = False,
    token_stdin: Annotated[bool, typer.Option("--token-stdin", help="Keep a worker token read from stdin.")] = False,
) -> None:
    """Log in, and let this machine work for you."""
    from firmlight_client import session
    from firmlight_client.tokens import Login

    address = server_url(url)
    if token_stdin:
        session.keep(Login(url=address, worker_token=_first_line("a worker token")))
        typer.echo(f"This machine may now work for {address}: firmlight work")
        return
    username = username or typer.prompt("User name or e-mail")
    password = _first_line("a password") if password_stdin else typer.prompt("Password", hide_input=True)
    kept = session.log_in(address, username, password)
    typer.echo(f"Logged in to {kept.url} as {kept.username}.")


def _first_line(what: str) -> str:
    text = sys.stdin.readline().strip("\r\n")
    if not text:
        raise typer.BadParameter(f"{what} must come on stdin")
    return text


@app.command()
def logout() -> None:
    """Forget the log-in of this machine and end it at the server."""
    from firmlight_client import session

    name = session.log_out()
    typer.echo(f"Logged out {name}." if name else "Logged out.")


@app.command()
def whoami(as_json: AsJson = False) -> None:
    """Show who is logged in, and where."""
    from firmlight_client import session

    with session.client() as user:
        me = user.me()
        typer.echo(json.dumps(me) if as_json else f"{me['username']} at {user.transport.url}")


@app.command()
def groups(as_json: AsJson = False) -> None:
    """List your groups."""
    from firmlight_client import session

    with session.client() as user:
        for group in user.groups():
            typer.echo(json.dumps(group) if as_json else f"{group['id']}  {group['name']}")


@app.command()
def work(
    slots: Annotated[int, typer.Option(min=1, max=1024, help="How many subtasks at a time.")] = max(
        1, (os.cpu_count() or 2) - 1
    ),
    group: Annotated[list[str] | None, typer.Option(help="Work for this group only (repeatable).")] = None,
    name: Annotated[str, typer.Option(help="What this machine is called; its host name if missing.")] = "",
    plain: Annotated[bool, typer.Option("--plain", help="Plain lines, no terminal needed.")] = False,
    memory: Annotated[
        int,
        typer.Option(
            metavar="MIB",
            min=0,
            callback=parse_memory,
            help="Memory that a slot may take, in MiB; 0: no limit. Kept on Linux only.",
        ),
    ] = MEMORY_MIB,
    as_json: AsJson = False,
    allow_private_networks: Annotated[
        bool, typer.Option("--allow-private-networks", help="Let tasks reach your own network, too.")
    ] = False,
) -> None:
    """Work for your groups until Ctrl-C; a second Ctrl-C stops at once."""
    from firmlight_client import session
    from firmlight_client.worker import shell, terminal

    url, token = session.worker_access()
    settings = shell.Settings(url, token, slots, group or [], name, allow_private_networks, memory)
    with terminal.observer(plain=plain, as_json=as_json) as view:
        code = shell.run(settings, view)
    if code:
        raise typer.Exit(code)


@app.command()
def submit(
    kind: Annotated[str, typer.Argument(help="FACTORIZATION, MEAN, CRAWLER, …")],
    params: Annotated[list[str] | None, typer.Argument(help="key=value; the value as JSON or as plain text")] = None,
    group: Annotated[str, typer.Option(help="Id or name of the group.")] = ...,  # type: ignore[assignment]
    file: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, readable=True, help="Input from this file.")
    ] = None,
    title: Annotated[str | None, typer.Option(help="What others read.")] = None,
    priority: Annotated[str | None, typer.Option(help="low, normal or high")] = None,
    allow_partial: Annotated[bool, typer.Option("--allow-partial", help="Go on without subtasks that fail.")] = False,
    deadline: Annotated[
        str | None, typer.Option(help="Give up then: an ISO time, or 90s, 10m, 2h, 1d from now.")
    ] = None,
    subtask_seconds: Annotated[
        float | None, typer.Option(min=0.001, help="What one subtask may take before it counts as failed.")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the result and print it.")] = False,
    as_json: AsJson = False,
) -> None:
    """Submit a task to a group; print its id."""
    from firmlight_client import session

    given, until = parse_params(params or []), parse_deadline(deadline) if deadline else None
    with session.client() as user:
        task = user.submit(
            kind,
            group=group,
            title=title,
            file=file,
            priority=priority,
            allow_partial=allow_partial,
            deadline=until,
            subtask_seconds_max=subtask_seconds,
            params=given,
        )
        if as_json or not wait:
            typer.echo(json.dumps(task.info) if as_json else task.id)
        if wait:
            result = _result_with_progress(task)
            show = {"id": task.id, "status": task.status, "result": result}
            typer.echo(json.dumps(show) if as_json else json.dumps(result, indent=2))


def _result_with_progress(task: Task) -> Any:
    """The result; how far it is goes to stderr while somebody looks."""
    if sys.stderr.isatty():
        for snapshot in task.watch():
            typer.echo(f"\r{snapshot['status']:<12} {snapshot.get('progress', 0):4.0%} ", err=True, nl=False)
        typer.echo("\r" + " " * 24 + "\r", err=True, nl=False)
    return task.result()


@app.command()
def status(
    task: Annotated[str, typer.Argument(help="Id of a task; without it, your latest tasks.")] = "",
    as_json: AsJson = False,
) -> None:
    """Show where a task stands, or list the latest."""
    from firmlight_client import session
    from firmlight_client.reports import task_line, task_report

    with session.client() as user:
        if task:
            info = user.task(task).info
            typer.echo(json.dumps(info) if as_json else task_report(info))
            return
        for row in user.transport.get("tasks/")["results"]:
            typer.echo(json.dumps(row) if as_json else task_line(row))


TaskId = Annotated[str, typer.Argument(help="Id of a task.")]


@app.command()
def cancel(task: TaskId, as_json: AsJson = False) -> None:
    """End a task; there will be no result."""
    _tell(task, "cancel", as_json=as_json)


@app.command()
def pause(task: TaskId, as_json: AsJson = False) -> None:
    """Give out no more of a task until it is resumed."""
    _tell(task, "pause", as_json=as_json)


@app.command()
def resume(task: TaskId, as_json: AsJson = False) -> None:
    """Go on with a paused task."""
    _tell(task, "resume", as_json=as_json)


def _tell(task: str, verb: str, *, as_json: bool) -> None:
    from firmlight_client import session
    from firmlight_client.reports import task_line

    with session.client() as user:
        told = getattr(user.task(task), verb)()
        typer.echo(json.dumps(told.info) if as_json else task_line(told.info))


@app.command()
def workers(
    let_back: Annotated[
        str, typer.Option(metavar="NAME_OR_ID", help="End the suspension of this worker: it gets work again.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """List your workers, or let a suspended one back."""
    from firmlight_client import session
    from firmlight_client.reports import worker_lines

    with session.client() as user:
        rows = [user.let_back(let_back)] if let_back else user.workers()
        for line in map(json.dumps, rows) if as_json else worker_lines(rows):
            typer.echo(line)


@app.command()
def drain(worker: Annotated[str, typer.Argument(metavar="NAME_OR_ID", help="One of your workers.")]) -> None:
    """Have a worker finish what it holds, and leave."""
    from firmlight_client import session

    with session.client() as user:
        user.drain(worker)
        typer.echo(f"{worker} finishes what it holds, and leaves.")


@app.command()
def result(
    task: TaskId,
    as_json: AsJson = False,
) -> None:
    """Print the result of a task that is over."""
    from firmlight_client import session

    with session.client() as user:
        found = user.transport.get(f"tasks/{task}/result/")
        typer.echo(json.dumps(found, indent=None if as_json else 2))


def main() -> None:
    """The console script. What a user can understand is one line, without a traceback."""
    try:
        app()
    except (FirmlightClientError, BadAddress, OSError) as error:
        message = " ".join(str(error).split()) or type(error).__name__
        typer.echo(f"firmlight: {message}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
