"""What a task has come to, read from Redis' replies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from tasks.queue.keys import Id, base_key
from tasks.queue.scripts import Call


@dataclass(frozen=True)
class Work:
    """What one worker did for one task. Times are ms since the epoch."""

    subtasks: int = 0
    seconds: float = 0.0
    failures: int = 0
    # how often a subtask was lost: its lease expired, or its connection vanished, before a result.
    # A result that comes later takes nothing off.
    lost: int = 0
    first: int = 0
    last: int = 0
    speed: float = 0.0  # subtasks a second and slot
    copies: int = 0  # of `subtasks`: leased a second time, and faster than who had them first
    saved: float = (
        0.0  # seconds that those would still have taken the first one, as far as was known
    )
    wasted: float = 0.0  # seconds computed on what another one finished first


_WORK_FIELDS = {
    "n": "subtasks",
    "s": "seconds",
    "f": "failures",
    "l": "lost",
    "first": "first",
    "last": "last",
    "speed": "speed",
    "c": "copies",
    "saved": "saved",
    "w": "wasted",
}
_WORK_FLOATS = {"seconds", "speed", "saved", "wasted"}


def _read_work(flat: list[bytes]) -> dict[str, Work]:
    """{worker: Work} from the fields "<worker>:<what>"."""
    rows: dict[str, dict[str, Any]] = {}
    for name, value in zip(flat[::2], flat[1::2], strict=True):
        worker, _, short = name.decode().rpartition(":")
        what = _WORK_FIELDS[short]
        rows.setdefault(worker, {})[what] = float(value) if what in _WORK_FLOATS else int(value)
    return {worker: Work(**row) for worker, row in rows.items()}


class Blame(msgspec.Struct, array_like=True):
    """An error of a subtask. `at`, ms since the epoch, and `final`, that it will not be tried
    again, if noted.
    """

    subtask: int
    worker: str
    error: str
    message: str
    traceback: str
    at: int = 0
    final: bool = False


def _read_blame(data: bytes) -> Blame | None:
    return msgspec.msgpack.decode(data, type=Blame, strict=False) if data else None


@dataclass(frozen=True)
class Outcome:
    """What a task has come to. `partials` are there only if it is complete."""

    complete: bool
    decided: bool
    broken: bool  # a subtask failed for good, and partial results are not allowed
    split: int
    done: int
    failed: int
    blame: Blame | None
    partials: list[bytes]
    work: dict[str, Work]
    missing: list[int]  # the first thousand of those that failed for good, in the order of failing


def read_outcome(reply: Any) -> Outcome | None:
    if not reply:
        return None
    complete, decided, broken, split, done, failed, error, partials, work, missing = reply
    return Outcome(
        complete == b"1",
        decided == b"1",
        broken == b"1",
        split,
        done,
        failed,
        _read_blame(error),
        partials,
        _read_work(work),
        [int(subtask) for subtask in missing],
    )


@dataclass(frozen=True)
class Progress:
    state: str
    split: int
    ended: bool
    quiet_seconds: float  # since the last batch of the split
    open: int
    leased: int
    done: int
    failed: int
    seconds: float  # computed so far
    complete: bool
    work: dict[str, Work]
    logged: int = 0  # number of the last entry of its log

    @property
    def waiting(self) -> int:
        return self.open - self.leased


def read_progress(reply: Any) -> Progress | None:
    if not reply:
        return None
    state, split, ended, quiet, open_, leased, done, failed, seconds, complete, work, logged = reply
    return Progress(
        state.decode(),
        split,
        ended == b"1",
        quiet / 1000,
        open_,
        leased,
        done,
        failed,
        float(seconds),
        complete == b"1",
        _read_work(work),
        logged,
    )


def outcome_of(group: Id, task: Id) -> Call[Outcome | None]:
    """Completeness and partials in one read; None if the task has no state."""
    return Call("outcome", base_key(group), {"task": str(task)}, read_outcome)


def progress_of(group: Id, task: Id) -> Call[Progress | None]:
    """Where a task stands; None if it has no state (not split yet, or over)."""
    return Call("progress", base_key(group), {"task": str(task)}, read_progress)
