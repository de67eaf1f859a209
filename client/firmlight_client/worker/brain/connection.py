"""The connection to the server as the brain sees it: welcome, heartbeats, closes, reconnects."""

from __future__ import annotations

import random

from firmlight_client import protocol
from firmlight_client.backoff import wait_seconds_after

# Code of an error: the worker stays connected and gets nothing until its owner lets it back.
SUSPENDED = "suspended"


class Connection:
    """`welcome` is what the server said first; None while this worker is not connected."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.welcome: protocol.Welcome | None = None
        self.next_beat = 0.0  # when the next heartbeat is due
        self.partial_bytes_max = protocol.FRAME_MAX_BYTES // 2  # until the server says
        self.attempt = 0  # reconnects since a connection last held
        self.last_error = ""  # the server's reason for the close that follows
        self.suspended = ""  # what the server said on this connection
        self.resting_sent: dict[str, str] = {}  # what the server knows on this connection

    def welcomed(self, frame: protocol.Welcome, now: float) -> None:
        self.welcome, self.last_error, self.resting_sent = frame, "", {}
        self.next_beat = now + frame.heartbeat_seconds
        self.partial_bytes_max = frame.partial_bytes_max

    def beat(self, now: float) -> bool:
        """Whether a heartbeat is due; if so, the next one is due an interval later."""
        if self.welcome is None or now < self.next_beat:
            return False
        self.next_beat = now + self.welcome.heartbeat_seconds
        self.attempt = 0  # this connection holds
        return True

    def failed(self, frame: protocol.Error) -> bool:
        """Note an error; whether to report it now.

        Most errors are the reason of a close and are reported with it. A suspension closes
        nothing, and is reported once on each connection.
        """
        if frame.code != SUSPENDED:
            self.last_error = frame.message
            return False
        is_news = frame.message != self.suspended
        self.suspended = frame.message
        return is_news

    def end_suspension(self) -> bool:
        """Whether this worker was suspended: work came, so it is not any more."""
        was_suspended, self.suspended = bool(self.suspended), ""
        return was_suspended

    def closed(self, code: int, reason: str) -> str:
        """Note the end of the connection; returns why it ended, in words."""
        why = self.last_error or reason or f"the connection was closed ({code})"
        self.welcome, self.suspended = None, ""
        self.last_error = ""  # what goes wrong next has its own reason
        return why

    def seconds_to_wait(self, code: int) -> float:
        """Before the next attempt, after a close with this code."""
        seconds = wait_seconds_after(code, self.attempt, self.chance)
        self.attempt += 1
        return seconds
