"""How much one connection may send. Pure: `now` is the caller's clock, in seconds.

A connection that sends more gets one warning; if it goes on, it is closed.
"""

from __future__ import annotations

from enum import Enum

MINUTE = 60.0
PATIENCE_SHARE = 0.1  # of what is allowed in a minute: so much more is taken after the warning


class Verdict(Enum):
    """What a frame leads to."""

    FINE = "fine"
    WARN = "warn"  # the first one too many
    CLOSE = "close"  # it went on


class Bucket:
    """So much a minute, and at most a minute's worth at once (a token bucket).

    `left` is what may come now; below 0 it says how much too much has come.
    """

    def __init__(self, per_minute: float) -> None:
        self.per_minute = self.left = float(per_minute)
        self._filled_at: float | None = None

    def take(self, amount: float, now: float) -> None:
        """So much came."""
        elapsed = now - self._filled_at if self._filled_at is not None else 0.0
        self._filled_at = now
        filled = self.left + elapsed * self.per_minute / MINUTE
        self.left = min(filled, self.per_minute) - amount

    @property
    def is_overdrawn(self) -> bool:
        """Whether more came than allowed."""
        return self.left < 0

    @property
    def is_out_of_patience(self) -> bool:
        """Whether so much more came that it is no accident."""
        return self.left < -self.per_minute * PATIENCE_SHARE


class FrameBudget:
    """The frames and bytes of one connection."""

    def __init__(self, frames_per_minute: int, bytes_per_minute: int) -> None:
        self.frames, self.bytes = Bucket(frames_per_minute), Bucket(bytes_per_minute)
        self._has_warned = False

    def take(self, size: int, now: float, frames: int = 1) -> Verdict:
        """A frame of so many bytes came. After a warning a pause of a minute makes all good.

        One that costs as much as several others counts as so many `frames`.
        """
        self.frames.take(frames, now)
        self.bytes.take(size, now)
        both = (self.frames, self.bytes)
        if not any(bucket.is_overdrawn for bucket in both):
            self._has_warned = False
            return Verdict.FINE
        if not self._has_warned:
            self._has_warned = True
            return Verdict.WARN
        went_on = any(bucket.is_out_of_patience for bucket in both)
        return Verdict.CLOSE if went_on else Verdict.FINE

    def give_back(self) -> None:
        """The last frame was of use: it does not count as one."""
        self.frames.left = min(self.frames.left + 1, self.frames.per_minute)
