"""The brain's book of leases: what is queued for the slots, and what the server is told and still
owes an answer.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import count
from typing import Any

from firmlight_client import protocol
from firmlight_client.worker.brain.actions import Action, Forget, Keep, Send, Tell
from firmlight_client.worker.brain.held import Held, Job, Settleable
from firmlight_client.worker.load_policy import Verdict
from firmlight_client.worker.slot import wire

STARTING, IDLE, BUSY, QUITTING = "starting", "idle", "busy", "quitting"


@dataclass
class Seat:
    """A slot as the brain sees it. QUITTING: it still works on a job that was dropped."""

    state: str = STARTING
    job: Job | None = None


@dataclass
class Counts:
    """Since the start; for people to look at."""

    done: int = 0
    failed: int = 0
    leases: int = 0
    seconds: float = 0.0


class Ledger:
    """Every frame about a lease is kept until the server settles it; `welcome` is None while
    disconnected.
    """

    def __init__(self, slots: int) -> None:
        self.seats = {number: Seat() for number in range(slots)}
        self.held: dict[str, Held] = {}
        self.backlog: deque[Job] = deque()
        self.counts = Counts()
        self.welcome: protocol.Welcome | None = None
        self.draining = ""  # why
        self.verdict = Verdict(slots, {})  # how much may be done now
        self.rests = False  # no group gets anything
        self.offered = 0  # how many more leases the server may think it can send
        self.leases_received = 0  # leases that came on this connection
        self.actions: list[Action] = []
        self.job_ids = count(1)

    @property
    def free(self) -> int:
        """How many leases could start now."""
        idle = sum(seat.state == IDLE for seat in self.seats.values())
        busy = sum(seat.state in (BUSY, QUITTING) for seat in self.seats.values())
        room = min(idle, self.verdict.slots - busy) - len(self.backlog)
        return 0 if self.draining or self.rests else max(0, room)

    def do(self, action: Action) -> None:
        self.actions.append(action)

    def tell(self, event: str, **facts: Any) -> None:
        self.do(Tell(event, facts))

    # Jobs

    def queue(
        self, held: Held, order: list[int], before: list[int], *, urgent: bool = False
    ) -> None:
        """Have `order` (positions) computed and folded together with the subtasks `before`."""
        job = Job(next(self.job_ids), held, order, before)
        held.jobs.add(job)
        if urgent:
            self.backlog.appendleft(job)
        else:
            self.backlog.append(job)

    def end(self, job: Job) -> None:
        job.held.jobs.discard(job)
        if job in self.backlog:
            self.backlog.remove(job)

    # What the server is told

    def post(self, held: Held, frame: Settleable) -> None:
        """Send it, and keep it until it is settled."""
        held.unsettled.append(frame)
        if isinstance(frame, protocol.Result):
            self.do(Keep(held.lease, frame))
        if self.welcome:
            self.send(frame)

    def settled(self, frame: Settleable | None) -> None:
        """Nothing more will be asked about it."""
        if isinstance(frame, protocol.Result):
            self.do(Forget(frame))

    def send(self, frame: Settleable) -> None:
        if not isinstance(frame, protocol.Release):
            frame.ready = self.offered = self.free
            frame.received = self.leases_received
        self.do(Send(frame))

    def give_result(
        self, held: Held, subtasks: list[int], partial: bytes, *, decided: bool = False
    ) -> None:
        seconds = held.seconds_of(subtasks)
        frame = protocol.Result(
            lease=held.lease.lease,
            subtasks=subtasks,
            partial=partial,
            seconds=seconds,
            decided=decided,
        )
        self.post(held, frame)

    def give_singly(self, held: Held, subtasks: list[int]) -> None:
        """Combining them fails here; each alone is still good, and the server sees the fault for
        itself.
        """
        for subtask, own in zip(subtasks, held.partials_of(subtasks), strict=True):
            self.give_result(held, [subtask], own)

    def give_smaller(self, held: Held, subtasks: list[int]) -> None:
        """Together they are too large to send: halve them until they fit."""
        if len(subtasks) == 1:
            raised = wire.Raised(
                0, 0, wire.TOO_LARGE, "its partial is larger than the server takes", "", 0.0
            )
            raised.seconds = held.seconds_of(subtasks)
            return self.give_failure(held, subtasks[0], raised)
        middle = len(subtasks) // 2
        self.queue(held, [], subtasks[middle:], urgent=True)
        return self.queue(held, [], subtasks[:middle], urgent=True)

    def give_failure(self, held: Held, subtask: int, raised: wire.Raised) -> None:
        self.counts.failed += 1
        self.tell(
            "failed", **about(held), subtask=subtask, error=raised.error, message=raised.message
        )
        frame = protocol.Failure(
            lease=held.lease.lease, subtask=subtask, error=raised.error, seconds=raised.seconds
        )
        frame.message, frame.traceback = raised.message[:8000], raised.traceback[-8000:]
        self.post(held, frame)

    def give_back(self, held: Held, subtasks: list[int]) -> None:
        if subtasks:
            self.post(held, protocol.Release(lease=held.lease.lease, subtasks=subtasks))


def about(held: Held) -> dict[str, str]:
    return {"lease": held.lease.lease, "task": held.lease.task, "kind": held.lease.kind}
