"""What the state machine's rules do about checks: answering them, comparing, asking again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.queue import checks
from tasks.queue.answers import Granted
from tests.tasks.queue.model_state import LOOK_CHECKS, Check, Lease, Task
from tests.tasks.queue.roles import OWNERS, pick, some

if TYPE_CHECKING:
    from tests.tasks.queue.driver import Driver

HOW = {"again": checks.AGAIN, "own machine": checks.SAME_OWNER}  # a check is settled


class CheckDriver:
    """The part of the driver that knows of checks."""

    def __init__(self, driver: Driver) -> None:
        self.driver, self.model = driver, driver.model

    def note_check_lease(self, conn: str, worker: str, granted: Granted | None) -> bool:
        """Whether it is the lease of a check; those come before all else."""
        known = granted and self.driver.redis.hget(self.driver.key("l", granted.lease), "check")
        checkable = self.model.checks.checkable(worker)
        if granted is None or known is None:
            for task, numbers in checkable.items():
                waiting = [c for c in self.model.tasks[task].checks.values() if c.waits]
                assert not numbers or len(waiting) > LOOK_CHECKS
            return False
        task, number = self.model.tasks[granted.task], int(known)  # type: ignore[arg-type]
        if self.driver.redis.hexists(self.driver.key("l", granted.lease), "canary"):
            self.note_canary(conn, worker, granted, number)
            return True
        assert number in checkable[task.name]
        assert granted.subtasks == task.checks[number].part
        assert granted.payloads == [b"\x01"] * len(granted.subtasks)
        lease = Lease(granted.lease, worker, conn, task, list(granted.subtasks), check=number)
        self.model.checks.grant(lease)
        self.driver.granted.append((granted.lease, worker, granted.subtasks))
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
        self.driver.granted.append((granted.lease, worker, granted.subtasks))

    def compare_one(self, at: int, how: str) -> None:
        """Settle one check whose answers can be compared, or ask one more owner."""
        for task in some(self.tasks_to_compare(at), at):
            call = checks.unsettled(self.driver.group, task.name, most=99, bytes_max=10**6)
            found = {check.number: check for check in self.driver.do(call)}
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
            self.driver.lease_some(at, 3)
            self.driver.work(at, 9)
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
            self.driver.group,
            task.name,
            check=check,
            how=HOW.get(how, checks.CONFIRMED),
            lease=lease,
            checkers=known.answered,
            wrong=wrong,
        )
        settled = self.driver.do(call)
        assert settled.settled
        if how == "again":
            self.model.checks.ask_again(task, check.number)
        elif how == "own machine":
            self.model.checks.settle_by_own_machine(task, check.number)
        else:
            assert settled.subtasks == self.model.checks.settle(task, check.number, lease, wrong)
        assert not self.driver.do(call).settled

    def settle_canary(self, task: Task, check: checks.Check, known: Check, how: str) -> None:
        """Whoever answered said what is known, or something else, or what cannot be right."""
        if how == "again":
            call = checks.settle(self.driver.group, task.name, check=check, how=checks.DOUBTED)
            assert self.driver.do(call).settled
            self.model.checks.doubt(task, check.number)
            assert not self.driver.do(call).settled
            return
        wrong = known.answered if how in ("liar", "false accuser") else []
        call = checks.settle(
            self.driver.group,
            task.name,
            check=check,
            how=checks.CANARY,
            checkers=wrong,
            wrong=wrong,
        )
        assert self.driver.do(call).subtasks == self.model.checks.settle_canary(
            task, check.number, wrong
        )
        assert not self.driver.do(call).settled

    def recheck_some(self, at: int, owner: str) -> None:
        """This owner was found wrong; some of the payloads that are made anew are there soon."""
        for task in self.model.tasks.values():
            rechecked = self.driver.do(checks.recheck(self.driver.group, task.name, owner))
            assert rechecked.parts == self.model.checks.recheck(task, owner)
            assert rechecked.ended == task.ended
        self.keep_payloads(at)

    def keep_payloads(self, at: int) -> None:
        """Payloads of parts that are to be checked are made anew, and come in two batches."""
        for task in some(self.model.tasks.values(), at):
            self.keep_payloads_of(task)

    def keep_payloads_of(self, task: Task) -> None:
        lacking = {n: set(check.part) for n, check in task.checks.items() if check.lacking}
        found = checks.lacking_payloads(self.driver.group, task.name)
        assert found == lacking
        for number, subtasks in found.items():
            first, *rest = sorted(subtasks)
            pieces = [(number, {first: b"\x01"}, not rest)]
            if rest:
                pieces.append((number, dict.fromkeys(rest, b"\x01"), True))
            for piece in [*pieces, pieces[-1]]:  # by two jobs at once
                self.driver.do(checks.keep_payloads(self.driver.group, task.name, [piece]))
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
            self.driver.lease_some(at, 5)
            self.driver.work(at, 9)
            call = checks.unsettled(self.driver.group, task.name, most=99, bytes_max=10**6)
            for check in self.driver.do(call):
                self.settle_one(task, check, task.checks[check.number], "confirmed")
            if task.name in self.model.tasks and not task.ended:
                self.driver.push_batch(task, task.split, 4, last=False)
            for conn, worker in list(self.model.online.items()):
                self.driver.lease_one(conn, worker, canary=True)
