"""Which kind each lease of a connection is of, so that most results need no question to Redis."""

from __future__ import annotations

from firmlight_client import protocol
from tasks.queue.answers import Granted


class LeasedKinds:
    """The kinds of the leases that were granted on this connection and are not settled yet.

    At most LEASES_HELD_MAX leases are remembered; the oldest is forgotten first. Leases that came
    on another connection are not known here: Redis knows them.
    """

    def __init__(self) -> None:
        self._kinds: dict[str, str] = {}  # lease -> "NAME@version", the oldest first
        self._open: dict[str, int] = {}  # lease -> how many of its subtasks are not settled

    def note(self, granted: Granted) -> None:
        """Remember a lease that was just granted."""
        if len(self._kinds) >= protocol.LEASES_HELD_MAX:
            oldest = next(iter(self._kinds))
            self.forget(oldest)
        self._kinds[granted.lease] = granted.kind
        self._open[granted.lease] = len(granted.subtasks)

    def settle(self, lease: str, subtasks: int) -> None:
        """So many of the lease's subtasks are settled; with the last one it is forgotten."""
        if lease not in self._open:
            return
        self._open[lease] -= subtasks
        if self._open[lease] <= 0:
            self.forget(lease)

    def forget(self, lease: str) -> None:
        """Nothing more comes of this lease."""
        self._kinds.pop(lease, None)
        self._open.pop(lease, None)

    def find(self, lease: str) -> str:
        """Return "NAME@version"; "" if the lease is not known here."""
        return self._kinds.get(lease, "")
