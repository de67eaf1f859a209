"""The queue as a few Python sets, without indexes, sizes or speed."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from math import ceil, inf

from tests.tasks.queue.model_checks import Checks
from tests.tasks.queue.model_state import (
    BAD_PARTIAL,
    FAILURE,
    FREE_STRIKES,
    HOLDERS_MAX,
    LOSS,
    MAX_ATTEMPTS,
    MAX_LOSSES,
    RELEASE,
    STREAK_MAX,
    STRIKES_MAX,
    STRIKES_MIN,
    Check,
    Demand,
    Lease,
    Task,
)


@dataclass
class Model:
    """All there is of a group.

    `leases` holds those that are not settled yet, active or lost; `online` the live connections.
    """

    tasks: dict[str, Task] = field(default_factory=dict)
    leases: dict[str, Lease] = field(default_factory=dict)
    online: dict[str, str] = field(default_factory=dict)  # conn -> worker
    kinds: dict[str, tuple[str, ...]] = field(default_factory=dict)  # of each worker
    owners: dict[str, str] = field(default_factory=dict)  # of each worker
    # worker -> creators
    streaks: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    # owner -> creator -> the worker that failed last
    failing: defaultdict[str, dict[str, str]] = field(default_factory=lambda: defaultdict(dict))
    # (owner, creator) -> what the owner has done to tasks of this creator
    strikes: Counter[tuple[str, str]] = field(default_factory=Counter)
    aside: set[tuple[str, str]] = field(default_factory=set)
    # by the last result that was accepted
    answered_check: bool = False  # the last result that was accepted did
    # of the last result: leases of second copies that go on as its check; it hangs on the clock
    goes_on: set[str] = field(default_factory=set)
    newly_accused: list[tuple[str, str, bool]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.checks = Checks(self)

    # Who failed or lost a subtask

    def takers(self, task: Task) -> set[str]:
        """Workers online that take the task's kind, but for those of owners set aside."""
        online = {other for other in self.online.values() if task.kind in self.kinds[other]}
        return {w for w in online if (self.owners[w], task.creator) not in self.aside}

    def record_of(self, task: Task, subtask: int, owner: str) -> tuple[int, int]:
        """How often workers of this owner failed the subtask, and how often they lost it."""
        mine = [worker for worker in self.owners if self.owners[worker] == owner]
        failed, lost = task.failed_by[subtask], task.lost_by[subtask]
        return sum(failed[worker] for worker in mine), sum(lost[worker] for worker in mine)

    def barred(self, task: Task, subtask: int, worker: str) -> bool:
        owner = self.owners[worker]
        marked = task.failed_by[subtask].keys() | task.lost_by[subtask].keys()
        own = {other for other in marked if self.owners[other] == owner}
        if worker not in own and len(own) < 2:
            return False
        takers = self.takers(task)
        if len(own) == 1 and any(self.owners[w] == owner for w in takers - {worker}):
            return True
        record = self.record_of(task, subtask, owner)
        others = {self.owners[other] for other in takers}
        return any(self.record_of(task, subtask, other) < record for other in others)

    def count_failure(self, task: Task, subtask: int, worker: str) -> None:
        is_first = not self.record_of(task, subtask, self.owners[worker])[0]
        task.failed_by[subtask][worker] += 1
        owners = {self.owners[other] for other in self.takers(task)}
        all_failed = all(self.record_of(task, subtask, owner)[0] for owner in owners)
        task.attempts[subtask] += is_first or all_failed

    def count_loss(self, task: Task, subtask: int, worker: str) -> None:
        is_first = not self.record_of(task, subtask, self.owners[worker])[1]
        task.lost_by[subtask][worker] += 1
        owners = {self.owners[other] for other in self.takers(task)}
        all_tried = all(any(self.record_of(task, subtask, owner)) for owner in owners)
        task.losses[subtask] += is_first or all_tried

    # What may be leased

    def strike(self, task: Task, worker: str, strikes: int) -> None:
        """The worker did harm; less than nothing: it did something useful."""
        self.strike_owner(task, self.owners[worker], strikes)

    def strike_owner(self, task: Task, owner: str, strikes: int) -> None:
        if owner == task.creator:
            return
        known = self.strikes[owner, task.creator] + strikes
        self.strikes[owner, task.creator] = min(max(known, STRIKES_MIN), STRIKES_MAX)
        if strikes > 0 and known > FREE_STRIKES:
            self.aside.add((owner, task.creator))

    def is_set_aside(self, task: Task, worker: str) -> bool:
        """Nobody is, unless somebody better is there."""
        return (self.owners[worker], task.creator) in self.aside and bool(self.takers(task))

    def leasable(self, task: Task, worker: str) -> set[int]:
        if (
            task.complete
            or task.paused
            or task.kind not in self.kinds[worker]
            or self.is_set_aside(task, worker)
        ):
            return set()
        return {subtask for subtask in task.waiting if not self.barred(task, subtask, worker)}

    def held_by(self, task: Task, owner: str) -> int:
        held = (lease for lease in self.working() if lease.task is task)
        return sum(len(lease.owes) for lease in held if self.owners[lease.worker] == owner)

    def allowance(self, task: Task, worker: str, demand: Demand) -> float:
        """How many subtasks of the task the worker's owner may be leased now."""
        if demand.owners == 1:
            return inf
        owner = self.owners[worker]
        share = max(ceil(demand.queued / demand.owners), task.done_by[owner], 1)
        if self.strikes[owner, task.creator] > FREE_STRIKES:
            share = 1
        return share - self.held_by(task, owner)

    def choices(self, worker: str, demands: Mapping[str, Demand]) -> list[Task]:
        """Tasks of the first band that has anything for this worker."""
        tasks = [
            task
            for task in self.tasks.values()
            if self.leasable(task, worker) and self.allowance(task, worker, demands[task.name]) >= 1
        ]
        first = min((task.band for task in tasks), default=0)
        return [task for task in tasks if task.band == first]

    def copyable(self, task: Task, worker: str) -> set[int]:
        """Held by few, none of them this worker, and not barred."""
        if (
            not task.at_tail
            or task.kind not in self.kinds[worker]
            or self.is_set_aside(task, worker)
        ):
            return set()
        return {
            s
            for s in task.held
            if self._held_elsewhere(task, s, worker) and not self.barred(task, s, worker)
        }

    def _held_elsewhere(self, task: Task, subtask: int, worker: str) -> bool:
        holders = self._holders(task, subtask)
        is_own = any(holder.worker == worker for holder in holders)
        return 1 <= len(holders) < HOLDERS_MAX and not is_own

    def grant(self, lease: Lease) -> None:
        lease.task.waiting -= set(lease.owes)
        lease.task.copied += len(lease.owes) if lease.copy else 0
        self.leases[lease.name] = lease

    def working(self) -> Iterator[Lease]:
        """The active leases that are not those of checks."""
        return (lease for lease in self.leases.values() if lease.active and lease.check is None)

    # What workers send

    def find(self, name: str, worker: str) -> Lease | None:
        lease = self.leases.get(name)
        return lease if lease and lease.worker == worker else None

    def complete(
        self,
        name: str,
        worker: str,
        subtasks: list[int],
        seconds: float,
        decided: bool,
        proves: bool,
    ) -> tuple[str, list[int]]:
        """("", []) if it was accepted, else the reason and what is still open."""
        self.answered_check = False
        lease = self.find(name, worker)
        if lease is None:
            return "unknown_lease", []
        if lease.revoked:
            return "not_a_member", []
        named = [subtask for subtask in dict.fromkeys(subtasks) if subtask in lease.owes]
        is_check = lease.check is not None
        still = [subtask for subtask in named if is_check or subtask in lease.task.open]
        if len(named) < len(subtasks) or not subtasks:
            return "not_in_lease", still
        if not still and self.checks.answers_as_copy(lease, subtasks):
            self.checks.answer(lease, subtasks)
            return "", []
        if still != named:
            return "done_by_another", still
        if is_check:
            self.checks.answer(lease, subtasks)
            return "", []
        lease.task.done += subtasks
        number = None
        if not lease.task.broken:  # of a task that has failed nothing is combined
            lease.task.partials.append(subtasks)
            lease.task.senders.append(worker)
            number = len(lease.task.partials) - 1
            if lease.task.verify == "all":
                lease.task.checks[number] = Check(list(subtasks), self.owners[worker], worker)
        lease.task.known_workers.add(worker)
        lease.task.done_by[self.owners[worker]] += len(subtasks)
        lease.task.charge(seconds, len(subtasks))
        self.strike(lease.task, worker, -len(subtasks))
        self.newly_accused = self.accused(lease.task, worker, subtasks)
        self.streaks.pop(worker, None)
        self.failing.pop(self.owners[worker], None)
        lease.task.decided |= decided and (proves or lease.task.ended)
        if number is not None and lease.task.verify != "none":
            self.checks.keep_copies(lease, subtasks, number)
        self._close_subtasks(lease, subtasks)
        return "", []

    def accused(self, task: Task, worker: str, subtasks: list[int]) -> list[tuple[str, str, bool]]:
        """Workers, with their owners, that failed once too often what this worker has now done.

        True: all workers of the owner.
        """
        if self.owners[worker] == task.creator:
            return []
        blamed = dict.fromkeys(w for subtask in subtasks for w in task.failed_by[subtask])
        found = (self._count_streak(w, task.creator) for w in blamed if w != worker)
        return [one for one in found if one]

    def _count_streak(self, worker: str, creator: str) -> tuple[str, str, bool] | None:
        owner = self.owners[worker]
        streak, failing = self.streaks[worker], self.failing[owner]
        streak.add(creator)
        failing[creator] = worker
        if len(failing) >= STREAK_MAX and len(set(failing.values())) > 1:
            self.failing.pop(owner)
            return worker, owner, True
        if len(streak) >= STREAK_MAX:
            self.streaks.pop(worker)
            return worker, owner, False
        return None

    def retract(self, task: Task, number: int) -> int:
        """Take a part out again; returns how many subtasks are to be done anew."""
        subtasks = task.partials[number]
        if not subtasks:
            return 0
        worker = task.senders[number]
        self.checks.end(task, number)
        task.confirmed.discard(number)
        task.own_checks.discard(number)
        task.canaries.pop(number, None)
        task.partials[number] = []
        task.done = [subtask for subtask in task.done if subtask not in subtasks]
        task.done_by[self.owners[worker]] -= len(subtasks)
        task.redo |= set(subtasks)
        task.decided = False
        self.strike(task, worker, BAD_PARTIAL)
        return len(subtasks)

    def restore(self, task: Task) -> None:
        """The payloads of what was taken out are there again."""
        task.open |= task.redo
        task.waiting |= task.redo
        task.redo = set()

    def fail(self, name: str, worker: str, subtask: int) -> str:
        lease = self.find(name, worker)
        if lease is None:
            return "unknown_lease"
        if lease.revoked:
            return "not_a_member"
        if subtask not in lease.owes:
            return "not_in_lease"
        task = lease.task
        if lease.check is not None:
            self.strike(task, worker, FAILURE)
            self.checks.give_back(lease, has_failed=True)
            return ""
        if subtask not in task.open:
            self.owe_less(lease, [subtask])
            return "done_by_another"
        self.count_failure(task, subtask, worker)
        self.strike(task, worker, FAILURE)
        self.owe_less(lease, [subtask])
        if task.attempts[subtask] >= MAX_ATTEMPTS:
            task.failed.append(subtask)
            self._close_subtasks(lease, [subtask])
        elif not self._holders(task, subtask):
            task.waiting.add(subtask)
        return ""

    def release(self, name: str, worker: str, subtasks: list[int]) -> str:
        lease = self.find(name, worker)
        if lease is None:
            return "unknown_lease"
        if lease.revoked:
            return "not_a_member"
        if len(set(subtasks) & set(lease.owes)) < len(subtasks):
            return "not_in_lease"
        if lease.check is not None:
            self.checks.give_back(lease, has_failed=False)
        else:
            self.owe_less(lease, subtasks)
            self._let_wait(lease.task, subtasks)
        self.strike(lease.task, worker, RELEASE)
        return ""

    def reject(self, name: str, worker: str, why: str) -> str:
        """The worker sent what is no partial of the kind.

        All that the lease owes waits again, and the lease is forgotten.
        """
        lease = self.find(name, worker)
        if lease is None:
            return "unknown_lease"
        if lease.revoked:
            return "not_a_member"
        if why == "bad_partial":
            self.strike(lease.task, worker, BAD_PARTIAL)
        if lease.check is not None:
            self.checks.give_back(lease, has_failed=why == "bad_partial")
            return ""
        owes = list(lease.owes)
        self.owe_less(lease, owes)
        self._let_wait(lease.task, owes)
        return ""

    def still_wanted(self, name: str, worker: str) -> bool:
        lease = self.find(name, worker)
        if lease is None or lease.revoked:
            return False
        return lease.check is not None or bool(set(lease.owes) & lease.task.open)

    # What goes wrong

    def lose(self, lease: Lease) -> None:
        """An active lease is over without a result; the record stays, a late result may count."""
        if lease.check is not None:
            self.checks.give_back(lease, has_failed=True)
            self.strike(lease.task, lease.worker, LOSS)
            return
        lease.active, lease.overdue = False, 0
        lease.task.lost[lease.worker] += len(lease.owes)
        for subtask in self._let_wait(lease.task, lease.owes):
            self.count_loss(lease.task, subtask, lease.worker)
            if lease.task.losses[subtask] >= MAX_LOSSES:
                lease.task.failed.append(subtask)
                lease.task.close_subtask(subtask)
        self.strike(lease.task, lease.worker, LOSS)

    def reap(self, most: int) -> set[str]:
        """Lose up to `most` of the overdue; returns the tasks complete because of it."""
        overdue = sorted(
            (lease for lease in self.leases.values() if lease.overdue),
            key=lambda lease: lease.overdue,
        )
        return self._end(overdue[:most], lost=True)

    def leave(self, conn: str, how: str) -> set[str]:
        del self.online[conn]
        held = [lease for lease in self.leases.values() if lease.active and lease.conn == conn]
        return self._end(held if how != "kept" else [], lost=how == "lost")

    def revoke(self, owner: str) -> set[tuple[str, str]]:
        """The owner leaves the group: nothing of theirs counts any more."""
        theirs = [lease for lease in self.leases.values() if self.owners[lease.worker] == owner]
        held = [lease for lease in theirs if lease.active]
        for lease in theirs:
            lease.revoked = True
        self._take_back(held)
        return {(lease.conn, lease.name) for lease in held}

    def pause(self, task: Task) -> set[tuple[str, str]]:
        """All that is leased waits again.

        The leases' records stay, so that a result that comes all the same counts.
        """
        task.paused = True
        held = [lease for lease in self.leases.values() if lease.task is task and lease.active]
        self._take_back(held)
        return {(lease.conn, lease.name) for lease in held}

    def close(self, task: Task) -> set[tuple[str, str]]:
        mine = [lease for lease in self.leases.values() if lease.task is task]
        for lease in mine:
            del self.leases[lease.name]
        del self.tasks[task.name]
        return {(lease.conn, lease.name) for lease in mine if lease.active}

    # Small moves

    def _take_back(self, held: list[Lease]) -> None:
        for lease in held:
            if lease.check is not None:
                self.checks.give_back(lease, has_failed=False)
                continue
            lease.active, lease.overdue = False, 0
            self._let_wait(lease.task, lease.owes)

    def _end(self, leases: list[Lease], *, lost: bool) -> set[str]:
        for lease in leases:
            if lost:
                self.lose(lease)
            else:
                self.release(lease.name, lease.worker, list(lease.owes))
        return {lease.task.name for lease in leases if lease.task.complete}

    def _holders(self, task: Task, subtask: int) -> list[Lease]:
        active = (lease for lease in self.working() if lease.task is task)
        return [lease for lease in active if subtask in lease.owes]

    def _let_wait(self, task: Task, subtasks: Iterable[int]) -> list[int]:
        """Those that are open and that nobody else holds or has waiting already wait again."""
        free = [s for s in subtasks if s in task.open - task.waiting and not self._holders(task, s)]
        task.waiting |= set(free)
        return free

    def owe_less(self, lease: Lease, subtasks: Iterable[int]) -> None:
        lease.owes = [subtask for subtask in lease.owes if subtask not in set(subtasks)]
        if not lease.owes:
            self.leases.pop(lease.name, None)

    def _close_subtasks(self, lease: Lease, subtasks: list[int]) -> None:
        """They ended: neither this lease nor any active one owes them.

        A lost one may still name them.
        """
        for other in [lease, *[held for s in subtasks for held in self._holders(lease.task, s)]]:
            self.owe_less(other, subtasks)
        for subtask in subtasks:
            lease.task.close_subtask(subtask)
