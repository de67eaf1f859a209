"""Log in, log out, and who is logged in."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from firmlight_client.addresses import server_url
from firmlight_client.cli.words import AsJson


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


def logout() -> None:
    """Forget the log-in of this machine and end it at the server."""
    from firmlight_client import session

    name = session.log_out()
    typer.echo(f"Logged out {name}." if name else "Logged out.")


def whoami(as_json: AsJson = False) -> None:
    """Show who is logged in, and where."""
    from firmlight_client import session

    with session.client() as user:
        me = user.me()
        typer.echo(json.dumps(me) if as_json else f"{me['username']} at {user.transport.url}")
