"""How much the connections of one user may send. Pure: `now` is the caller's clock, in seconds.

All connections of a user to this process share one budget, or more connections would bring more of
it. A connection that sends too much gets one warning; if it goes on, it is closed.
"""

from __future__ import annotations

from enum import Enum

from core.token_bucket import Bucket

MINUTE = 60.0
PATIENCE_SHARE = 0.1  # of what is allowed in a minute: so much more is taken after the warning
USERS_MAX = 10_000  # whose budgets are remembered; of more, those that are full are forgotten


class Verdict(Enum):
    """What a frame leads to."""

    FINE = "fine"
    WARN = "warn"  # the first one too many
    CLOSE = "close"  # it went on


class FrameBudget:
    """The frames and bytes of one user: so much a minute, a minute's worth at once."""

    def __init__(self, frames_per_minute: int, bytes_per_minute: int) -> None:
        self.frames = Bucket(frames_per_minute / MINUTE, frames_per_minute)
        self.bytes = Bucket(bytes_per_minute / MINUTE, bytes_per_minute)
        self.both = (self.frames, self.bytes)

    def is_full(self, now: float) -> bool:
        """Whether it is as good as new."""
        return all(bucket.is_full(now) for bucket in self.both)


class FrameBudgets:
    """Those of all users, from their first frame until they are full again."""

    def __init__(self, frames_per_minute: int, bytes_per_minute: int) -> None:
        self.limits = (frames_per_minute, bytes_per_minute)
        self._of: dict[str, FrameBudget] = {}

    def of(self, user: str, now: float) -> FrameBudget:
        """Return the one that all connections of this user share."""
        if user not in self._of:
            if len(self._of) >= USERS_MAX:
                self._of = {key: one for key, one in self._of.items() if not one.is_full(now)}
            self._of[user] = FrameBudget(*self.limits)
        return self._of[user]


class FrameMeter:
    """What one connection takes of its user's budget."""

    def __init__(self, budget: FrameBudget) -> None:
        self.budget = budget  # of its own, until it is known whose connection it is
        self._has_warned = False

    def take(self, size: int, now: float, frames: int = 1) -> Verdict:
        """A frame of so many bytes came. After a warning a pause of a minute makes all good.

        One that costs as much as several others counts as so many `frames`.
        """
        self.budget.bytes.take(size, now)
        return self.add(frames, now)

    def add(self, frames: int, now: float) -> Verdict:
        """What came counts as so many frames, or as so many more."""
        if not frames:
            return Verdict.FINE
        self.budget.frames.take(frames, now)
        if not any(bucket.is_overdrawn for bucket in self.budget.both):
            self._has_warned = False
            return Verdict.FINE
        if not self._has_warned:
            self._has_warned = True
            return Verdict.WARN
        went_on = any(map(_is_out_of_patience, self.budget.both))
        return Verdict.CLOSE if went_on else Verdict.FINE

    def charge(self, frames: int, now: float) -> None:
        """The last frame turned out to cost as much as so many more; the next one hears of it."""
        self.budget.frames.take(frames, now)

    def give_back(self) -> None:
        """The last frame was of use: it does not count as one."""
        self.budget.frames.give_back(1)


def _is_out_of_patience(bucket: Bucket) -> bool:
    """Whether so much more came that it is no accident."""
    return bucket.left < -bucket.capacity * PATIENCE_SHARE
