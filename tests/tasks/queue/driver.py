"""What the state machine's rules are made of.

Each call of the queue is made on the model as well, and the answers are compared.
"""

from __future__ import annotations

from collections import Counter
from itertools import count
from typing import Any, TypeVar
from uuid import UUID

import msgspec
from django.test import override_settings
from hypothesis.stateful import RuleBasedStateMachine, invariant

from core.redis import connect
from tasks import states
from tasks.queue import connections, leasing, lifecycle, splitting
from tasks.queue.keys import base_key, new_lease_id
from tasks.queue.progress import progress_of
from tasks.queue.scripts import Call
from tests.tasks.queue.checks import (
    check_choice,
    check_copy,
    check_leases,
    check_run,
    check_served,
    check_tasks,
    look,
)
from tests.tasks.queue.driver_checks import CheckDriver
from tests.tasks.queue.model import Model
from tests.tasks.queue.model_state import (
    COPIES_SHARE,
    LEASE_SUBTASKS_MAX,
    LOSS,
    MAX_ATTEMPTS,
    MAX_LOSSES,
    RECHECKED_MAX,
    STREAK_MAX,
    Demand,
    Lease,
    Task,
)
from tests.tasks.queue.roles import CREATORS, KINDS, OWNERS, SECONDS, WORKERS, pick, some

VERIFY = ("all", "sample", "sample", "none")  # of tasks, in turn
LIMITS = {
    "LEASE_SUBTASKS_MAX": LEASE_SUBTASKS_MAX,
    "LEASE_SECONDS": 3600,  # no deadline passes by itself
    # so every lease but the first is as long as it may be, however fast this machine is
    "LEASE_SECONDS_MIN": 1e6,
    "LEASE_TARGET_SECONDS": 1e6,
    "MAX_ATTEMPTS": MAX_ATTEMPTS,
    "MAX_LOSSES": MAX_LOSSES,
    "COPIES_SHARE_MAX": COPIES_SHARE,
    "SUSPEND_AFTER_SUBMITTERS": STREAK_MAX,
    "SET_ASIDE_SECONDS": 300,  # until a rule ends it
    "RECHECK_RESULTS_MAX": RECHECKED_MAX,
    "COPY_UNKNOWN_SECONDS": 600,  # however slow this machine is, until `fall_behind`
}
T = TypeVar("T")
_groups = count(1)


