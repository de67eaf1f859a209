"""What the server is sent about leases: a result, a failure or a release for each subtask.

Every answer is kept until the server settles it, and is sent again on the next connection.
"""

from __future__ import annotations

from dataclasses import dataclass

from firmlight_client import protocol
from firmlight_client.worker.brain.actions import Forget, Keep, Plan, Send
from firmlight_client.worker.brain.connection import Connection
from firmlight_client.worker.brain.credit import Credit
from firmlight_client.worker.brain.lease_book import HeldLease, LeaseBook, Settleable
from firmlight_client.worker.slot import wire

WORDS_MAX = 8000  # characters of a message, and of the end of a traceback


@dataclass
class Counts:
    """Since the start of this worker, for people to look at."""

    done: int = 0
    failed: int = 0
    leases: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class Fault:
    """Why a subtask failed."""

    error: str
    message: str
    traceback: str
    seconds: float


class Answers:
    """Sends answers, and deals with what the server says to them."""

    def __init__(self, plan: Plan, book: LeaseBook, connection: Connection, credit: Credit) -> None:
        self.plan, self.book = plan, book
        self.connection, self.credit = connection, credit
        self.counts = Counts()

    # Answers of each sort

    def result(
        self, held: HeldLease, subtasks: list[int], partial: bytes, *, decided: bool = False
    ) -> None:
        """Send the partial of these subtasks together."""
        frame = protocol.Result(
            lease=held.lease.lease,
            subtasks=subtasks,
            partial=partial,
            seconds=held.seconds_of(subtasks),
            decided=decided,
        )
        self._post(held, frame)

    def results_singly(self, held: HeldLease, subtasks: list[int]) -> None:
        """Send each partial alone: combining them fails here, but each may still be good.

        If combining them fails on the server too, it sees the fault itself.
        """
        for subtask, partial in zip(subtasks, held.partials_of(subtasks), strict=True):
            self.result(held, [subtask], partial)

    def results_halved(self, held: HeldLease, subtasks: list[int]) -> None:
        """Together they are too large to send: combine halves, until they fit."""
        if len(subtasks) == 1:
            message = "its partial is larger than the server takes"
            fault = Fault(wire.TOO_LARGE, message, "", held.seconds_of(subtasks))
            self.failure(held, subtasks[0], fault)
            return
        middle = len(subtasks) // 2
        self.book.queue(held, [], subtasks[middle:], urgent=True)
        self.book.queue(held, [], subtasks[:middle], urgent=True)

    def failure(self, held: HeldLease, subtask: int, fault: Fault) -> None:
        """Send that this subtask failed."""
        self.counts.failed += 1
        self.plan.report(
            "failed", **held.names, subtask=subtask, error=fault.error, message=fault.message
        )
        frame = protocol.Failure(
            lease=held.lease.lease,
            subtask=subtask,
            error=fault.error,
            message=fault.message[:WORDS_MAX],
            traceback=fault.traceback[-WORDS_MAX:],
            seconds=fault.seconds,
        )
        self._post(held, frame)

    def release(self, held: HeldLease, subtasks: list[int]) -> None:
        """Give these back undone; none is fine."""
        if subtasks:
            self._post(held, protocol.Release(lease=held.lease.lease, subtasks=subtasks))

    def send_unsettled(self) -> None:
        """Send everything again that the server has not settled: it is a new connection."""
        for held in self.book.held.values():
            for frame in held.unsettled:
                self._send(frame)

    def _post(self, held: HeldLease, frame: Settleable) -> None:
        held.unsettled.append(frame)
        if isinstance(frame, protocol.Result):
            self.plan.add(Keep(held.lease, frame))
        if self.connection.welcome:
            self._send(frame)

    def _send(self, frame: Settleable) -> None:
        if not isinstance(frame, protocol.Release):  # which carries no credit
            frame.ready = self.credit.offer()
            frame.received = self.credit.received
        self.plan.add(Send(frame))

    # What the server says to them

    def accepted(self, frame: protocol.Accepted) -> None:
        """The server has taken an answer."""
        held = self.book.held.get(frame.lease)
        if held is None:
            return
        taken = held.settle(frame.subtasks)
        self.forget(taken)
        if isinstance(taken, protocol.Result):
            self.counts.done += len(taken.subtasks)
            self.counts.seconds += taken.seconds
            seconds = round(taken.seconds, 6)
            self.plan.report("done", **held.names, subtasks=len(taken.subtasks), seconds=seconds)

    def refused(self, held: HeldLease, frame: protocol.Refused) -> None:
        """The server has not taken an answer: send what is still open, without what is not.

        That is no offence: another worker was faster, or the time was up.
        """
        refused = held.refuse()
        self.forget(refused)
        self.plan.report("refused", **held.names, reason=frame.reason)
        if isinstance(refused, protocol.Result | protocol.Release):
            self._send_again(held, refused, frame)

    def _send_again(
        self,
        held: HeldLease,
        refused: protocol.Result | protocol.Release,
        frame: protocol.Refused,
    ) -> None:
        still_open = set(frame.open)
        again = [subtask for subtask in refused.subtasks if subtask in still_open]
        if not again:
            return
        # The same frame once more could be sent and refused for ever.
        is_smaller = len(again) < len(refused.subtasks)
        if isinstance(refused, protocol.Release):
            if is_smaller:
                self.release(held, again)
        elif held.restored:
            self.release(held, again)  # the partials of single subtasks are lost
        elif frame.reason == wire.TOO_LARGE:
            self.results_halved(held, again)
        elif is_smaller:
            self.book.queue(held, [], again, urgent=True)
        else:
            self.release(held, again)

    def forget(self, frame: Settleable | None) -> None:
        """Nothing more will be said about this answer."""
        if isinstance(frame, protocol.Result):
            self.plan.add(Forget(frame))
