"""The log-in of this machine: the environment comes first, then what `firmlight login` kept."""

from __future__ import annotations

import contextlib
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from firmlight_client.addresses import server_url
from firmlight_client.auth.login_file import FileTokens, Login, LoginFile
from firmlight_client.errors import FirmlightClientError
from firmlight_client.text import without_unseen
from firmlight_client.tokens import MemoryTokens, Pair, Tokens

# `firmlight work` and the doctor only look up a token: what sends HTTP is imported where it is
# used.
if TYPE_CHECKING:
    from collections.abc import Callable

    from firmlight_client.auth.device import Code

LOG_IN_FIRST = (
    "Nobody is logged in here: run `firmlight login URL`, or set FIRMLIGHT_URL and FIRMLIGHT_TOKEN."
)
WORK_ONLY = "What is kept here can work and nothing else. For more: firmlight login URL"
NAME_CHARS_MAX = 64


def home() -> Path:
    """FIRMLIGHT_HOME, or the user's configuration directory of this system."""
    if chosen := os.environ.get("FIRMLIGHT_HOME"):
        return Path(chosen)
    import platformdirs

    return platformdirs.user_config_path("firmlight", appauthor=False)


def login_file() -> LoginFile:
    return LoginFile(home())


def machine_name() -> str:
    return without_unseen(socket.gethostname())[:NAME_CHARS_MAX] or "worker"


# Who may use the server


def access() -> tuple[str, Tokens]:
    """Address and tokens of the user. Raises FirmlightClientError if there is none."""
    url, token, login = _known()
    if token:
        return url, MemoryTokens(Pair(token))
    if not login.access:
        raise FirmlightClientError(WORK_ONLY if login.worker_token else LOG_IN_FIRST)
    return url, FileTokens(login_file())


def worker_access() -> tuple[str, str]:
    """Address and token for `firmlight work`. Raises FirmlightClientError."""
    url, token, login = _known()
    return url, _required(token or login.worker_token or login.access)


def kept_worker_access() -> tuple[str, str]:
    """The same from the kept log-in alone, for a service, which has no such environment.

    Raises FirmlightClientError.
    """
    login = login_file().load()
    return _required(login.url), _required(login.worker_token or login.access)


def _known() -> tuple[str, str, Login]:
    """Address, token of the environment, and the log-in kept for that address.

    A kept token is never sent to another server. Raises FirmlightClientError.
    """
    login = login_file().load()
    url = server_url(_required(os.environ.get("FIRMLIGHT_URL") or login.url))
    if login.url != url:
        login = Login()
    return url, os.environ.get("FIRMLIGHT_TOKEN", ""), login


def _required(text: str) -> str:
    if not text:
        raise FirmlightClientError(LOG_IN_FIRST)
    return text


# Log in, log out


def log_in(url: str, username: str, password: str) -> Login:
    """Log in, make a token for this machine's worker, keep both.

    Raises FirmlightClientError, OSError.
    """
    from firmlight_client.transport import Transport

    transport = Transport(url, MemoryTokens(Pair()))
    with contextlib.closing(transport):
        pair = transport.post("auth/login/", json={"login": username, "password": password})
        transport.tokens = MemoryTokens(Pair(pair["access"], pair["refresh"]))
        worker = transport.post("worker-tokens/", json={"name": machine_name()})
        user = transport.get("users/me/")
        tokens = transport.tokens.pair
    login = Login(
        url=transport.url,
        username=user["username"],
        access=tokens.access,
        refresh=tokens.refresh,
        worker_token=worker["token"],
        worker_token_id=str(worker["id"]),
    )
    return keep(login)


def log_in_by_code(url: str, show: Callable[[Code], None], *, only_work: bool) -> Login:
    """Log in with a code that the user confirms in a browser.

    Raises FirmlightClientError, OSError.
    """
    from firmlight_client.auth import device

    scope = "worker" if only_work else "user"
    found = device.request_grant(url, machine_name(), scope, show)
    login = Login(
        url=url,
        username=found.username,
        access=found.access or "",
        refresh=found.refresh or "",
        worker_token=found.worker_token,
        worker_token_id=found.worker_token_id,
    )
    return keep(login)


def keep(login: Login) -> Login:
    """Try it at its server, write it down, and only then end this machine's earlier log-in.

    If the server does not take it, or it cannot be written, the earlier one stays as it is: the
    worker that runs here goes on with it. Raises FirmlightClientError, OSError.
    """
    file = login_file()
    try:
        _try(login)
        with file.locked():
            earlier = file.load()
            file.save(login)
    except (FirmlightClientError, OSError):
        end(login)
        raise
    end(earlier, kept=login)
    return login


def _try(login: Login) -> None:
    """Use it once. Raises FirmlightClientError if the server cannot be reached or refuses it."""
    if login.access:
        from firmlight_client.transport import Transport

        transport = Transport(login.url, MemoryTokens(Pair(login.access)))
        with contextlib.closing(transport):
            transport.get("users/me/")
    else:
        from firmlight_client.auth import token_check

        token_check.check(login.url, login.worker_token)


def end(login: Login, kept: Login | None = None) -> None:
    """Revoke what a log-in holds at its server, if that can be reached; not what is `kept`."""
    from firmlight_client.transport import Transport

    revoked = {}
    if login.refresh:
        revoked["refresh"] = login.refresh
    is_kept = kept is not None and kept.worker_token == login.worker_token
    # A token that came by --token-stdin has no id: it was made elsewhere, and stays valid.
    if login.worker_token and login.worker_token_id and not is_kept:
        revoked["worker_token"] = login.worker_token
    if not revoked:
        return
    transport = Transport(login.url, MemoryTokens(Pair()))
    with contextlib.suppress(FirmlightClientError), contextlib.closing(transport):
        transport.post("auth/logout/", json=revoked)


def log_out() -> str:
    """Forget the log-in of this machine and end it at the server; returns the user's name."""
    file = login_file()
    with file.locked():
        login = file.load()
        file.forget()
    end(login)
    return login.username