class Driver(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.limits = override_settings(**LIMITS)
        self.limits.enable()
        self.redis = connect()
        self.group = str(UUID(int=2**64 + next(_groups)))
        self.model = Model(kinds=dict(WORKERS), owners=dict(OWNERS))
        self.checks = CheckDriver(self)
        # every lease there was: name, worker, subtasks; and one that there never was
        self.granted = [(new_lease_id(self.group), "laptop", [0])]
        self.numbers = count(1)
        self.credited: Counter[str] = Counter()  # to creators, for tasks closed since
        self.drift: dict[str, float] = {}
        # creators that had something to lease ever since the last check
        self.served_all_along: set[str] = set()
        for worker in WORKERS:
            self.connect_one(worker)

    def teardown(self) -> None:
        try:
            for task in list(self.model.tasks.values()):
                self.close(task)
        finally:
            self.limits.disable()
        left = {key.removeprefix(self.key("")).split(":")[0] for key in self.keys()}
        kept = "format late_looked kinds served floor idle slots slots_of workers wants"
        of_owners = "streak failing strikes doubtful"
        assert left <= {*kept.split(), *of_owners.split()}

    # Looking into Redis

    def key(self, *parts: str) -> str:
        return ":".join((base_key(self.group), *parts))

    def keys(self) -> list[str]:
        return [
            key.decode()
            for key in self.redis.scan_iter(self.key("*").replace("{", "[{]"), count=1000)
        ]

    def served(self, creator: str) -> float:
        return self.redis.zscore(self.key("served"), creator) or 0.0

    def do(self, call: Call[T]) -> T:
        answer = call.now()
        serving = {creator.decode() for creator in self.redis.zrange(self.key("serving"), 0, -1)}
        self.served_all_along &= serving
        return answer

    # Tasks

    def open_one(self, creator: str, kind: str, band: int, partial: bool, size: int) -> None:
        if len(self.model.tasks) > 3:
            return
        order = next(self.numbers)
        task = Task(
            f"task-{order}", kind, creator, band, order, partial, verify=VERIFY[order % len(VERIFY)]
        )
        self.model.tasks[task.name] = task
        for _ in range(2):  # opened again it is the same
            opened = splitting.open_task(
                self.group,
                task.name,
                kind=kind,
                creator=creator,
                priority=states.PRIORITIES[band],
                seconds_max=60,
                allow_partial=partial,
                order=order,
                verify=task.verify,
            ).now()
            assert (opened.split, opened.ended) == (0, False)
        self.push_batch(task, 0, size, last=False)

    def push_batch(self, task: Task, first: int, size: int, last: bool) -> None:
        for _ in range(2):  # two split jobs at once
            pushed = self.do(
                splitting.push(
                    self.group, task.name, first=first, payloads=[b"\x01"] * size, last=last
                )
            )
            assert pushed.taken == task.push(first, size, last)
            assert (pushed.split, pushed.complete) == (task.split, pushed.taken and task.complete)

    def conclude_some(self, at: int) -> None:
        for task in some((task for task in self.model.tasks.values() if task.complete), at):
            self.close(task)

    def refill(self, at: int) -> None:
        """Unless something waits: conclude a task, open one, split one further."""
        if sum(len(task.waiting) for task in self.model.tasks.values() if not task.complete) > 3:
            return
        self.conclude_some(at)
        self.open_one(pick(CREATORS, at), pick(KINDS, at), at % 3, at % 2 == 0, 4)
        for task in some((task for task in self.model.tasks.values() if not task.ended), at):
            self.push_batch(task, task.split, 4, last=at % 3 == 0)

    def close(self, task: Task) -> None:
        self.credited[task.creator] += task.charged
        assert set(self.do(lifecycle.close(self.group, task.name)).held) == self.model.close(task)
        assert progress_of(self.group, task.name).now() is None
        assert self.do(
            splitting.push(self.group, task.name, first=task.split, payloads=[b"\x01"], last=True)
        ).gone

    # Leases

    def lease_some(self, at: int, times: int, *, repeated: bool = False) -> None:
        """Some connections in turn ask for work, of which there is some."""
        self.refill(at)
        for number in range(at, at + times):
            conn = pick(self.model.online, number)
            self.lease_one(conn, self.model.online[conn], repeated, canary=number % 2 == 0)

    def lease_one(
        self, conn: str, worker: str, repeated: bool = False, *, canary: bool = False
    ) -> None:
        served = {name: self.served(name) for name in CREATORS}
        overdue = any(lease.overdue for lease in self.model.leases.values())
        demands = {name: self.demand(task, worker) for name, task in self.model.tasks.items()}
        call = leasing.lease(
            self.group,
            worker=worker,
            owner=OWNERS[worker],
            conn=conn,
            kinds=WORKERS[worker],
            canary=canary,
        )
        leased = self.do(call)
        assert set(leased.complete) == self.model.reap(2)
        if overdue:  # what waits, and who wants it, changed within the call
            demands = dict.fromkeys(demands, Demand(0, 1))
        if self.checks.note_check_lease(conn, worker, leased.granted):
            if repeated:
                assert self.do(call).granted == leased.granted
            return
        choices = self.model.choices(worker, demands)
        assert leased.granted or not choices or overdue
        if leased.granted is None:
            return
        task = self.model.tasks[leased.granted.task]
        waited = bool(self.model.leasable(task, worker))
        if waited:
            if not overdue:
                check_choice(task, choices, OWNERS[worker], served)
            demand = None if overdue else demands[task.name]
            check_run(self.model, task, worker, leased.granted.subtasks, demand)
        else:  # none of it waits, so it is a second copy; whether there is one hangs on the clock
            assert overdue or all(task.band <= other.band for other in choices)
            check_copy(self.model, task, worker, leased.granted.subtasks)
        self.model.grant(
            Lease(
                leased.granted.lease, worker, conn, task, leased.granted.subtasks, copy=not waited
            )
        )
        self.granted.append((leased.granted.lease, worker, leased.granted.subtasks))
        if repeated:  # Redis's answer was lost on its way, and the client sent the call again
            assert self.do(call).granted == leased.granted

    def be_alone(self, at: int, owner: str) -> None:
        """Only this owner's workers are here for a while, and work."""
        for conn, worker in list(self.model.online.items()):
            if OWNERS[worker] != owner:
                who = {"worker": worker, "owner": OWNERS[worker], "conn": conn}
                kinds = WORKERS[worker]
                how = connections.RELEASED
                call = connections.leave(self.group, **who, kinds=kinds, how=how)
                assert set(self.do(call).complete) == self.model.leave(conn, how)
        for worker in WORKERS:
            if OWNERS[worker] == owner and worker not in self.model.online.values():
                self.connect_one(worker)
        self.lease_some(at, 4)
        self.work(at, 9)
        for worker in WORKERS:
            if worker not in self.model.online.values():
                self.connect_one(worker)

    def demand(self, task: Task, worker: str) -> Demand:
        """What waits for the task, and how many owners want work of its kind with this one."""
        lists = [self.key("t", task.name, part) for part in ("wait", "again")]
        wants = {owner.decode() for owner in self.redis.zrange(self.key("wants", task.kind), 0, -1)}
        return Demand(
            queued=sum(self.redis.llen(name) for name in lists),  # type: ignore[misc]
            owners=len(wants | {OWNERS[worker]}),
        )

    def work(self, at: int, times: int) -> None:
        """Workers do what they should: complete all that a lease owes, also if it was lost."""
        for lease in some(self.model.leases.values(), at, times):
            self.send(lease.name, lease.worker, list(lease.owes), pick(SECONDS, at), decided=False)

    def send(
        self,
        name: str,
        worker: str,
        subtasks: list[int],
        seconds: float,
        *,
        decided: bool,
        proves: bool = True,
    ) -> None:
        known = self.model.leases.get(name)
        before = {lease.name: lease for lease in self.model.leases.values() if lease.active}
        partial = msgspec.msgpack.encode(subtasks)
        call = leasing.complete(
            name,
            worker=worker,
            subtasks=subtasks,
            partial=partial,
            seconds=seconds,
            decided=decided,
            proves=proves,
            chance=0.99,  # of a sample it is not drawn
        )
        settled = self.do(call)
        working = [lease.name for lease in self.model.working()]
        checking = {name for name in working if self.redis.hexists(self.key("l", name), "check")}
        self.model.goes_on = checking
        assert (settled.reason, settled.open) == self.model.complete(
            name, worker, subtasks, seconds, decided, proves
        )
        if settled.reason == "":
            is_check = self.model.answered_check
            assert known and settled.complete == (known.task.complete and not is_check)
            assert settled.is_check == is_check
            active = {lease.name for lease in self.model.leases.values() if lease.active}
            ended = before.keys() - active - {name}
            assert set(settled.unwanted) == {(before[other].conn, other) for other in ended}
            accused = [(one.worker, one.owner, one.all) for one in settled.failing]
            assert sorted(accused) == sorted(self.model.newly_accused)
            self.note_late(len(ended))

    def note_late(self, ended: int) -> None:
        """So many leases were done by others: whether they were late hangs on the clock."""
        for owner in set(OWNERS.values()):
            found: Any = self.redis.hgetall(self.key("strikes", owner))
            for creator in CREATORS:
                seen = int(found.get(creator.encode(), 0))
                known = self.model.strikes[owner, creator]
                assert known <= seen <= known + LOSS * ended
                self.model.strikes[owner, creator] = seen
                if ended and f"{creator}:until".encode() in found:
                    self.model.aside.add((owner, creator))

    def end_rest(self, owner: str) -> None:
        """Enough time has passed: this owner is set aside no more."""
        for creator in CREATORS:
            self.redis.hdel(self.key("strikes", owner), f"{creator}:until")
        self.model.aside = {known for known in self.model.aside if known[0] != owner}

    def pick_lease(self, at: int) -> tuple[str, str, list[int]]:
        """Mostly one of those that are not settled yet; if there are few, more are leased first."""
        if len(self.model.leases) < 3:
            self.lease_some(at, 3)
        alive = [lease for lease in self.granted if lease[0] in self.model.leases]
        return pick(alive if alive and at % 7 else self.granted, at)

    def fall_behind(self, at: int) -> None:
        """Bring one task to its tail.

        It is split and leased to its end, those that hold the rest are slow, and others ask for
        more.
        """
        for task in some((task for task in self.model.tasks.values() if not task.complete), at):
            if not task.ended:
                self.push_batch(task, task.split, 1, last=True)
            for number in range(12):
                conn = pick(self.model.online, at + number)
                self.lease_one(conn, self.model.online[conn], False)
            for lease in self.model.leases.values():
                self.redis.hincrby(self.key("l", lease.name), "since", -3_600_000)
                self.redis.hincrby(self.key("l", lease.name), "granted", -3_600_000)
            for number in range(3):
                conn = pick(self.model.online, at + number)
                self.lease_one(conn, self.model.online[conn], False)

    # Connections

    def connect_one(self, worker: str) -> None:
        if len(self.model.online) > 6:
            return
        conn = f"{worker}-{next(self.numbers)}"
        self.model.online[conn] = worker
        self.beat_on(conn, [])

    def beat_on(self, conn: str, names: list[str]) -> None:
        worker = self.model.online[conn]
        call = connections.beat(
            self.group,
            worker=worker,
            owner=OWNERS[worker],
            conn=conn,
            kinds=WORKERS[worker],
            slots=1,
            leases=names,
        )
        assert self.do(call) == [
            name for name in names if not self.model.still_wanted(name, worker)
        ]
        for lease in filter(None, (self.model.find(name, worker) for name in names)):
            lease.overdue = 0

    def pick_names(self, at: int, what: list[int]) -> tuple[str, list[str]]:
        """A connection; some leases of any worker; and one of its worker's own."""
        conn, names = pick(self.model.online, at), [self.pick_lease(number)[0] for number in what]
        own = (
            lease.name
            for lease in self.model.leases.values()
            if lease.worker == self.model.online[conn]
        )
        return conn, list(dict.fromkeys([*names, *some(own, at)]))

    @invariant()
    def all_is_as_the_model_says(self) -> None:
        seen = look(self.redis, self.group, self.model)
        check_tasks(self.model, seen)
        check_leases(self.model, seen)
        assert set(seen.idle) <= self.model.online.keys()
        self.drift = check_served(
            self.model, seen, self.credited, self.drift, self.served_all_along
        )
        self.served_all_along = seen.serving
