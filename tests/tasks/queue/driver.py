"""What the state machine's rules are made of.

Each call of the queue is made on the model as well, and the answers are compared.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import count
from typing import Any, TypeVar
from uuid import UUID

import msgspec
from django.test import override_settings
from hypothesis.stateful import RuleBasedStateMachine, invariant

from core.redis import connect
from tasks import states
from tasks.queue import checks, connections, leasing, lifecycle, splitting
from tasks.queue.answers import Granted
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
from tests.tasks.queue.model import Model
from tests.tasks.queue.model_state import (
    COPIES_SHARE,
    LEASE_SUBTASKS_MAX,
    LOOK_CHECKS,
    LOSS,
    MAX_ATTEMPTS,
    MAX_LOSSES,
    RECHECKED_MAX,
    STREAK_MAX,
    Check,
    Demand,
    Lease,
    Task,
)

KINDS = ("ECHO@1", "MEAN@1")
WORKERS = {"laptop": KINDS, "tower": KINDS, "server": KINDS[:1], "phone": KINDS, "tablet": KINDS}
VERIFY = ("all", "sample", "sample", "none")  # of tasks, in turn
HOW = {"again": checks.AGAIN, "own machine": checks.SAME_OWNER}  # a check is settled
SECONDS = (0.0, 1e-4)  # less than any round trip takes: believed as they are
CREATORS = ("alice", "bob", "dora")
# one member has three names
OWNERS = {"laptop": "alice", "tower": "bob", "server": "carol", "phone": "alice", "tablet": "alice"}
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
}
T = TypeVar("T")
_groups = count(1)


def pick(items: Iterable[T], number: int) -> T:
    row = list(items)
    return row[number % len(row)]


def some(items: Iterable[T], number: int, at_most: int = 1) -> list[T]:
    """Up to `at_most` different ones; none if there are none.

    What rules draw must not depend on what Redis did.
    """
    row = list(items)
    start = number % len(row) if row else 0
    return (row[start:] + row[:start])[:at_most]


class Driver(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.limits = override_settings(**LIMITS)
        self.limits.enable()
        self.redis = connect()
        self.group = str(UUID(int=2**64 + next(_groups)))
        self.model = Model(kinds=dict(WORKERS), owners=dict(OWNERS))
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
        if self.note_check_lease(conn, worker, leased.granted):
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

    def note_check_lease(self, conn: str, worker: str, granted: Granted | None) -> bool:
        """Whether it is the lease of a check; those come before all else."""
        known = granted and self.redis.hget(self.key("l", granted.lease), "check")
        checkable = self.model.checks.checkable(worker)
        if granted is None or known is None:
            for task, numbers in checkable.items():
                waiting = [c for c in self.model.tasks[task].checks.values() if c.waits]
                assert not numbers or len(waiting) > LOOK_CHECKS
            return False
        task, number = self.model.tasks[granted.task], int(known)  # type: ignore[arg-type]
        if self.redis.hexists(self.key("l", granted.lease), "canary"):
            self.note_canary(conn, worker, granted, number)
            return True
        assert number in checkable[task.name]
        assert granted.subtasks == task.checks[number].part
        assert granted.payloads == [b"\x01"] * len(granted.subtasks)
        lease = Lease(granted.lease, worker, conn, task, list(granted.subtasks), check=number)
        self.model.checks.grant(lease)
        self.granted.append((granted.lease, worker, granted.subtasks))
        return True

    def note_canary(self, conn: str, worker: str, granted: Granted, number: int) -> None:
        """In place of work that this worker would have got, and no larger."""
        task = self.model.tasks[granted.task]
        assert task.waiting
        assert granted.subtasks == task.partials[number]
        assert granted.payloads == [b"\x01"] * len(granted.subtasks)
        assert len(granted.subtasks) == 1 or worker in task.known_workers
        lease = Lease(granted.lease, worker, conn, task, list(granted.subtasks), check=number)
        self.model.checks.grant_canary(lease)
        self.granted.append((granted.lease, worker, granted.subtasks))

    def compare_one(self, at: int, how: str) -> None:
        """Settle one check whose answers can be compared, or ask one more owner."""
        for task in some(self.tasks_to_compare(at), at):
            call = checks.unsettled(self.group, task.name, most=99, bytes_max=10**6)
            found = {check.number: check for check in self.do(call)}
            assert found.keys() == {n for n, check in task.checks.items() if check.ready}
            number = pick(sorted(found), at)
            check, known = found[number], task.checks[number]
            left = self.model.checks.others_for(task, known)
            assert check.others == bool(left and not known.given_up)
            pieces = [(one.lease, one.worker, one.subtasks) for one in check.pieces]
            assert pieces == known.pieces
            self.settle_one(task, check, known, how)

    def tasks_to_compare(self, at: int) -> list[Task]:
        """Those that have answers; if there are none, workers do what is leased, and the checks."""
        for _ in range(3):
            tasks = self.model.tasks.values()
            ready = [task for task in tasks if any(c.ready for c in task.checks.values())]
            if ready:
                return ready
            self.lease_some(at, 3)
            self.work(at, 9)
        return []

    def settle_one(self, task: Task, check: checks.Check, known: Check, how: str) -> None:
        assert check.canary == known.canary
        if known.canary:
            self.settle_canary(task, check, known, how)
            return
        whole = [one.lease for one in check.pieces if one.owner == known.answered[-1]]
        lease = whole[-1] if how in ("replaced", "liar") else ""
        wrong = {"liar": [known.owner], "false accuser": known.answered[:1]}.get(how, [])
        call = checks.settle(
            self.group,
            task.name,
            check=check,
            how=HOW.get(how, checks.CONFIRMED),
            lease=lease,
            checkers=known.answered,
            wrong=wrong,
        )
        settled = self.do(call)
        assert settled.settled
        if how == "again":
            self.model.checks.ask_again(task, check.number)
        elif how == "own machine":
            self.model.checks.settle_by_own_machine(task, check.number)
        else:
            assert settled.subtasks == self.model.checks.settle(task, check.number, lease, wrong)
        assert not self.do(call).settled

    def settle_canary(self, task: Task, check: checks.Check, known: Check, how: str) -> None:
        """Whoever answered said what is known, or something else, or what cannot be right."""
        if how == "again":
            call = checks.settle(self.group, task.name, check=check, how=checks.DOUBTED)
            assert self.do(call).settled
            self.model.checks.doubt(task, check.number)
            assert not self.do(call).settled
            return
        wrong = known.answered if how in ("liar", "false accuser") else []
        call = checks.settle(
            self.group, task.name, check=check, how=checks.CANARY, checkers=wrong, wrong=wrong
        )
        assert self.do(call).subtasks == self.model.checks.settle_canary(task, check.number, wrong)
        assert not self.do(call).settled

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

    def recheck_some(self, at: int, owner: str) -> None:
        """This owner was found wrong; some of the payloads that are made anew are there soon."""
        for task in self.model.tasks.values():
            rechecked = self.do(checks.recheck(self.group, task.name, owner))
            assert rechecked.parts == self.model.checks.recheck(task, owner)
            assert rechecked.ended == task.ended
        self.keep_payloads(at)

    def keep_payloads(self, at: int) -> None:
        """Payloads of parts that are to be checked are made anew, and come in two batches."""
        for task in some(self.model.tasks.values(), at):
            self.keep_payloads_of(task)

    def keep_payloads_of(self, task: Task) -> None:
        lacking = {n: set(check.part) for n, check in task.checks.items() if check.lacking}
        found = checks.lacking_payloads(self.group, task.name)
        assert found == lacking
        for number, subtasks in found.items():
            first, *rest = sorted(subtasks)
            pieces = [(number, {first: b"\x01"}, not rest)]
            if rest:
                pieces.append((number, dict.fromkeys(rest, b"\x01"), True))
            for piece in [*pieces, pieces[-1]]:  # by two jobs at once
                self.do(checks.keep_payloads(self.group, task.name, [piece]))
            check = task.checks[number]
            check.lacking, check.kept, check.waits = False, True, not check.ready

    def bring_canaries(self, at: int) -> None:
        """Something of a task is confirmed, and then workers ask who get what is known."""
        sampled = [task for task in self.model.tasks.values() if task.verify == "sample"]
        for task in some((task for task in sampled if any(task.partials)), at):
            rows = zip(task.senders, task.partials, strict=True)
            senders = [worker for worker, part in rows if part]
            self.recheck_some(at, OWNERS[pick(senders, at)])
            self.keep_payloads_of(task)
            self.lease_some(at, 5)
            self.work(at, 9)
            call = checks.unsettled(self.group, task.name, most=99, bytes_max=10**6)
            for check in self.do(call):
                self.settle_one(task, check, task.checks[check.number], "confirmed")
            if task.name in self.model.tasks and not task.ended:
                self.push_batch(task, task.split, 4, last=False)
            for conn, worker in list(self.model.online.items()):
                self.lease_one(conn, worker, canary=True)

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
