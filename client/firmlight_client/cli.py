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
    as_json: AsJson = False,
    allow_private_networks: Annotated[
        bool, typer.Option("--allow-private-networks", help="Let tasks reach your own network, too.")
    ] = False,
) -> None:
    """Work for your groups until Ctrl-C; a second Ctrl-C stops at once."""
    from firmlight_client import session
    from firmlight_client.worker import shell, terminal

    url, token = session.worker_access()
    settings = shell.Settings(url, token, slots, group or [], name, allow_private_networks)
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
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the result and print it.")] = False,
    as_json: AsJson = False,
) -> None:
    """Submit a task to a group; print its id."""
    from firmlight_client import session

    given = parse_params(params or [])
    with session.client() as user:
        task = user.submit(
            kind,
            group=group,
            title=title,
            file=file,
            priority=priority,
            allow_partial=allow_partial,
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


def parse_params(words: list[str]) -> dict[str, Any]:
    """`key=value` words as params. Raises typer.BadParameter."""
    params: dict[str, Any] = {}
    for word in words:
        key, equals, text = word.partition("=")
        if not equals or not key:
            raise typer.BadParameter(f"{word!r} is not key=value")
        if key in params:
            raise typer.BadParameter(f"{key} is given twice")
        params[key] = _value(text)
    return params


def _value(text: str) -> Any:
    """JSON where it is JSON, else the text itself. Integers stay exact; what no float can hold stays text."""
    try:
        value = json.loads(text, parse_constant=_no_constant)
        json.dumps(value, allow_nan=False)  # 1e999 has become an infinity
    except ValueError:
        return text
    return value


def _no_constant(name: str) -> Any:
    raise ValueError(name)


@app.command()
def status(
    task: Annotated[str, typer.Argument(help="Id of a task; without it, your latest tasks.")] = "",
    as_json: AsJson = False,
) -> None:
    """Show where a task stands, or list the latest."""
    from firmlight_client import session

    with session.client() as user:
        if task:
            info = user.task(task).info
            typer.echo(json.dumps(info) if as_json else _report(info))
            return
        for row in user.transport.get("tasks/")["results"]:
            typer.echo(json.dumps(row) if as_json else _line(row))


def _line(info: dict[str, Any]) -> str:
    return f"{info['id']}  {info['status']:<11} {info['kind']:<14} {info.get('title') or ''}".rstrip()


def _report(info: dict[str, Any]) -> str:
    counts, error = info.get("counts") or {}, info.get("error")
    lines = [_line(info), f"{info.get('progress', 0):.0%} done: " + ", ".join(f"{n} {k}" for k, n in counts.items())]
    if info.get("eta_seconds") is not None:
        lines.append(f"about {info['eta_seconds']:.0f} s to go")
    if error:
        lines.append(f"{error['code']}: {error['message']}")
    for row in info.get("contributions", []):
        who = f"{row['member']['username']} ({row['worker']['name']})"
        lines.append(f"  {who}: {row['subtasks']} subtasks, {row['share']:.1f} %, {row['compute_seconds']:.1f} s")
    return "\n".join(lines)


@app.command()
def result(
    task: Annotated[str, typer.Argument(help="Id of a task.")],
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
