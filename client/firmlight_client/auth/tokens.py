"""The two tokens of a log-in, and how they are renewed: a refresh token is good once, so one
renewal at a time.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import msgspec
from filelock import FileLock

LOCK_SECONDS_MAX = 30.0


class Pair(msgspec.Struct, frozen=True):
    """An access token and, if there is one, the refresh token that brings the next."""

    access: str = ""
    refresh: str = ""

    def __repr__(self) -> str:  # tokens must never get into a log
        return "Pair(…)"


Renew = Callable[[str], Pair]


class Tokens(Protocol):
    """Where a client's tokens live."""

    @property
    def pair(self) -> Pair:
        """Both, as last seen."""

    def access(self) -> str:
        """The access token to use now; "" if there is none."""

    def renewed(self, stale: str, renew: Renew) -> str:
        """An access token other than `stale`; "" if none can be had. `renew` spends the refresh
        token.
        """


class MemoryTokens:
    """Tokens of one process; safe under threads."""

    def __init__(self, pair: Pair) -> None:
        self.pair: Pair = pair
        self.lock = threading.Lock()

    def access(self) -> str:
        return self.pair.access

    def renewed(self, stale: str, renew: Renew) -> str:
        with self.lock:
            if self.pair.access == stale:
                self.pair = renew(self.pair.refresh) if self.pair.refresh else Pair()
            return self.pair.access


class Login(msgspec.Struct, omit_defaults=True):
    """What `firmlight login` keeps."""

    url: str = ""
    username: str = ""
    access: str = ""
    refresh: str = ""
    worker_token: str = ""
    worker_token_id: str = ""

    def __repr__(self) -> str:
        return f"Login(url={self.url!r}, username={self.username!r}, …)"


class LoginFile:
    """`credentials.json`, readable by its owner alone. Every process on this machine shares it,
    under a lock.
    """

    def __init__(self, home: Path) -> None:
        self.path = home / "credentials.json"

    @contextmanager
    def locked(self) -> Iterator[None]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(self.path.with_suffix(".lock"), timeout=LOCK_SECONDS_MAX):
            yield

    def load(self) -> Login:
        """What is kept; empty if nothing (or nothing readable) is there."""
        try:
            return msgspec.json.decode(self.path.read_bytes(), type=Login)
        except (OSError, msgspec.DecodeError):
            return Login()

    def save(self, login: Login) -> None:
        """Replace the file in one step, so that no reader ever sees half of it."""
        fresh = self.path.with_suffix(f".{os.getpid()}.new")
        fresh.unlink(missing_ok=True)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(msgspec.to_builtins(login), file, indent=1)
        fresh.replace(self.path)

    def forget(self) -> None:
        self.path.unlink(missing_ok=True)


class FileTokens:
    """Tokens in a LoginFile: of several processes that need a new one, the first renews for all."""

    def __init__(self, file: LoginFile) -> None:
        self.file = file
        login = file.load()
        self.pair: Pair = Pair(login.access, login.refresh)

    def access(self) -> str:
        return self.pair.access

    def renewed(self, stale: str, renew: Renew) -> str:
        with self.file.locked():
            login = self.file.load()
            if login.access == stale:
                pair = renew(login.refresh) if login.refresh else Pair()
                login.access, login.refresh = pair.access, pair.refresh
                self.file.save(login)
            self.pair = Pair(login.access, login.refresh)
            return login.access
