"""How long news must wait, so that no watched thing is looked at too often. Pure."""

from __future__ import annotations

from math import inf


class Pace:
    """At most so many updates a second for each key, and so much of a processor for all.

    What is expensive to look at is looked at less often: looking may take the share
    `cpu_share_max` of a processor. Times are seconds on the caller's clock.
    """

    def __init__(self, per_second: float, cpu_share_max: float = inf) -> None:
        self._least_pause = 1 / per_second
        self._cpu_share_max = cpu_share_max
        self._cost_seconds = 0.0  # of one look, lately
        self._last: dict[str, float] = {}

    @property
    def pause_seconds(self) -> float:
        """Between two updates of one key."""
        return max(self._least_pause, self._cost_seconds / self._cpu_share_max)

    def wait_seconds(self, key: str, now: float) -> float:
        """Return how long the next update of this key has to wait; 0: it may go now."""
        next_at = self._last.get(key, -inf) + self.pause_seconds
        return max(next_at - now, 0.0)

    def note_update(self, key: str, now: float) -> None:
        """An update of this key goes now."""
        self._last[key] = now

    def note_cost(self, seconds: float) -> None:
        """One look took so many seconds of a processor."""
        self._cost_seconds = (self._cost_seconds + seconds) / 2
