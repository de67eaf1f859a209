"""When a client that sends or reads is too slow to be waited for."""

from __future__ import annotations


class LeastRate:
    """In every `seconds` at least `seconds * bytes_per_second` bytes must pass.

    `ends` is when the present window ends (seconds, on the caller's clock); it ends earlier once
    enough has passed, and the next one begins. So a pause of up to `seconds` is allowed.
    """

    def __init__(self, seconds: float, bytes_per_second: float, now: float) -> None:
        self.seconds, self.quota = seconds, seconds * bytes_per_second
        self._begin(now)

    def _begin(self, now: float) -> None:
        self.ends, self.missing = now + self.seconds, self.quota

    def note(self, size: int, now: float) -> None:
        """So many bytes have passed."""
        self.missing -= size
        if self.missing <= 0 and size:
            self._begin(now)

    def is_broken(self, now: float) -> bool:
        return now > self.ends
