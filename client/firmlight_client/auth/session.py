"""Who the command line speaks for: the environment first, then what `firmlight login` kept."""

from __future__ import annotations

import contextlib
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from firmlight_client.addresses import server_url
from firmlight_client.auth.tokens import FileTokens, Login, LoginFile, MemoryTokens, Pair, Tokens
from firmlight_client.errors import FirmlightClientError

if TYPE_CHECKING:
    from collections.abc import Callable

    from firmlight_client.auth.device import Code
    from firmlight_client.sdk.client import Client

LOG_IN_FIRST = (
    "Nobody is logged in here: run `firmlight login URL`, or set FIRMLIGHT_URL and FIRMLIGHT_TOKEN."
)


def home() -> Path:
    """FIRMLIGHT_HOME, or the user's configuration directory of this system."""
    if chosen := os.environ.get("FIRMLIGHT_HOME"):
        return Path(chosen)
    import platformdirs

    return platformdirs.user_config_path("firmlight", appauthor=False)


def login_file() -> LoginFile:
    return LoginFile(home())


def _known() -> tuple[str, str, Login]:
    """Address, token of the environment, and the log-in kept for that address (a token goes to no
    other server).
    """
    login = login_file().load()
    url = server_url(os.environ.get("FIRMLIGHT_URL") or login.url or _nobody())
    return url, os.environ.get("FIRMLIGHT_TOKEN", ""), login if login.url == url else Login()


def _nobody() -> str:
    raise FirmlightClientError(LOG_IN_FIRST)


def access() -> tuple[str, Tokens]:
    """Address and tokens of the user. Raises FirmlightClientError if there is none."""
    url, token, login = _known()
    if token:
        return url, MemoryTokens(Pair(token))
    if not login.access:
        if login.worker_token:
            raise FirmlightClientError(
                "What is kept here can work and nothing else. For more: firmlight login URL"
            )
        _nobody()
    return url, FileTokens(login_file())


def client() -> Client:
    """A client of the user. Raises FirmlightClientError if there is none."""
    from firmlight_client.sdk.client import Client

    return Client.from_login()


def worker_access() -> tuple[str, str]:
    """Address and token for `firmlight work`. Raises FirmlightClientError."""
    url, token, login = _known()
    return url, token or login.worker_token or login.access or _nobody()


def kept_worker_access() -> tuple[str, str]:
    """The same of the kept log-in alone, for what runs without this environment. Raises
    FirmlightClientError.
    """
    login = login_file().load()
    return login.url or _nobody(), login.worker_token or login.access or _nobody()


def log_in(url: str, username: str, password: str) -> Login:
    """Log in, make a token for this machine's worker, keep both. Raises ApiError, ConnectionFailed."""
    from firmlight_client.sdk.client import Client

    with Client.login(url, username, password) as user:
        worker = user.create_worker_token(machine_name())
        login = Login(url=user.transport.url, username=user.me()["username"])
        login.worker_token, login.worker_token_id = worker["token"], str(worker["id"])
        pair = user.pair
        login.access, login.refresh = pair.access, pair.refresh
    return keep(login)


def log_in_by_code(url: str, show: Callable[[Code], None], *, only_work: bool) -> Login:
    """Log in with a code that somebody confirms in a browser. Raises ApiError,
    FirmlightClientError.
    """
    from firmlight_client.auth import device

    found = device.let_in(url, machine_name(), "worker" if only_work else "user", show)
    login = Login(
        url=url, username=found.username, access=found.access or "", refresh=found.refresh or ""
    )
    login.worker_token, login.worker_token_id = found.worker_token, found.worker_token_id
    return keep(login)


def machine_name() -> str:
    return socket.gethostname()[:64] or "worker"


def keep(login: Login) -> Login:
    """Write it down; an earlier log-in of this machine ends, as far as its server can be reached."""
    file = login_file()
    end(file.load())
    with file.locked():
        file.save(login)
    return login


def end(login: Login) -> None:
    """Revoke what a log-in holds at its server, as far as that can be reached."""
    from firmlight_client.transport import Transport

    ours = (
        login.worker_token if login.worker_token_id else ""
    )  # one of --token-stdin was made elsewhere, and stays
    held = {
        name: text for name, text in (("refresh", login.refresh), ("worker_token", ours)) if text
    }
    if not held:
        return
    transport = Transport(login.url, MemoryTokens(Pair()))
    with contextlib.suppress(FirmlightClientError), contextlib.closing(transport):
        transport.post("auth/logout/", json=held)


def log_out() -> str:
    """Forget the log-in of this machine and end it at the server; returns whose it was."""
    file = login_file()
    with file.locked():
        login = file.load()
        file.forget()
    end(login)
    return login.username
