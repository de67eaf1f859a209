"""Log in, log out, and who is logged in."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from firmlight_client.addresses import server_url
from firmlight_client.cli.options import AsJson

if TYPE_CHECKING:
    from collections.abc import Callable

    from firmlight_client.auth.device import Code
    from firmlight_client.auth.login_file import Login


def login(
    url: Annotated[str, typer.Argument(help="Address of the server: https://example.org")],
    username: Annotated[
        str,
        typer.Option(help="Log in with a password instead of a code: user name or e-mail address."),
    ] = "",
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from stdin.")
    ] = False,
    token_stdin: Annotated[
        bool, typer.Option("--token-stdin", help="Keep a worker token read from stdin.")
    ] = False,
    worker: Annotated[
        bool, typer.Option("--worker", help="Let this machine work, and nothing else.")
    ] = False,
    browser: Annotated[
        bool, typer.Option("--browser", help="Open the page on this machine, too.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Log in with a code that you confirm in a browser.

    Example: firmlight login https://example.org
    """
    from firmlight_client.auth import session
    from firmlight_client.auth.login_file import Login

    address = server_url(url)
    if token_stdin:
        session.keep(Login(url=address, worker_token=_first_line("a worker token")))
        typer.echo(f"This machine may now work for {address}: firmlight work")
        return
    if username or password_stdin:
        username = username or typer.prompt("User name or e-mail")
        password = (
            _first_line("a password")
            if password_stdin
            else typer.prompt("Password", hide_input=True)
        )
        kept = session.log_in(address, username, password)
    else:
        kept = session.log_in_by_code(
            address, _shower(as_json=as_json, browser=browser), only_work=worker
        )
    _tell(kept, as_json=as_json)


def _shower(*, as_json: bool, browser: bool) -> Callable[[Code], None]:
    def show(code: Code) -> None:
        (_show_as_json if as_json else _show)(code)
        if browser:
            import webbrowser

            webbrowser.open(code.verification_uri_complete)

    return show


def _show(code: Code) -> None:
    typer.echo(
        f"Open {code.verification_uri_complete}\nand confirm this code:\n\n    {code.user_code}\n"
    )
    typer.echo(f"It is good for {code.expires_in / 60:.0f} minutes. Waiting …")


def _show_as_json(code: Code) -> None:
    shown = {
        name: getattr(code, name)
        for name in ("user_code", "verification_uri", "verification_uri_complete")
    }
    typer.echo(json.dumps({"event": "confirm", **shown, "expires_in": code.expires_in}))


def _tell(kept: Login, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"event": "logged_in", "url": kept.url, "username": kept.username}))
    elif kept.access:
        typer.echo(f"Logged in to {kept.url} as {kept.username}.")
    else:
        typer.echo(f"This machine may now work for {kept.username} at {kept.url}: firmlight work")


def _first_line(what: str) -> str:
    text = sys.stdin.readline().strip("\r\n")
    if not text:
        raise typer.BadParameter(f"{what} must come on stdin")
    return text


def logout() -> None:
    """Forget the log-in of this machine and end it at the server. Example: firmlight logout"""
    from firmlight_client.auth import session

    name = session.log_out()
    typer.echo(f"Logged out {name}." if name else "Logged out.")


def whoami(as_json: AsJson = False) -> None:
    """Show who is logged in, and where. Example: firmlight whoami --json"""
    from firmlight_client.sdk.client import Client

    with Client.from_login() as user:
        me = user.me()
        typer.echo(json.dumps(me) if as_json else f"{me['username']} at {user.transport.url}")
