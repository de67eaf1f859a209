"""How often the results of each lease were too large, so that this comes to an end."""

from __future__ import annotations

from firmlight_client import protocol


class TooLarge:
    """Those of one connection. Of LEASES_HELD_MAX leases at most, the oldest is forgotten first."""

    def __init__(self) -> None:
        self._times: dict[str, int] = {}  # by lease

    def count(self, lease: str) -> int:
        """One more was too large; returns how many of this lease were so far."""
        if lease not in self._times and len(self._times) >= protocol.LEASES_HELD_MAX:
            del self._times[next(iter(self._times))]
        self._times[lease] = self._times.get(lease, 0) + 1
        return self._times[lease]
