"""What the model of the queue consists of: tasks, leases, checks; and the limits it knows."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from statistics import median_low

MAX_ATTEMPTS, MAX_LOSSES, LEASE_SUBTASKS_MAX = 3, 3, 3
HOLDERS_MAX = 4  # of one subtask
COPIES_SHARE, STREAK_MAX = 0.5, 2
FAILURE, LOSS, RELEASE, BAD_PARTIAL = 10, 2, 1, 110  # strikes
FREE_STRIKES, STRIKES_MIN, STRIKES_MAX = 10, -20, 120
PACES_KEPT = 15
CHECK_LEASES, CHECK_TRIES, LOOK_CHECKS, RECHECKED_MAX, CANARIES_KEPT = 20, 3, 16, 2, 4


@dataclass
class Check:
    """What another owner is to compute again: a part that is neither settled nor taken out."""

    part: list[int]  # its subtasks
    owner: str  # of the part
    worker: str
    waits: bool = True
    lacking: bool = False  # its payloads are to be made anew, and then it waits
    kept: bool = True  # its payloads are there
    canary: bool = False  # what the part says is known
    ready: bool = False  # its answers are to be compared
    answered: list[str] = field(default_factory=list)  # owners
    failed: list[str] = field(default_factory=list)  # owners, each time
    leases: int = 0
    # lease, worker and subtasks of each
    pieces: list[tuple[str, str, list[int]]] = field(default_factory=list)

    @property
    def given_up(self) -> bool:
        return len(self.failed) >= CHECK_TRIES or self.leases >= CHECK_LEASES


@dataclass
class Task:
    name: str
    kind: str
    creator: str
    band: int  # 0 is served first
    order: int
    allow_partial: bool
    verify: str = "none"  # or "all", or "sample", of which nothing is ever drawn
    split: int = 0
    ended: bool = False
    decided: bool = False
    paused: bool = False
    copied: int = 0
    waiting: set[int] = field(default_factory=set)
    open: set[int] = field(default_factory=set)
    done: list[int] = field(default_factory=list)
    failed: list[int] = field(default_factory=list)
    partials: list[list[int]] = field(default_factory=list)  # [] for one that was taken out
    senders: list[str] = field(default_factory=list)  # workers, of each partial
    redo: set[int] = field(default_factory=set)  # taken out, and without payloads
    checks: dict[int, Check] = field(default_factory=dict)  # by the number of the part
    confirmed: set[int] = field(default_factory=set)  # numbers of parts
    own_checks: set[int] = field(default_factory=set)  # by another machine of the same owner
    # numbers of parts whose payloads are kept -> owners who have computed it
    canaries: dict[int, set[str]] = field(default_factory=dict)
    attempts: Counter[int] = field(default_factory=Counter)  # that count
    losses: Counter[int] = field(default_factory=Counter)
    # subtask -> how often each worker failed and lost it
    failed_by: defaultdict[int, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    lost_by: defaultdict[int, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    lost: Counter[str] = field(default_factory=Counter)  # worker -> subtasks of its lost leases
    known_workers: set[str] = field(default_factory=set)  # whose speed is known
    done_by: Counter[str] = field(default_factory=Counter)  # owner -> subtasks
    paces: list[float] = field(default_factory=list)  # s per subtask, of the latest results
    charged: float = 0.0  # to its creator, for results

    @property
    def broken(self) -> bool:
        return bool(self.failed) and not self.allow_partial

    @property
    def complete(self) -> bool:
        return self.decided or self.broken or (self.ended and not (self.open or self.redo))

    @property
    def held(self) -> set[int]:
        return self.open - self.waiting

    def push(self, first: int, count: int, last: bool) -> bool:
        if first != self.split or self.ended:
            return False
        new = set(range(first, first + count))
        self.split, self.ended = first + count, last
        self.open |= new
        self.waiting |= new
        return True

    @property
    def at_tail(self) -> bool:
        """All that is left is leased: some of it may be leased a second time."""
        return self.ended and not (self.paused or self.complete or self.waiting)

    def charge(self, seconds: float, subtasks: int) -> None:
        """Charge the median of the latest results for each subtask."""
        self.paces = [*self.paces, seconds / subtasks][-PACES_KEPT:]
        self.charged += median_low(self.paces) * subtasks

    def goes_alone(self, subtask: int) -> bool:
        return bool(self.failed_by[subtask] or self.lost_by[subtask])

    def close_subtask(self, subtask: int) -> None:
        self.open.discard(subtask)
        self.waiting.discard(subtask)


@dataclass
class Lease:
    name: str
    worker: str
    conn: str
    task: Task
    owes: list[int]
    active: bool = True
    copy: bool = False
    revoked: bool = False  # its owner is no member any more
    overdue: int = 0  # 0: not; otherwise the lower, the longer
    check: int | None = None  # number of the part that it checks
    part: int | None = None  # of one that was overtaken: number of the part that is the same


@dataclass(frozen=True)
class Demand:
    """How many wait for a task, those done meanwhile too, and how many owners want such work."""

    queued: int
    owners: int
