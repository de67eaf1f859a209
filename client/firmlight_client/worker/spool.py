"""Results that the server has not settled yet, on disk.

A worker that is killed delivers them after its next start. There is a folder for each server and
name of a worker, and a process that uses it holds its lock. A file that a crash of the whole system
tore apart is noticed and dropped: its subtasks are computed again.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
from filelock import FileLock, Timeout

from firmlight_client import private_files, protocol
from firmlight_client.worker.brain.actions import Forget, Keep
from firmlight_client.worker.brain.kept_result import KeptResult

FOLDERS_MAX = 100  # processes of one name at a time
SUFFIX, UNFINISHED = ".result", ".new"


class Spool:
    """One process's folder; `close` gives it to the next."""

    def __init__(self, home: Path, url: str, name: str) -> None:
        """Raises OSError."""
        self.root = home / "spool" / hashlib.sha256(f"{url}\n{name}".encode()).hexdigest()[:16]
        private_files.make_folder(self.root)
        self.folder, self.lock = next(self._free())

    def _free(self) -> Iterator[tuple[Path, FileLock]]:
        """The folders that no other process uses, locked."""
        for number in range(FOLDERS_MAX):
            folder = self.root / str(number)
            folder.mkdir(exist_ok=True, mode=0o700)
            lock = FileLock(self.root / f"{number}.lock", mode=0o600)
            with contextlib.suppress(Timeout):
                lock.acquire(timeout=0)
                yield folder, lock
        raise OSError(f"too many workers use {self.root}")

    def restore(self) -> list[KeptResult]:
        """What is kept here, and in the folders that others have left."""
        for folder in self.root.iterdir():
            if folder.is_dir() and folder != self.folder:
                self._take_over(folder)
        found = [_read(path) for path in sorted(self.folder.iterdir())]
        return [kept for kept in found if kept is not None]

    def _take_over(self, folder: Path) -> None:
        lock = FileLock(self.root / f"{folder.name}.lock")
        with contextlib.suppress(Timeout, OSError), lock.acquire(timeout=0):
            for path in folder.iterdir():
                path.replace(self.folder / path.name)
            folder.rmdir()

    def keep(self, lease: protocol.Lease, result: protocol.Result) -> None:
        """Write a result down. Raises OSError: then it is in memory only."""
        kept = KeptResult(
            lease.lease,
            lease.task,
            lease.group,
            lease.group_name,
            lease.kind,
            protocol.encode(result),
        )
        path = self._path(result)
        fresh = path.with_suffix(UNFINISHED)
        try:
            with open(fresh, "wb", opener=private_files.opener) as file:
                file.write(msgspec.msgpack.encode(kept))
            fresh.replace(path)
        except OSError:
            fresh.unlink(missing_ok=True)
            raise

    def forget(self, result: protocol.Result) -> None:
        self._path(result).unlink(missing_ok=True)

    def _path(self, result: protocol.Result) -> Path:
        name = f"{result.lease} {result.subtasks}".encode()
        return self.folder / (hashlib.sha256(name).hexdigest()[:32] + SUFFIX)

    def close(self) -> None:
        with contextlib.suppress(OSError):  # something is left in it
            self.folder.rmdir()
        self.lock.release()


class Keeper:
    """The spool as the shell uses it: it works on without a disk.

    When the disk fails, results stay in memory, and that is reported once.
    """

    def __init__(
        self, home: Path | None, url: str, name: str, observe: Callable[[str, dict[str, Any]], None]
    ) -> None:
        self.observe = observe
        self.fails = False  # reported, and not working again since
        self.spool: Spool | None = None
        with self._reporting():
            if home:
                self.spool = Spool(home, url, name)

    def restore(self) -> list[KeptResult]:
        """What an earlier run could not deliver."""
        with self._reporting():
            if self.spool:
                return self.spool.restore()
        return []

    def carry_out(self, action: Keep | Forget) -> None:
        if self.spool is None:
            return
        with self._reporting():
            if isinstance(action, Keep):
                self.spool.keep(action.lease, action.result)
                self.fails = False
            else:
                self.spool.forget(action.result)

    @contextlib.contextmanager
    def _reporting(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if not self.fails:
                self.observe("spool_failed", {"why": error.strerror or str(error)})
            self.fails = True

    def close(self) -> None:
        if self.spool:
            self.spool.close()


def _read(path: Path) -> KeptResult | None:
    """What a file holds. A file that was never finished is removed; returns None then."""
    try:
        kept = msgspec.msgpack.decode(path.read_bytes(), type=KeptResult)
        assert kept.result
    except (OSError, msgspec.DecodeError, protocol.MalformedFrame, AssertionError):
        with contextlib.suppress(OSError):
            path.unlink()
        return None
    return kept
