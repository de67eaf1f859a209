"""Where a task stands and what it has come to."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from tasks.queue.keys import Id, base_key
from tasks.queue.scripts import Call
from tasks.runs import expanded


class Work(msgspec.Struct, frozen=True):
    """What one worker did for one task. Times are ms since the epoch."""

    subtasks: int = 0
    seconds: float = 0.0
    failures: int = 0
    # how often a subtask was lost: its lease expired, or its connection vanished, before a result.
    # A result that comes later takes nothing off.
    lost: int = 0
    lost_at: int = 0  # when it lost some last; 0 again once it sent a result afterwards
    first: int = 0
    last: int = 0
    speed: float = 0.0  # subtasks a second and slot
    largest: int = 0  # subtasks of its largest result
    copies: int = 0  # of `subtasks`: leased a second time, and done before the first holder
    saved: float = 0.0  # seconds the first holder would still have taken, as far as is known
    wasted: float = 0.0  # seconds computed on what another one finished first
    checks: int = 0  # subtasks that it computed again, to check others
    taken_out: int = 0  # subtasks whose results did not count any more

    def as_seen(self) -> Work:
        """The same, with checks as work like any other."""
        return replace(self, subtasks=self.subtasks + self.checks, checks=0)


class Blame(msgspec.Struct, frozen=True):
    """An error of a subtask."""

    subtask: int
    worker: str
    error: str
    message: str
    traceback: str
    at: int = 0  # ms since the epoch
    final: bool = False  # it was not tried again


class Part(msgspec.Struct, frozen=True, array_like=True):
    """Whose an accepted partial is."""

    owner: str
    worker: str
    lease: str
    at: int  # ms since the epoch
    digest: str  # SHA-256 of its bytes as they came, in hexadecimal
    runs: list[int]  # of its subtasks, see `tasks.runs`

    @property
    def subtasks(self) -> list[int]:
        """Their indices within the task."""
        return expanded(self.runs)


_read_part = msgspec.msgpack.Decoder(Part).decode


class Outcome(msgspec.Struct):
    """What a task has come to.

    `partials` and, for each of them, `parts` come behind the map, and only if the task is complete.
    A partial that was taken out again is b"".
    """

    complete: bool
    decided: bool
    broken: bool  # a subtask failed permanently, and partial results are not allowed
    split: int
    done: int
    failed: int
    taken_out: int = 0  # subtasks whose results were taken out again
    sealed: bool = False  # an attempt before this one was about to deliver it
    blame: Blame | None = None
    partials: list[bytes] = []
    parts: list[Part] = []
    work: dict[str, Work] = {}
    missing: list[int] = []  # the first thousand that failed permanently, in the order of failing

    def attach(self, raw: list[bytes]) -> None:
        half = len(raw) // 2
        self.partials = raw[:half]
        self.parts = [_read_part(packed) for packed in raw[half:]]

    @property
    def standing(self) -> list[int]:
        """The numbers of the parts that were not taken out."""
        return [number for number, partial in enumerate(self.partials) if partial]


class Progress(msgspec.Struct, frozen=True):
    state: str
    split: int
    ended: bool
    quiet_ms: int  # since the last batch of the split
    open: int
    leased: int
    done: int
    failed: int
    seconds: float  # computed so far
    complete: bool
    work: dict[str, Work] = {}
    logged: int = 0  # number of the last entry of its log
    redo: int = 0  # of the open ones: taken out, and without their payloads yet
    ready: int = 0  # checks whose answers are to be compared
    lacking: int = 0  # checks whose payloads are to be made anew
    owed: int = 0  # subtasks that are to be computed for checks still
    checking: int = 0  # subtasks that active leases of checks have

    @property
    def waiting(self) -> int:
        return self.open - self.leased

    def as_seen(self) -> Progress:
        """What people see of a task that runs: a check is work like any other.

        What is to be checked counts as done when it has been, and what is computed for checks as
        done by whoever computes it. By what the queue counts everybody could tell which leases
        repeat what is done, and answer those honestly.
        """
        leased = self.leased + self.checking
        done = min(max(self.done - self.owed, 0), self.split - self.failed)
        return replace(
            self,
            leased=leased,
            done=done,
            open=max(self.split - self.failed - done, leased),
            work={worker: row.as_seen() for worker, row in self.work.items()},
        )

    @property
    def quiet_seconds(self) -> float:
        return self.quiet_ms / 1000


def outcome_of(group: Id, task: Id) -> Call[Outcome | None]:
    """Completeness and partials in one read; None if the task has no state."""
    return Call("outcome", base_key(group), {"task": str(task)}, Outcome | None)


def progress_of(group: Id, task: Id) -> Call[Progress | None]:
    """Where a task stands; None if it has no state (not split yet, or over)."""
    return Call("progress", base_key(group), {"task": str(task)}, Progress | None)
