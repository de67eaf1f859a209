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
from typing import TypeVar
from uuid import UUID

import msgspec
from django.test import override_settings
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from firmlight.redis import connect
from tasks import queue, states
from tasks.queue.scripts import Call
from tests.tasks.queue.checks import check_choice, check_leases, check_run, check_served, check_tasks, look
from tests.tasks.queue.model import LEASE_SUBTASKS_MAX, MAX_ATTEMPTS, MAX_LOSSES, Lease, Model, Task

KINDS = ("ECHO@1", "MEAN@1")
WORKERS = {"laptop": KINDS, "tower": KINDS, "server": KINDS[:1]}
SECONDS = (0.0, 1e-4)  # less than any round trip takes: believed as they are
CREATORS = ("alice", "bob", "dora")
OWNERS = {"laptop": "alice", "tower": "bob", "server": "carol"}
LIMITS = {
    "LEASE_SUBTASKS_MAX": LEASE_SUBTASKS_MAX,
    "LEASE_SECONDS_MIN": 1e6,  # so every lease but the first is as long as it may be, however fast this machine is
    "LEASE_TARGET_SECONDS": 1e6,
    "MAX_ATTEMPTS": MAX_ATTEMPTS,
    "MAX_LOSSES": MAX_LOSSES,
}
T = TypeVar("T")
_groups = count(1)

creators, kinds = st.sampled_from(CREATORS), st.sampled_from(KINDS)
batch = st.integers(1, 9)
which = st.integers(1, 999)  # picks one of what there is


def pick(items: Iterable[T], number: int) -> T:
    row = list(items)
    return row[number % len(row)]


def some(items: Iterable[T], number: int, at_most: int = 1) -> list[T]:
    """Up to `at_most` different ones; none if there are none. (What rules draw must not hang on what Redis did.)"""
    row = list(items)
    start = number % len(row) if row else 0
    return (row[start:] + row[:start])[:at_most]


