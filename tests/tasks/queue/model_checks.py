"""Checks in the model of the queue: who may answer them, and what comes of that."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from tests.tasks.queue.model_state import (
    BAD_PARTIAL,
    CANARIES_KEPT,
    RECHECKED_MAX,
    Check,
    Lease,
    Task,
)

if TYPE_CHECKING:
    from tests.tasks.queue.model import Model


class Checks:
    """The checks of all tasks; what they are is in the tasks."""

    def __init__(self, model: Model) -> None:
        self.model = model

    def may_answer(self, task: Task, check: Check, worker: str) -> bool:
        owner = self.model.owners[worker]
        if owner == check.owner:
            return worker != check.worker and self._may_check_oneself(task, check)
        if owner in check.answered:
            return False
        return owner not in check.failed or not self.others_for(task, check, but_for=check.failed)

    def _may_check_oneself(self, task: Task, check: Check) -> bool:
        """Nobody else is there; whoever demands all checked wants it of their own machines only."""
        if check.owner in check.answered or check.owner in check.failed:
            return False
        if task.verify == "all" and check.owner != task.creator:
            return False
        return not {self.model.owners[other] for other in self.model.takers(task)} - {check.owner}

    def others_for(self, task: Task, check: Check, but_for: Iterable[str] = ()) -> set[str]:
        """Owners online who have not answered it, but for some."""
        owners = {self.model.owners[worker] for worker in self.model.takers(task)}
        return owners - {check.owner, *check.answered, *but_for}

    def checkable(self, worker: str) -> dict[str, list[int]]:
        """{task: numbers of parts that this worker may check now}."""
        return {
            task.name: [
                number
                for number, check in task.checks.items()
                if check.waits and self.may_answer(task, check, worker)
            ]
            for task in self.model.tasks.values()
            if task.kind in self.model.kinds[worker]
            and not (task.paused or task.broken or self.model.is_set_aside(task, worker))
        }

    def grant(self, lease: Lease) -> None:
        assert lease.check is not None
        check = lease.task.checks[lease.check]
        check.waits, check.leases = False, check.leases + 1
        self.model.leases[lease.name] = lease

    def grant_canary(self, lease: Lease) -> None:
        """A part that was confirmed is leased once more."""
        task, number = lease.task, lease.check
        assert number is not None
        owner, worker = self.model.owners[lease.worker], task.senders[number]
        assert task.verify != "all" and number not in task.checks
        assert owner not in task.canaries[number]
        task.canaries[number].add(owner)
        check = Check(list(lease.owes), self.model.owners[worker], worker, waits=False, kept=False)
        check.canary, check.leases = True, 1
        task.checks[number] = check
        self.model.leases[lease.name] = lease

    def settle_canary(self, task: Task, number: int, wrong: Sequence[str]) -> int:
        self.end(task, number)
        return self._punish(task, wrong)

    def doubt(self, task: Task, number: int) -> None:
        """Whoever answered a canary differs from what was known: it is checked anew."""
        check = task.checks[number]
        check.canary, check.kept = False, True
        task.confirmed.discard(number)
        task.canaries.pop(number, None)
        self.ask_again(task, number)

    def answer(self, lease: Lease, subtasks: list[int]) -> None:
        """A piece of an answer: nothing is done or charged by it."""
        number = lease.part if lease.check is None else lease.check
        assert number is not None
        owner, check = self.model.owners[lease.worker], lease.task.checks[number]
        self.model.answered_check = True
        check.pieces.append((lease.name, lease.worker, subtasks))
        self.model.strike(lease.task, lease.worker, -len(subtasks))
        self.model.newly_accused = []
        self.model.streaks.pop(lease.worker, None)
        self.model.failing.pop(owner, None)
        self.model.owe_less(lease, subtasks)
        if not lease.owes:
            check.answered.append(owner)
            check.ready = True

    def answers_as_copy(self, lease: Lease, subtasks: list[int]) -> bool:
        """Whether a second copy of a part, overtaken by it, can be compared with it."""
        task, number = lease.task, lease.part
        if number is None or task.broken or number in task.confirmed:
            return False
        part, check = task.partials[number], task.checks.get(number)
        if not part or len(subtasks) != len(part):
            return False
        if check is None:
            owner, worker = self.model.owners[task.senders[number]], task.senders[number]
            task.checks[number] = Check(list(part), owner, worker, waits=False, kept=False)
            task.own_checks.discard(number)
            return True
        if self.model.owners[lease.worker] in check.answered:
            return False
        check.waits = False
        return True

    def give_back(self, lease: Lease, *, has_failed: bool) -> None:
        assert lease.check is not None
        del self.model.leases[lease.name]
        check = lease.task.checks[lease.check]
        if check.canary:
            del lease.task.checks[lease.check]
            return
        if has_failed:
            check.failed.append(self.model.owners[lease.worker])
        check.waits = not (check.given_up or check.ready)

    def end(self, task: Task, number: int) -> None:
        task.checks.pop(number, None)
        mine = [
            le.name for le in self.model.leases.values() if le.task is task and le.check == number
        ]
        for name in mine:
            del self.model.leases[name]

    def recheck(self, task: Task, owner: str) -> int:
        """The owner was found wrong: their latest unchecked parts are to be checked."""
        if task.verify == "none" or task.broken:
            return 0
        standing = [number for number, subtasks in enumerate(task.partials) if subtasks]
        theirs = [number for number in standing if self.model.owners[task.senders[number]] == owner]
        unchecked = [n for n in theirs if n not in task.confirmed and n not in task.checks]
        for number in unchecked[-RECHECKED_MAX:]:
            part = list(task.partials[number])
            worker = task.senders[number]
            task.checks[number] = Check(part, owner, worker, waits=False, lacking=True, kept=False)
            task.own_checks.discard(number)
        return len(unchecked[-RECHECKED_MAX:])

    def ask_again(self, task: Task, number: int) -> None:
        check = task.checks[number]
        check.ready = False
        is_leased = any(le.task is task and le.check == number for le in self.model.leases.values())
        if is_leased or check.given_up:
            return
        check.waits, check.lacking = check.kept, not check.kept

    def settle_by_own_machine(self, task: Task, number: int) -> None:
        """Only another machine of the same owner agreed."""
        self.end(task, number)
        task.own_checks.add(number)

    def settle(self, task: Task, number: int, lease: str, wrong: Sequence[str]) -> int:
        """An answer was confirmed: the part's, or that of this lease, which takes its place.

        All parts of those who are wrong are taken out. Returns how many subtasks are done anew.
        """
        check = task.checks[number]
        self.end(task, number)
        if lease:
            task.own_checks.discard(number)
            task.partials[number] = []
            task.done_by[check.owner] -= len(check.part)
            for name, worker, subtasks in check.pieces:
                if name == lease:
                    task.confirmed.add(len(task.partials))
                    task.partials.append(subtasks)
                    task.senders.append(worker)
                    task.done_by[self.model.owners[worker]] += len(subtasks)
            task.decided = False
        else:
            task.confirmed.add(number)
            if check.kept and len(task.canaries) < CANARIES_KEPT:
                task.canaries[number] = {check.owner, *check.answered}
        return self._punish(task, wrong)

    def _punish(self, task: Task, wrong: Sequence[str]) -> int:
        """All parts of those who are wrong are taken out; how many subtasks are done anew."""
        redone = 0
        for owner in wrong:
            self.model.strike_owner(task, owner, BAD_PARTIAL)
            for other, sender in enumerate(task.senders):
                if self.model.owners[sender] == owner:
                    redone += self.model.retract(task, other)
        return redone

    def keep_copies(self, lease: Lease, subtasks: list[int], number: int) -> None:
        """A second copy by another owner's worker goes on as a check, or is remembered."""
        for other in self.model.working():
            is_same = other.task is lease.task and set(other.owes) == set(subtasks)
            if not is_same or self.model.owners[other.worker] == self.model.owners[lease.worker]:
                continue
            if other.name in self.model.goes_on:
                assert lease.task.checks[number].waits
                other.check, lease.task.checks[number].waits = number, False
            else:
                other.active, other.overdue, other.part = False, 0, number
