"""What `firmlight login` keeps: `credentials.json`, shared by every process on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from filelock import FileLock

from firmlight_client import private_files
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
        private_files.make_folder(self.path.parent)
        lock = self.path.with_suffix(".lock")
        with FileLock(lock, timeout=LOCK_SECONDS_MAX, mode=0o600):
            yield

    def load(self) -> Login:
        """What is kept; empty if nothing (or nothing readable) is there."""
        try:
            return msgspec.json.decode(self.path.read_bytes(), type=Login)
        except (OSError, msgspec.DecodeError):
            return Login()

    def save(self, login: Login) -> None:
        """Replace the file in one step. Raises OSError; the old file is still there then."""
        private_files.replace(self.path, msgspec.json.format(msgspec.json.encode(login), indent=1))

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