class Queue(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.limits = override_settings(**LIMITS)
        self.limits.enable()
        self.redis = connect()
        self.group = str(UUID(int=2**64 + next(_groups)))
        self.model = Model(kinds=dict(WORKERS))
        # every lease there was: name, worker, subtasks; and one that there never was
        self.granted = [(queue.new_lease_id(self.group), "laptop", [0])]
        self.numbers = count(1)
        self.credited: Counter[str] = Counter()  # to creators, for tasks closed since
        self.drift: dict[str, float] = {}
        self.served_all_along: set[str] = set()  # creators that had something to lease ever since the last check
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

    def served(self, creator: str) -> float:
        return self.redis.zscore(self.key("served"), creator) or 0.0

    def do(self, call: Call[T]) -> T:
        answer = call.now()
        serving = {creator.decode() for creator in self.redis.zrange(self.key("serving"), 0, -1)}
        self.served_all_along &= serving
        return answer

    # Tasks

    @initialize(sizes=st.tuples(batch, batch, batch), partial=st.booleans(), band=st.sampled_from([1, 1, 0]))
    def begin(self, sizes: tuple[int, int, int], partial: bool, band: int) -> None:
        for creator, kind, size in zip(CREATORS, (*KINDS, KINDS[0]), sizes, strict=True):
            self.open(creator, kind, band, partial, size)

    @rule(creator=creators, kind=kinds, band=st.integers(0, 2), partial=st.booleans(), size=batch)
    def open(self, creator: str, kind: str, band: int, partial: bool, size: int) -> None:
        if len(self.model.tasks) > 3:
            return
        order = next(self.numbers)
        task = Task(f"task-{order}", kind, creator, band, order, partial)
        self.model.tasks[task.name] = task
        for _ in range(2):  # opened again it is the same
            opened = queue.open_task(
                self.group,
                task.name,
                kind=kind,
                creator=creator,
                priority=states.PRIORITIES[band],
                seconds_max=60,
                allow_partial=partial,
                order=order,
            ).now()
            assert (opened.split, opened.ended) == (0, False)
        self.push_batch(task, 0, size, last=False)

    @rule(at=which, size=st.integers(0, 4), off=st.sampled_from([0, 0, 0, 0, -1, 1]), last=st.booleans())
    def push(self, at: int, size: int, off: int, last: bool) -> None:
        for task in some(self.model.tasks.values(), at):
            self.push_batch(task, task.split + off, size, last)

    def push_batch(self, task: Task, first: int, size: int, last: bool) -> None:
        for _ in range(2):  # two split jobs at once
            pushed = self.do(queue.push(self.group, task.name, first=first, payloads=[b"\x01"] * size, last=last))
            assert pushed.taken == task.push(first, size, last)
            assert (pushed.split, pushed.complete) == (task.split, pushed.taken and task.complete)

    @rule(at=which)
    def decide(self, at: int) -> None:
        name, worker, first = self.pick_lease(at)
        owes = self.model.leases[name].owes if name in self.model.leases else first
        self.send(name, worker, list(owes), 0.0, decided=True)

    @rule(at=which)
    def undecide(self, at: int) -> None:
        for task in some((task for task in self.model.tasks.values() if task.decided), at):
            self.do(queue.undecide(self.group, task.name))
            task.decided = False

    @rule(at=which)
    def conclude(self, at: int) -> None:
        for task in some((task for task in self.model.tasks.values() if task.complete), at):
            self.close(task)

    @rule(at=which)
    def cancel(self, at: int) -> None:
        for task in some(self.model.tasks.values(), at):
            self.close(task)

    def refill(self, at: int) -> None:
        """Unless something waits: conclude a task, open one, split one further."""
        if sum(len(task.waiting) for task in self.model.tasks.values() if not task.complete) > 3:
            return
        self.conclude(at)
        self.open(pick(CREATORS, at), pick(KINDS, at), at % 3, at % 2 == 0, 4)
        for task in some((task for task in self.model.tasks.values() if not task.ended), at):
            self.push_batch(task, task.split, 4, last=at % 3 == 0)

    def close(self, task: Task) -> None:
        progress = queue.progress(self.group, task.name).now()
        assert progress
        self.credited[task.creator] += progress.seconds
        assert set(self.do(queue.close(self.group, task.name))) == self.model.close(task)
        assert queue.progress(self.group, task.name).now() is None
        assert self.do(queue.push(self.group, task.name, first=task.split, payloads=[b"\x01"], last=True)).gone

    # Leases

    @rule(at=which, times=st.integers(1, 6), repeated=st.booleans(), done=st.integers(0, 3))
    def lease(self, at: int, times: int, repeated: bool, done: int) -> None:
        """Some connections in turn ask for work, of which there is some, and as much as `done` leases is done then."""
        self.refill(at)
        for number in range(at, at + times):
            conn = pick(self.model.online, number)
            self.lease_one(conn, self.model.online[conn], repeated)
        self.work(at, done)

    lease_again = lease_more = lease  # Hypothesis takes each rule as often as the next: this one is there three times

    def lease_one(self, conn: str, worker: str, repeated: bool) -> None:
        served = {name: self.served(name) for name in CREATORS}
        overdue = any(lease.overdue for lease in self.model.leases.values())
        call = queue.lease(self.group, worker=worker, owner=OWNERS[worker], conn=conn, kinds=WORKERS[worker])
        leased = self.do(call)
        assert set(leased.complete) == self.model.reap(2)
        choices = self.model.choices(worker)
        assert bool(leased.granted) == bool(choices)
        if leased.granted is None:
            return
        task = self.model.tasks[leased.granted.task]
        check_choice(task, choices, OWNERS[worker], None if overdue else served)
        check_run(self.model, task, worker, leased.granted.subtasks)
        self.model.grant(Lease(leased.granted.lease, worker, conn, task, leased.granted.subtasks))
        self.granted.append((leased.granted.lease, worker, leased.granted.subtasks))
        if repeated:  # Redis's answer was lost on its way, and the client sent the call again
            assert self.do(call).granted == leased.granted

    def work(self, at: int, times: int) -> None:
        """Workers do what they should: complete all that a lease owes, also if it was lost."""
        for lease in some(self.model.leases.values(), at, times):
            self.send(lease.name, lease.worker, list(lease.owes), pick(SECONDS, at), decided=False)

    @rule(
        at=which,
        how=st.sampled_from(["whole", "whole", "whole", "part", "twice", "with more", "none", "first", "foreign"]),
        seconds=st.sampled_from(SECONDS),
    )
    def complete(self, at: int, how: str, seconds: float) -> None:
        """`whole` is what the lease still owes; `first` is what it once had, so also what is settled since."""
        name, worker, first = self.pick_lease(at)
        owes = self.model.leases[name].owes if name in self.model.leases else first
        named = {"part": owes[::2], "twice": owes + owes[:1], "with more": [*owes, 99], "none": [], "first": first}
        sender = pick(WORKERS, list(WORKERS).index(worker) + 1) if how == "foreign" else worker
        subtasks = list(named.get(how, owes))
        self.send(name, sender, subtasks, seconds, decided=False)

    def send(self, name: str, worker: str, subtasks: list[int], seconds: float, decided: bool) -> None:
        known = self.model.leases.get(name)
        before = {lease.name: lease for lease in self.model.leases.values() if lease.active}
        partial = msgspec.msgpack.encode(subtasks)
        call = queue.complete(name, worker=worker, subtasks=subtasks, partial=partial, seconds=seconds, decided=decided)
        settled = self.do(call)
        assert (settled.reason, settled.open) == self.model.complete(name, worker, subtasks, decided)
        if settled.reason == "":
            assert known and settled.complete == known.task.complete
            ended = before.keys() - self.model.leases.keys() - {name}
            assert set(settled.unwanted) == {(before[other].conn, other) for other in ended}

    @rule(at=which, sub=which, times=st.integers(1, 3))
    def fail(self, at: int, sub: int, times: int) -> None:
        for number in range(at, at + times):
            name, worker, first = self.pick_lease(number)
            known = self.model.leases.get(name)
            subtask = pick(known.owes if known else first, sub)
            settled = self.do(queue.fail(name, worker=worker, subtask=subtask, error="ValueError"))
            assert settled.reason == self.model.fail(name, worker, subtask)
            if settled.reason == "":
                assert known and settled.complete == known.task.complete

    @rule(at=which, part=st.booleans())
    def release(self, at: int, part: bool) -> None:
        name, worker, first = self.pick_lease(at)
        subtasks = first[:1] if part else first
        settled = self.do(queue.release(name, worker=worker, subtasks=subtasks))
        assert settled.reason == self.model.release(name, worker, subtasks)

    def pick_lease(self, at: int) -> tuple[str, str, list[int]]:
        """Mostly one of those that are not settled yet; if there are few, more are leased first."""
        if len(self.model.leases) < 3:
            self.lease(at, times=3, repeated=False, done=0)
        alive = [lease for lease in self.granted if lease[0] in self.model.leases]
        return pick(alive if alive and at % 7 else self.granted, at)

    # Connections and time

    @rule(worker=st.sampled_from(sorted(WORKERS)))
    def connect(self, worker: str) -> None:
        if len(self.model.online) > 4:
            return
        conn = f"{worker}-{next(self.numbers)}"
        self.model.online[conn] = worker
        self.beat_on(conn, [])

    @rule(at=which, back=st.booleans(), how=st.sampled_from([queue.LOST, queue.LOST, queue.RELEASED, queue.KEPT]))
    def leave(self, at: int, back: bool, how: str) -> None:
        conn = pick(self.model.online, at)
        worker = self.model.online[conn]
        call = queue.leave(self.group, worker=worker, conn=conn, kinds=WORKERS[worker], slots=1, how=how)
        assert set(self.do(call).complete) == self.model.leave(conn, how)
        if back or len(self.model.online) < 2:
            self.connect(worker)

    @rule(at=which, what=st.lists(which, max_size=4))
    def adopt(self, at: int, what: list[int]) -> None:
        conn, names = self.pick_names(at, what)
        worker = self.model.online[conn]
        kept = [name for name in names if self.model.still_wanted(name, worker)]
        assert self.do(queue.adopt(self.group, worker=worker, conn=conn, leases=names)) == kept
        for name in kept:
            self.model.leases[name].conn, self.model.leases[name].overdue = conn, 0

    @rule(at=which, what=st.lists(which, max_size=4))
    def beat(self, at: int, what: list[int]) -> None:
        self.beat_on(*self.pick_names(at, what))

    def pick_names(self, at: int, what: list[int]) -> tuple[str, list[str]]:
        """A connection; some leases, whosever they are; and one of its worker's own."""
        conn, names = pick(self.model.online, at), [self.pick_lease(number)[0] for number in what]
        own = (lease.name for lease in self.model.leases.values() if lease.worker == self.model.online[conn])
        return conn, list(dict.fromkeys([*names, *some(own, at)]))

    def beat_on(self, conn: str, names: list[str]) -> None:
        worker = self.model.online[conn]
        call = queue.beat(self.group, worker=worker, conn=conn, kinds=WORKERS[worker], slots=1, leases=names)
        assert self.do(call) == [name for name in names if not self.model.still_wanted(name, worker)]
        for lease in filter(None, (self.model.find(name, worker) for name in names)):
            lease.overdue = 0

    @rule(at=which)
    def deadline_passes(self, at: int) -> None:
        for lease in some((lease for lease in self.model.leases.values() if lease.active), at):
            lease.overdue = next(self.numbers)
            self.redis.zadd(self.key("leases"), {lease.name: lease.overdue})

    @rule()
    def reap(self) -> None:
        overdue = sum(1 for lease in self.model.leases.values() if lease.overdue)
        reaped = self.do(queue.reap(self.group))
        assert (reaped.leases, reaped.more) == (overdue, False)
        assert set(reaped.complete) == self.model.reap(overdue)

    # What holds after every step

    @invariant()
    def all_is_as_the_model_says(self) -> None:
        seen = look(self.redis, self.group, self.model)
        check_tasks(self.model, seen)
        check_leases(self.model, seen)
        assert set(seen.idle) <= self.model.online.keys()
        self.drift = check_served(self.model, seen, self.credited, self.drift, self.served_all_along)
        self.served_all_along = seen.serving


TestQueue = Queue.TestCase
TestQueue.settings = settings(
    max_examples=80,
    stateful_step_count=50,
    derandomize=True,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
