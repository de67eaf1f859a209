"""Log in, log out, and who is logged in."""

from __future__ import annotations

import json
import sys
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from firmlight_client.addresses import server_url
from firmlight_client.cli.options import AsJson
from firmlight_client.cli.output import say

if TYPE_CHECKING:
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

    address = server_url(url)
    if token_stdin:
        _keep_token(address, as_json=as_json)
        return
    if username or password_stdin:
        username = username or typer.prompt("User name or e-mail")
        password = _password(from_stdin=password_stdin)
        kept = session.log_in(address, username, password)
    else:
        show = partial(_show, as_json=as_json, browser=browser)
        kept = session.log_in_by_code(address, show, only_work=worker)
    _show_log_in(kept, as_json=as_json)


def _keep_token(address: str, *, as_json: bool) -> None:
    from firmlight_client.auth import session, token_check
    from firmlight_client.auth.login_file import Login

    token = _first_line("a worker token")
    try:
        kept = session.keep(Login(url=address, worker_token=token))
    except token_check.TokenRefused as error:
        raise token_check.TokenRefused(f"{error} Nothing has changed on this machine.") from None
    if as_json:
        _show_log_in(kept, as_json=True)
    else:
        say(f"This machine may now work for {address}: firmlight work")


def _show(code: Code, *, as_json: bool, browser: bool) -> None:
    """What the user needs to confirm the code."""
    if as_json:
        _show_code_as_json(code)
    else:
        _show_code(code)
    if browser:
        import webbrowser

        webbrowser.open(code.verification_uri_complete)


def _show_code(code: Code) -> None:
    say(f"Open {code.verification_uri_complete}\nand confirm this code:\n\n    {code.user_code}\n")
    say(f"It is good for {code.expires_in / 60:.0f} minutes. Waiting …")


def _show_code_as_json(code: Code) -> None:
    event = {
        "event": "confirm",
        "user_code": code.user_code,
        "verification_uri": code.verification_uri,
        "verification_uri_complete": code.verification_uri_complete,
        "expires_in": code.expires_in,
    }
    say(json.dumps(event))


def _show_log_in(kept: Login, *, as_json: bool) -> None:
    if as_json:
        say(json.dumps({"event": "logged_in", "url": kept.url, "username": kept.username}))
    elif kept.access:
        say(f"Logged in to {kept.url} as {kept.username}.")
    else:
        say(f"This machine may now work for {kept.username} at {kept.url}: firmlight work")


def _password(*, from_stdin: bool) -> str:
    if from_stdin:
        return _first_line("a password")
    return str(typer.prompt("Password", hide_input=True))


def _first_line(what: str) -> str:
    text = sys.stdin.readline().strip("\r\n")
    if not text:
        raise typer.BadParameter(f"{what} must come on stdin")
    return text


def logout() -> None:
    """Forget the log-in of this machine and end it at the server. Example: firmlight logout"""
    from firmlight_client.auth import session

    name = session.log_out()
    say(f"Logged out {name}." if name else "Logged out.")


def whoami(as_json: AsJson = False) -> None:
    """Show who is logged in, and where. Example: firmlight whoami --json"""
    from firmlight_client.sdk.client import Client
    from firmlight_client.text import one_line

    with Client.from_login() as user:
        me = user.me()
        say(json.dumps(me) if as_json else f"{one_line(me['username'])} at {user.transport.url}")
