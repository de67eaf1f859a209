"""A token bucket: so much a second, and some at once. Pure: `now` is the caller's clock."""

from __future__ import annotations


class Bucket:
    """Fills by `per_second`, up to `capacity`, and begins full.

    `left` is what may be taken; below 0 it says how much too much was taken.
    """

    def __init__(self, per_second: float, capacity: float) -> None:
        self.per_second, self.capacity = per_second, float(capacity)
        self.left = self.capacity
        self._filled_at: float | None = None

    def fill(self, now: float) -> None:
        """Add what has come in since the last time."""
        if self._filled_at is not None:
            filled = self.left + (now - self._filled_at) * self.per_second
            self.left = min(filled, self.capacity)
        self._filled_at = now

    def take(self, amount: float, now: float) -> None:
        """Take so much, whether it is there or not."""
        self.fill(now)
        self.left -= amount

    def give_back(self, amount: float) -> None:
        """What was taken was not used."""
        self.left = min(self.left + amount, self.capacity)

    @property
    def is_overdrawn(self) -> bool:
        """Whether more was taken than allowed."""
        return self.left < 0

    def seconds_until_even(self, now: float) -> float:
        """Return how long it is overdrawn if nothing else is taken; 0 if it is not."""
        self.fill(now)
        return max(0.0, -self.left / self.per_second)

    def is_full(self, now: float) -> bool:
        """Whether it is as good as new."""
        self.fill(now)
        return self.left >= self.capacity
