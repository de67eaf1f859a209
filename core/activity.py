"""Whether others are here at this moment, who would feel what one caller takes. For one event loop.

Only who is within their own share counts: of two who flood, neither has to spare the other.
"""

from __future__ import annotations

HERE_SECONDS = 1.0  # after a request or a frame


def user_key(user: object) -> str:
    """Return what requests and frames of a user are counted by."""
    return f"user {user}"


class Activity:
    """Remembers the last two callers who were here. Pure: `now` is the caller's clock."""

    def __init__(self) -> None:
        self.latest, self.latest_at = "", float("-inf")
        self.other, self.other_at = "", float("-inf")

    def note(self, caller: str, now: float) -> None:
        """This caller is here."""
        if caller != self.latest:
            self.other, self.other_at = self.latest, self.latest_at
            self.latest = caller
        self.latest_at = now

    def is_alone(self, caller: str, now: float) -> bool:
        """Whether nobody else is here."""
        seen_at = self.other_at if caller == self.latest else self.latest_at
        return now - seen_at > HERE_SECONDS


of_process = Activity()
