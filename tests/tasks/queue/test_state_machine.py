"""The queue on a real Redis against a small model (`model.py`), driven by Hypothesis.

After every step, whatever was called in whatever order:

- every subtask is counted done at most once, and the partials name exactly the done ones;
- done + failed + open == split;
- every open subtask either waits, exactly once, or is held by an active lease; `leased` counts the held ones;
- an active lease owes open subtasks only, all of one task; what a lost one owes is remembered;
- a task is complete exactly when it is decided, broken, or split to its end with nothing open;
- nothing is leased of a task that is complete or closed, nor a subtask to a worker that failed it while another one
  that takes the kind is online;
- what is leased comes from the first band that has anything, from the owner's own tasks first, then from the creator
  served least, then in order of arrival;
- a creator's `served` is what results were credited with, plus the estimates of active leases, plus where he started:
  it moves only when he starts to have something to lease;
- only live connections wait for work;
- when all tasks are closed, nothing of them or of their leases is left.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import count
from typing import Any, TypeVar
from uuid import UUID

import msgspec
from django.test import override_settings
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from firmlight.redis import connect
from tasks import queue, states
from tests.tasks.queue.model import MAX_ATTEMPTS, MAX_LOSSES, Lease, Model, Task

KINDS = ("ECHO@1", "MEAN@1")
WORKERS = {"laptop": KINDS, "tower": KINDS, "server": KINDS[:1]}
OWNERS = {"laptop": "alice", "tower": "bob", "server": "carol"}
LIMITS = {"LEASE_SUBTASKS_MAX": 3, "MAX_ATTEMPTS": MAX_ATTEMPTS, "MAX_LOSSES": MAX_LOSSES}
T = TypeVar("T")
_groups = count(1)

which = st.integers(0, 10**6)  # picks one of what there is
seconds = st.sampled_from([0.0, 1e-4, 1e9])


def pick(items: Iterable[T], number: int) -> T:
    row = list(items)
    return row[number % len(row)]


class Queue(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.limits = override_settings(**LIMITS)
        self.limits.enable()
        self.redis = connect()
        self.group = str(UUID(int=2**64 + next(_groups)))
        self.model = Model(kinds=dict(WORKERS))
        self.granted: list[tuple[str, str, list[int]]] = []  # every lease there was: name, worker, subtasks
        self.numbers = count(1)
        self.credited: Counter[str] = Counter()  # to creators, for tasks closed since
        self.drift: dict[str, float] = {}
        self.serving: set[bytes] = set()
        for worker in WORKERS:
            self.connect(worker)

    def teardown(self) -> None:
        for task in list(self.model.tasks.values()):
            self.close(task)
        left = {key.split("}:")[1].split(":")[0] for key in self.keys()}
        self.limits.disable()
        assert left <= {"kinds", "served", "floor", "idle", "slots", "workers"}

    # Looking into Redis

    def key(self, *parts: str) -> str:
        return ":".join((f"fl:{{{self.group}}}", *parts))

    def keys(self) -> list[str]:
        return [key.decode() for key in self.redis.scan_iter(self.key("*").replace("{", "[{]"), count=1000)]

    def members(self, *parts: str) -> set[str]:
        return {name.decode() for name in self.redis.zrange(self.key(*parts), 0, -1)}

    def served(self, creator: str) -> float:
        return self.redis.zscore(self.key("served"), creator) or 0.0

    # Tasks

    @precondition(lambda self: len(self.model.tasks) < 5)
    @rule(
        creator=st.sampled_from(["alice", "bob", "dora"]),
        kind=st.sampled_from(KINDS),
        band=which,
        partial=st.booleans(),
    )
    def open(self, creator: str, kind: str, band: int, partial: bool) -> None:
        order = next(self.numbers)
        task = Task(f"task-{order}", kind, creator, band % 3, order, partial)
        self.model.tasks[task.name] = task
        for _ in range(2):  # opened again it is the same
            opened = queue.open_task(
                self.group,
                task.name,
                kind=kind,
                creator=creator,
                priority=states.PRIORITIES[task.band],
                seconds_max=60,
                allow_partial=partial,
                order=order,
            ).now()
            assert (opened.split, opened.ended) == (0, False)

    @precondition(lambda self: self.model.tasks)
    @rule(at=which, size=st.integers(0, 7), off=st.sampled_from([0, 0, 0, 0, -1, 1]), last=st.booleans())
    def push(self, at: int, size: int, off: int, last: bool) -> None:
        task = pick(self.model.tasks.values(), at)
        first = max(task.split + off, 0)
        for _ in range(2):  # two split jobs at once
            pushed = queue.push(self.group, task.name, first=first, payloads=[b"\x01"] * size, last=last).now()
            assert pushed.taken == task.push(first, size, last)
            assert (pushed.split, pushed.complete) == (task.split, pushed.taken and task.complete)

    @precondition(lambda self: any(task.decided for task in self.model.tasks.values()))
    @rule(at=which)
    def undecide(self, at: int) -> None:
        task = pick((task for task in self.model.tasks.values() if task.decided), at)
        queue.undecide(self.group, task.name).now()
        task.decided = False

    @precondition(lambda self: len(self.model.tasks) > 1)
    @rule(at=which)
    def close_one(self, at: int) -> None:
        complete = [task for task in self.model.tasks.values() if task.complete]
        self.close(pick(complete or self.model.tasks.values(), at))

    def close(self, task: Task) -> None:
        self.credited[task.creator] += self.progress(task).seconds
        assert set(queue.close(self.group, task.name).now()) == self.model.close(task)
        assert queue.progress(self.group, task.name).now() is None
        assert queue.push(self.group, task.name, first=task.split, payloads=[b"\x01"], last=True).now().gone

    # Leases

    @precondition(lambda self: self.model.online)
    @rule(at=which, times=st.integers(1, 3), repeated=st.booleans())
    def lease(self, at: int, times: int, repeated: bool) -> None:
        conn = pick(self.model.online, at)
        for _ in range(times):
            self.lease_one(conn, self.model.online[conn], repeated)

    def lease_one(self, conn: str, worker: str, repeated: bool) -> None:
        served = {name: self.served(name) for name in ("alice", "bob", "dora")}
        overdue = any(lease.overdue for lease in self.model.leases.values())
        call = queue.lease(self.group, worker=worker, owner=OWNERS[worker], conn=conn, kinds=WORKERS[worker])
        leased = call.now()
        assert set(leased.complete) == self.model.reap(2)
        choices = self.model.choices(worker)
        assert bool(leased.granted) == bool(choices)
        if leased.granted is None:
            return
        task = self.model.tasks[leased.granted.task]
        self.check_choice(task, choices, OWNERS[worker], None if overdue else served)
        self.check_run(task, worker, leased.granted.subtasks)
        self.model.grant(Lease(leased.granted.lease, worker, conn, task, leased.granted.subtasks))
        self.granted.append((leased.granted.lease, worker, leased.granted.subtasks))
        if repeated:  # Redis's answer was lost on its way, and the client sent the call again
            assert call.now().granted == leased.granted

    def check_choice(self, task: Task, choices: list[Task], owner: str, served: dict[str, float] | None) -> None:
        assert task in choices
        own = [other for other in choices if other.creator == owner]
        assert task in (own or choices)
        if not own and served:
            assert served[task.creator] == min(served[other.creator] for other in choices)
        alike = [other for other in choices if (other.creator, other.kind) == (task.creator, task.kind)]
        assert task.order == min(other.order for other in alike)

    def check_run(self, task: Task, worker: str, subtasks: list[int]) -> None:
        assert set(subtasks) <= self.model.leasable(task, worker)
        assert 1 <= len(subtasks) == len(set(subtasks)) <= LIMITS["LEASE_SUBTASKS_MAX"]
        if any(task.goes_alone(subtask) for subtask in subtasks) or worker not in task.known_workers:
            assert len(subtasks) == 1

    @precondition(lambda self: self.granted)
    @rule(
        at=which,
        how=st.sampled_from(["whole", "whole", "whole", "part", "twice", "with more", "none", "first", "foreign"]),
        seconds=seconds,
        decided=st.integers(0, 19).map(lambda n: n == 0),
    )
    def complete(self, at: int, how: str, seconds: float, decided: bool) -> None:
        """`whole` is what the lease still owes; `first` is what it once had, so also what is settled since."""
        name, worker, first = self.pick_lease(at)
        owes = self.model.leases[name].owes if name in self.model.leases else first
        named = {"part": owes[::2], "twice": owes + owes[:1], "with more": [*owes, 99], "none": [], "first": first}
        sender = pick(WORKERS, list(WORKERS).index(worker) + 1) if how == "foreign" else worker
        subtasks = list(named.get(how, owes))
        self.send(name, sender, subtasks, seconds, decided)

    def send(self, name: str, worker: str, subtasks: list[int], seconds: float, decided: bool) -> None:
        known = self.model.leases.get(name)
        before = {lease.name: lease for lease in self.model.leases.values() if lease.active}
        partial = msgspec.msgpack.encode(subtasks)
        call = queue.complete(name, worker=worker, subtasks=subtasks, partial=partial, seconds=seconds, decided=decided)
        settled = call.now()
        assert (settled.reason, settled.open) == self.model.complete(name, worker, subtasks, decided)
        if settled.reason == "":
            assert known and settled.complete == known.task.complete
            ended = before.keys() - self.model.leases.keys() - {name}
            assert set(settled.unwanted) == {(before[other].conn, other) for other in ended}

    @precondition(lambda self: self.granted)
    @rule(at=which, sub=which)
    def fail(self, at: int, sub: int) -> None:
        name, worker, first = self.pick_lease(at)
        subtask = pick(first, sub)
        known = self.model.leases.get(name)
        settled = queue.fail(name, worker=worker, subtask=subtask, error="ValueError").now()
        assert settled.reason == self.model.fail(name, worker, subtask)
        if settled.reason == "":
            assert known and settled.complete == known.task.complete

    @precondition(lambda self: self.granted)
    @rule(at=which, part=st.booleans())
    def release(self, at: int, part: bool) -> None:
        name, worker, first = self.pick_lease(at)
        subtasks = first[:1] if part else first
        settled = queue.release(name, worker=worker, subtasks=subtasks).now()
        assert settled.reason == self.model.release(name, worker, subtasks)

    def pick_lease(self, at: int) -> tuple[str, str, list[int]]:
        """Mostly one of those that are not settled yet."""
        alive = [lease for lease in self.granted if lease[0] in self.model.leases]
        return pick(alive if alive and at % 5 else self.granted, at // 5)

    # Connections and time

    @precondition(lambda self: len(self.model.online) < 5)
    @rule(worker=st.sampled_from(sorted(WORKERS)))
    def connect(self, worker: str) -> None:
        conn = f"{worker}-{next(self.numbers)}"
        self.model.online[conn] = worker
        self.beat_on(conn, [])

    @precondition(lambda self: self.model.online)
    @rule(at=which, how=st.sampled_from([queue.LOST, queue.LOST, queue.RELEASED, queue.KEPT]))
    def leave(self, at: int, how: str) -> None:
        conn = pick(self.model.online, at)
        worker = self.model.online[conn]
        call = queue.leave(self.group, worker=worker, conn=conn, kinds=WORKERS[worker], slots=1, how=how)
        assert set(call.now().complete) == self.model.leave(conn, how)

    @precondition(lambda self: self.model.online and self.granted)
    @rule(at=which, what=st.lists(which, max_size=4))
    def adopt(self, at: int, what: list[int]) -> None:
        conn = pick(self.model.online, at)
        worker, names = self.model.online[conn], [self.pick_lease(number)[0] for number in what]
        kept = [name for name in names if self.model.still_wanted(name, worker)]
        assert queue.adopt(self.group, worker=worker, conn=conn, leases=names).now() == kept
        for name in kept:
            self.model.leases[name].conn, self.model.leases[name].overdue = conn, 0

    @precondition(lambda self: self.model.online and self.granted)
    @rule(at=which, what=st.lists(which, max_size=4))
    def beat(self, at: int, what: list[int]) -> None:
        self.beat_on(pick(self.model.online, at), [self.pick_lease(number)[0] for number in what])

    def beat_on(self, conn: str, names: list[str]) -> None:
        worker = self.model.online[conn]
        call = queue.beat(self.group, worker=worker, conn=conn, kinds=WORKERS[worker], slots=1, leases=names)
        assert call.now() == [name for name in names if not self.model.still_wanted(name, worker)]
        for lease in filter(None, (self.model.find(name, worker) for name in names)):
            lease.overdue = 0

    @precondition(lambda self: any(lease.active for lease in self.model.leases.values()))
    @rule(at=which)
    def deadline_passes(self, at: int) -> None:
        lease = pick((lease for lease in self.model.leases.values() if lease.active), at)
        lease.overdue = next(self.numbers)
        self.redis.zadd(self.key("leases"), {lease.name: lease.overdue})

    @rule()
    def reap(self) -> None:
        overdue = sum(1 for lease in self.model.leases.values() if lease.overdue)
        reaped = queue.reap(self.group).now()
        assert (reaped.leases, reaped.more) == (overdue, False)
        assert set(reaped.complete) == self.model.reap(overdue)

    # What holds after every step

    def progress(self, task: Task) -> queue.Progress:
        progress = queue.progress(self.group, task.name).now()
        assert progress
        return progress

    @invariant()
    def tasks_are_as_the_model_says(self) -> None:
        for task in self.model.tasks.values():
            progress = self.progress(task)
            assert len(task.done) == len(set(task.done))
            assert progress.done + progress.failed + progress.open == progress.split == task.split
            assert (progress.done, progress.failed) == (len(task.done), len(task.failed))
            assert progress.leased == len(task.held)
            assert progress.complete == task.complete
            self.lists_are_as_the_model_says(task)

    def lists_are_as_the_model_says(self, task: Task) -> None:
        pipe = self.redis.pipeline()
        pipe.hkeys(self.key("t", task.name, "payloads"))
        for part in ("wait", "again", "partials"):
            pipe.lrange(self.key("t", task.name, part), 0, -1)
        payloads, wait, again, partials = pipe.execute()
        assert {int(subtask) for subtask in payloads} == task.open
        queued = sorted(int(subtask) for subtask in wait + again if int(subtask) in task.open)
        assert queued == sorted(task.waiting)  # each exactly once; those done meanwhile fall away
        assert [msgspec.msgpack.decode(partial) for partial in partials] == task.partials
        assert sorted(s for partial in task.partials for s in partial) == sorted(task.done)

    @invariant()
    def leases_are_as_the_model_says(self) -> None:
        active = [lease for lease in self.model.leases.values() if lease.active]
        assert self.members("leases") == {lease.name for lease in active}
        for lease in active:
            assert set(lease.owes) <= lease.task.held
        for task in self.model.tasks.values():
            assert task.held == {s for lease in active if lease.task is task for s in lease.owes}
        for lease in self.model.leases.values():
            self.record_is_as_the_model_says(lease)

    def record_is_as_the_model_says(self, lease: Lease) -> None:
        record: dict[bytes, Any] = self.redis.hgetall(self.key("l", lease.name))
        found = [record[name].decode() for name in (b"worker", b"conn", b"task", b"active")]
        assert found == [lease.worker, lease.conn, lease.task.name, str(int(lease.active))]
        assert msgspec.msgpack.decode(record[b"subtasks"]) == lease.owes

    @invariant()
    def only_live_connections_wait(self) -> None:
        for kind in KINDS:
            assert self.members("idle", kind) <= self.model.online.keys()

    @invariant()
    def what_was_served_does_not_drift(self) -> None:
        serving = set(self.redis.zrange(self.key("serving"), 0, -1))
        for creator in ("alice", "bob", "dora"):
            drift = self.served(creator) - self.charged(creator)
            before = self.drift.get(creator, 0.0)
            if creator.encode() in self.serving:
                assert abs(drift - before) < 1e-6
            assert drift > before - 1e-6
            self.drift[creator] = drift
        self.serving = serving

    def charged(self, creator: str) -> float:
        """Credited to results, and estimated for what active leases still owe."""
        total = self.credited[creator]
        for task in self.model.tasks.values():
            if task.creator == creator:
                total += self.progress(task).seconds
        for lease in self.model.leases.values():
            if lease.active and lease.task.creator == creator:
                total += float(self.redis.hget(self.key("l", lease.name), "charge")) * len(lease.owes)
        return total


TestQueue = Queue.TestCase
TestQueue.settings = settings(
    max_examples=60,
    stateful_step_count=50,
    derandomize=True,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
