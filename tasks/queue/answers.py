"""What the scripts answer. Each struct is the map that a script packs: see the contracts in `lua/`.

A field that a script leaves out has its default.
"""

from __future__ import annotations

import msgspec

from tasks.queue.keys import Conns

Held = list[tuple[str, str]]  # (connection, lease)


class Opened(msgspec.Struct, frozen=True):
    split: int  # subtasks split already
    ended: bool


class Pushed(msgspec.Struct, frozen=True):
    taken: bool
    gone: bool  # the task has no state: it ended meanwhile
    split: int  # how many subtasks are split now
    complete: bool
    wake: Conns  # connections that wait for such work


class Granted(msgspec.Struct):
    """A lease. `payloads` come behind the map, in the order of `subtasks`."""

    lease: str
    task: str
    kind: str  # name@version
    max_ms: int  # per subtask
    subtasks: list[int]
    payloads: list[bytes] = []

    @property
    def seconds_max(self) -> float:
        """How long a subtask may take."""
        return self.max_ms / 1000


class Leased(msgspec.Struct):
    granted: Granted | None = None
    wake: Conns = []  # for work of leases reaped on the way
    complete: list[str] = []
    ask_again_ms: int = 0  # when there may be something for it; 0: not in sight
    requeued: int = 0  # subtasks of lost leases that wait again

    @property
    def ask_again_seconds(self) -> float:
        return self.ask_again_ms / 1000

    def attach(self, raw: list[bytes]) -> None:
        if self.granted:
            self.granted.payloads = raw


class Failing(msgspec.Struct, frozen=True, array_like=True):
    """A worker that failed what others have done, again and again."""

    worker: str
    owner: str
    all: bool  # so did others of its owner


class Settled(msgspec.Struct, frozen=True):
    """Answer to a result, a failure or a release. `reason` is empty if it was accepted."""

    reason: str = ""
    open: list[int] = []  # refused: those that still can be sent
    task: str = ""
    complete: bool = False  # nothing more can change the outcome: conclude
    wake: Conns = []
    unwanted: Held = []  # leases that may stop
    failing: list[Failing] = []  # workers that failed on tasks of too many submitters in a row
    requeued: int = 0  # subtasks that wait again
    drawn: bool = False  # another owner is to compute it again
    is_check: bool = False  # it was for a check: nothing was done that counts
    compare: bool = False  # an answer to a check is whole, and nobody was asked to compare it


class LeaseKind(msgspec.Struct, frozen=True):
    kind: str


class Heard(msgspec.Struct, frozen=True):
    """Answer to a heartbeat."""

    unwanted: list[str]  # leases of which nothing is wanted any more


class Adopted(msgspec.Struct, frozen=True):
    kept: list[str]  # leases of which something is still wanted


class Woken(msgspec.Struct, frozen=True):
    wake: Conns


class TakenBack(msgspec.Struct, frozen=True):
    """Answer to the end or the pause of a task."""

    held: Held  # the leases that were active
    checks: int = 0  # of a task that ended: those that were not settled


class Revoked(msgspec.Struct, frozen=True):
    """What was taken back from the workers of a former member."""

    held: Held  # the leases that were active
    wake: Conns


class Reaped(msgspec.Struct, frozen=True):
    leases: int
    wake: Conns
    complete: list[str]
    more: bool  # others are overdue still: call again
    requeued: int  # subtasks


class Moved(msgspec.Struct, frozen=True):
    moved: int  # keys


class Converted(msgspec.Struct, frozen=True):
    """Answer to the conversion of a task that an older release has begun."""

    leases: int  # those that were given back, because their owner is not known
    parts: int  # accepted partials of which nothing is known


class Mended(msgspec.Struct, frozen=True):
    found: int  # subtasks that wait again
    wake: Conns


class Retracted(msgspec.Struct, frozen=True):
    taken: int  # parts that were taken out now
    subtasks: int  # that are to be done anew
    sealed: bool  # it is too late: the task's result is being delivered


class Sealed(msgspec.Struct, frozen=True):
    sealed: bool  # the parts that were read stand


class Checks(msgspec.Struct, frozen=True):
    """Where the checks of a task stand, see `lua/checks.lua`."""

    complete_ms: int  # since it was first seen here that the task is complete; -1 if it is not
    quiet_ms: int  # of those: since an answer came or a check was settled last
    verify: str  # what others recompute, one of verification.VERIFY
    open: int  # checks that are not settled
    waiting: int  # of those: nobody has them
    held: int  # of those: an active lease has them
    ready: int  # of those: their answers are to be compared
    others: bool  # somebody online could take one of those that wait
    disputed: bool  # one of those that wait has an answer, which differs
    checked: int  # subtasks that other owners confirmed
    same_owner: int  # subtasks that only another machine of the same owner confirmed
    taken_out: int  # subtasks whose results were taken out again
    undecided: int  # checks whose answers differ, with nobody left to ask
    unchecked: int  # checks that were given up
    checkers: int  # owners who answered checks that are settled
    wrong: int  # owners who were found wrong

    @property
    def complete_seconds(self) -> float:
        return self.complete_ms / 1000

    @property
    def quiet_seconds(self) -> float:
        return self.quiet_ms / 1000


class Rechecked(msgspec.Struct, frozen=True):
    """What else of an owner who was found wrong is to be checked now."""

    parts: int
    ended: bool  # the split has ended, so that their payloads can be made anew


class Lacking(msgspec.Struct, frozen=True):
    """The parts whose check lacks its payloads, each with the runs of its subtasks."""

    parts: list[tuple[int, list[int]]]


class Settlement(msgspec.Struct, frozen=True):
    """Whether this call settled a check."""

    settled: bool
    subtasks: int  # that are to be done anew
    parts: int  # that were taken out
    caught: list[str]  # owners who were found wrong, for the first time in this task
    lacking: bool  # its payloads are to be made anew before somebody else can be asked
    wake: Conns


class Noted(msgspec.Struct, frozen=True):
    noted: bool  # the task has state


class Abandoned(msgspec.Struct, frozen=True):
    dropped: bool


class Reserved(msgspec.Struct, frozen=True):
    """Whether room is reserved. `reason` is "" if it is, else "room", "owner" or "group"."""

    reason: str
    held: int  # bytes that the others hold of what is short


class Spent(msgspec.Struct, frozen=True):
    left: int  # bytes that are still reserved


class Unreserved(msgspec.Struct, frozen=True):
    found: int  # tasks that had reserved something
