"""Whoever costs more than their share waits in a line of their own, where nobody else waits.

A `key` is a user or an address. What counts is seconds of processor time, or anything else that
comes at a rate. All of it is for one event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from core.asgi_types import Scope, Send, refuse
from core.errors import FirmlightError
from core.token_bucket import Bucket

KEYS_MAX = 10_000  # that are remembered; of more, those that owe nothing are forgotten
MEAN_SHARE = 0.1  # of the newest amount in the mean of all


@dataclass(frozen=True)
class Pace:
    """So much a second, and so much at once."""

    per_second: float
    burst: float


@dataclass
class Line:
    """What one key may spend, and who of it waits to spend more."""

    bucket: Bucket
    mean: float  # amount of one turn
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    waiting: int = 0

    def is_idle(self, now: float) -> bool:
        """Whether it can be forgotten."""
        return not self.waiting and self.bucket.is_full(now)


class Lines:
    """One for each key. `pace` says how much a key may spend, `first_mean` guesses its turns.

    A turn is charged with the mean of those before it as it begins, so that many at once do not
    all begin on what is enough for one; `settle` corrects that.
    """

    def __init__(
        self, pace: Callable[[str], Pace], first_mean: float, wait_seconds_max: float
    ) -> None:
        self.pace, self.first_mean, self.wait_seconds_max = pace, first_mean, wait_seconds_max
        self._lines: dict[str, Line] = {}

    def __len__(self) -> int:
        return len(self._lines)

    async def begin(self, key: str) -> tuple[float, float]:
        """Wait for a turn; returns what it was charged with, and 0.

        If that would take longer than `wait_seconds_max`, it returns 0 and the seconds instead.
        """
        line, now = self._line(key), asyncio.get_running_loop().time()
        owed_seconds = line.bucket.seconds_until_even(now)
        seconds = owed_seconds + line.waiting * line.mean / line.bucket.per_second
        if seconds > self.wait_seconds_max:
            return 0.0, seconds
        line.waiting += 1
        try:
            async with line.turn:
                await self._until_even(line.bucket)
                charged = line.mean
                line.bucket.take(charged, asyncio.get_running_loop().time())
        finally:
            line.waiting -= 1
        return charged, 0.0

    def settle(self, key: str, charged: float, spent: float) -> None:
        """A turn has ended, and cost so much."""
        line = self._line(key)
        line.mean += (spent - line.mean) * MEAN_SHARE
        line.bucket.take(spent - charged, asyncio.get_running_loop().time())

    def owes(self, key: str) -> bool:
        """Whether it would have to wait now."""
        line = self._lines.get(key)
        now = asyncio.get_running_loop().time()
        return line is not None and line.bucket.seconds_until_even(now) > 0

    def give_back(self, key: str, charged: float) -> None:
        """A turn was not one of those that count."""
        self._line(key).bucket.give_back(charged)

    async def _until_even(self, bucket: Bucket) -> None:
        """Wait until nothing is owed; turns that end meanwhile may have cost more."""
        clock = asyncio.get_running_loop().time
        while seconds := bucket.seconds_until_even(clock()):  # noqa: ASYNC110  no event tells
            await asyncio.sleep(seconds)

    def _line(self, key: str) -> Line:
        line = self._lines.get(key)
        if line is None:
            self._make_room()
            pace = self.pace(key)
            bucket = Bucket(pace.per_second, pace.burst)
            line = self._lines[key] = Line(bucket, self.first_mean)
        return line

    def _make_room(self) -> None:
        if len(self._lines) < KEYS_MAX:
            return
        now = asyncio.get_running_loop().time()
        self._lines = {key: one for key, one in self._lines.items() if not one.is_idle(now)}


class Refusals:
    """Refuses at most `per_second` requests of one key a second; the others wait to be refused.

    A client that comes back without a pause would keep the event loop busy with nothing else.
    """

    def __init__(self, per_second: float, wait_seconds_max: float) -> None:
        self.per_second, self.wait_seconds_max = per_second, wait_seconds_max
        self._due: dict[str, float] = {}  # key -> when the last one is refused

    async def refuse(
        self,
        key: str,
        scope: Scope,
        send: Send,
        error: FirmlightError,
        abort: Callable[[], object] | None = None,
    ) -> None:
        """Answer with the error; if it would have to wait too long, end the connection instead."""
        now = asyncio.get_running_loop().time()
        due = max(now, self._due.get(key, 0.0) + 1 / self.per_second)
        if abort and due - now > self.wait_seconds_max:
            abort()
            return
        if len(self._due) >= KEYS_MAX:
            self._due = {key: at for key, at in self._due.items() if at > now}
        self._due[key] = due
        await asyncio.sleep(due - now)
        await refuse(scope, send, error)
