"""How many more leases a worker can be sent now. Pure arithmetic, without a socket.

A worker says how many of its slots are free, and how many leases had come when it counted them.
Leases that were still under way then take a slot each, so that no slot is filled twice.
"""

from __future__ import annotations


class Credit:
    """The leases that one connection has sent, and those it may still send.

    `free` slots can be leased to now. `sent` counts the leases of this connection. `under_way` are
    those of them that have not come yet as far as the worker has said, the oldest first.
    """

    def __init__(self) -> None:
        self.free = 0
        self.sent = 0
        self.under_way: list[str] = []

    def offer(self, slots: int | None, received: int | None) -> None:
        """The worker has this many free slots; it replaces what it offered before.

        None leaves what it offered, less what was spent of it since. Then no `received` says
        nothing either.
        """
        if slots is not None or received is not None:
            self.note_received(received)
        if slots is not None:
            self.free = max(slots - len(self.under_way), 0)

    def note_received(self, received: int | None) -> None:
        """So many leases have come to the worker; None: it does not count, so all have."""
        if received is None:
            self.under_way = []
            return
        missing = max(self.sent - received, 0)
        came = max(len(self.under_way) - missing, 0)
        self.under_way = self.under_way[came:]

    def spend(self, lease: str) -> None:
        """This lease is about to be sent to a free slot.

        The worker may have withdrawn the slot while the queue was asked: `free` stays at 0 then.
        """
        self.sent += 1
        self.under_way.append(lease)
        self.free = max(self.free - 1, 0)

    def withdraw(self) -> None:
        """Lease no more until the worker offers slots again."""
        self.free = 0
