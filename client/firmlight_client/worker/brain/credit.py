"""Credit: how many more leases the server may send on this connection."""

from __future__ import annotations

from firmlight_client.worker.brain.admission import Admission
from firmlight_client.worker.brain.lease_book import LeaseBook
from firmlight_client.worker.brain.slots import Slots


def startable(*, idle: int, at_work: int, allowed: int, waiting: int) -> int:
    """How many leases could start now.

    `allowed` slots may work at a time; `waiting` jobs will take a slot each.
    """
    room = min(idle, allowed - at_work)
    return max(0, room - waiting)


class Credit:
    """What was offered to the server, and what could be offered now."""

    def __init__(self, book: LeaseBook, slots: Slots, admission: Admission) -> None:
        self.book, self.slots, self.admission = book, slots, admission
        self.offered = 0  # how many more leases the server may believe it can send
        self.received = 0  # leases that came on this connection

    @property
    def free(self) -> int:
        if self.admission.is_closed:
            return 0
        return startable(
            idle=len(self.slots.idle()),
            at_work=self.slots.at_work(),
            allowed=self.admission.verdict.slots,
            waiting=len(self.book.backlog),
        )

    @property
    def is_outdated(self) -> bool:
        """The server believes another number than the true one."""
        return self.free != self.offered

    def offer(self) -> int:
        """The number to send; from now on the server believes it."""
        self.offered = self.free
        return self.offered

    def use(self) -> None:
        """A lease came."""
        self.received += 1
        self.offered = max(0, self.offered - 1)

    def reset(self) -> None:
        """On a new connection the server starts from nothing."""
        self.offered = self.received = 0
