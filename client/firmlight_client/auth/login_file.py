"""What `firmlight login` keeps: `credentials.json`, shared by every process on this machine."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from filelock import FileLock

from firmlight_client.tokens import Pair, Renew

LOCK_SECONDS_MAX = 30.0


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
    """`credentials.json`, readable by its owner alone. Take the lock before you change it."""

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
    """Tokens in a LoginFile. When several processes need a new one, the first renews for all."""

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
