"""One group's queue as its workers see it, on a real Redis and without a database."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count
from uuid import UUID

import pytest

from core.redis import connect
from tasks.queue import checks, connections, leasing, splitting
from tasks.queue.answers import Granted, Leased, Settled
from tasks.queue.keys import GROUPS, base_key
from tasks.queue.progress import Outcome, Progress, outcome_of, progress_of

KIND = "ECHO@1"
_numbers = count(1)


@dataclass
class Connection:
    """One connection of a worker, heard of just now."""

    group: str
    worker: str
    owner: str
    name: str
    kinds: tuple[str, ...]
    slots: int = 1

    def __post_init__(self) -> None:
        self.beat()

    def beat(self, *leases: str) -> list[str]:
        who = {"worker": self.worker, "owner": self.owner, "conn": self.name}
        return connections.beat(
            self.group, **who, kinds=self.kinds, slots=self.slots, leases=leases
        ).now()

    def ask(self, longest_seconds: float | None = None, *, canary: bool = False) -> Leased:
        who = {"worker": self.worker, "owner": self.owner, "conn": self.name}
        return leasing.lease(
            self.group,
            **who,
            kinds=self.kinds,
            longest_seconds=longest_seconds,
            canary=canary,
        ).now()

    def lease(self) -> Granted:
        granted = self.ask().granted
        assert granted, "nothing was leased"
        return granted

    def complete(
        self,
        granted: Granted,
        subtasks: list[int] | None = None,
        *,
        seconds: float = 0.0,
        decided: bool = False,
        proves: bool = False,
        partial: bytes = b"\x01",
        chance: float = 0.0,
    ) -> Settled:
        named = granted.subtasks if subtasks is None else subtasks
        return leasing.complete(
            granted.lease,
            worker=self.worker,
            subtasks=named,
            partial=partial,
            seconds=seconds,
            decided=decided,
            proves=proves,
            chance=chance,
        ).now()

    def fail(
        self, granted: Granted, subtask: int | None = None, *, seconds: float = 0.0
    ) -> Settled:
        which = granted.subtasks[0] if subtask is None else subtask
        return leasing.fail(
            granted.lease,
            worker=self.worker,
            subtask=which,
            error="ValueError",
            message="no",
            seconds=seconds,
        ).now()

    def release(self, granted: Granted, subtasks: list[int] | None = None) -> Settled:
        named = granted.subtasks if subtasks is None else subtasks
        return leasing.release(granted.lease, worker=self.worker, subtasks=named).now()

    def reject(self, granted: Granted, why: str = "bad_partial") -> Settled:
        """What it sent of this lease is no partial of the kind."""
        return leasing.reject(
            granted.lease, worker=self.worker, owner=self.owner, why=why, message="no list"
        ).now()

    def leave(self, how: str = connections.LOST) -> Leased:
        who = {"worker": self.worker, "owner": self.owner, "conn": self.name}
        return connections.leave(self.group, **who, kinds=self.kinds, how=how).now()

    def work_off(self) -> list[int]:
        """Lease and complete until nothing is left.

        Returns the subtasks in the order in which they were leased.
        """
        order: list[int] = []
        while granted := self.ask().granted:
            assert self.complete(granted).reason == ""
            order += granted.subtasks
        return order


@dataclass
class Pool:
    """A group. `redis` is the test's own way to look, and to make time pass."""

    group: str
    redis = connect()
    order: count[int] = field(default_factory=count)

    def key(self, *parts: str) -> str:
        return ":".join((base_key(self.group), *parts))

    def connect(
        self,
        worker: str,
        *,
        owner: str = "",
        conn: str = "",
        kinds: tuple[str, ...] = (KIND,),
        slots: int = 1,
    ) -> Connection:
        return Connection(
            self.group,
            worker,
            owner or f"owner-of-{worker}",
            conn or f"{worker}-conn",
            kinds,
            slots,
        )

    def task(
        self,
        subtasks: int = 1,
        *,
        creator: str = "alice",
        kind: str = KIND,
        priority: str = "normal",
        payload: bytes = b"\x01",
        allow_partial: bool = False,
        seconds_max: float = 60,
        last: bool = True,
        verify: str = "none",
    ) -> str:
        """Open a task and push its subtasks in one batch.

        Tasks are ordered as these calls are.
        """
        number = next(self.order)
        task = f"task-{number}"
        splitting.open_task(
            self.group,
            task,
            kind=kind,
            creator=creator,
            priority=priority,
            seconds_max=seconds_max,
            allow_partial=allow_partial,
            order=number,
            verify=verify,
        ).now()
        splitting.push(self.group, task, first=0, payloads=[payload] * subtasks, last=last).now()
        return task

    def progress(self, task: str) -> Progress:
        progress = progress_of(self.group, task).now()
        assert progress
        return progress

    def outcome(self, task: str) -> Outcome:
        outcome = outcome_of(self.group, task).now()
        assert outcome
        return outcome

    def stands(self, task: str) -> tuple[int, int, int]:
        """How many checks are not settled, are leased, and are ready to be compared."""
        found = checks.standing_of(self.group, task).now()
        assert found
        return found.open, found.held, found.ready

    def expire(self, *granted: Granted) -> None:
        """The deadline of these leases has passed; nobody has noticed yet."""
        self.redis.zadd(self.key("leases"), {lease.lease: i + 1 for i, lease in enumerate(granted)})

    def began(self, granted: Granted, seconds_ago: float) -> None:
        """Make it look as if this lease was granted so long ago."""
        seconds, microseconds = self.redis.time()
        then = int(1000 * (seconds - seconds_ago) + microseconds / 1000)
        self.redis.hset(self.key("l", granted.lease), mapping={"granted": then, "since": then})

    def serve(self, **creators: float) -> None:
        """These creators were served so many core-seconds so far.

        Call it after opening their tasks.
        """
        self.redis.zadd(self.key("served"), creators)
        self.redis.zadd(self.key("serving"), creators, xx=True)
        for ready in self.redis.scan_iter(self.key("ready", "*")):
            self.redis.zadd(ready, creators, xx=True)

    def served(self, creator: str) -> float:
        return self.redis.zscore(self.key("served"), creator) or 0.0

    def speed(self, task: str, worker: str, subtasks_a_second: float) -> None:
        """What the queue believes of this worker's speed on this task."""
        known = {f"{worker}:speed": subtasks_a_second, f"{worker}:largest": 10_000}
        self.redis.hset(self.key("t", task, "work"), mapping=known)

    def keys(self) -> list[str]:
        """Every key there is but the list of groups and the formats, sorted."""
        names = sorted(key.decode() for key in self.redis.scan_iter(count=1000))
        return [name for name in names if name != GROUPS and not name.endswith(":format")]


@pytest.fixture
def pool() -> Pool:
    return Pool(str(UUID(int=next(_numbers))))


@pytest.fixture
def ann(pool: Pool) -> Connection:
    return pool.connect("anns", owner="ann")


@pytest.fixture
def ben(pool: Pool) -> Connection:
    return pool.connect("bens", owner="ben")


@pytest.fixture
def cy(pool: Pool) -> Connection:
    return pool.connect("cys", owner="cy")
