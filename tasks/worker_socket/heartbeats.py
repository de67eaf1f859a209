"""The heartbeats of all workers of this process, sent to Redis together.

One call to Redis for each was half of what an idle worker costs. However many a connection sends,
one goes to Redis in each quarter of a heartbeat's interval: the newest, which names what the worker
holds now.
"""

from __future__ import annotations

import asyncio
import time
from typing import NamedTuple, Protocol
from weakref import WeakKeyDictionary

from django.conf import settings
from redis.exceptions import RedisError

from tasks.queue.scripts import Call, run_all_later

COLLECT_SECONDS = 0.1  # that a heartbeat waits for others; leases last much longer
PAUSE_SHARE = 0.25  # of the time between two heartbeats: between two of a connection that go out


class Beating(Protocol):
    """A worker's connection, as the heartbeats see it."""

    @property
    def stopped(self) -> bool:
        """Whether it is closed, or about to be."""

    def beats(self, leases: list[str]) -> list[Call[list[str]]]:
        """Return the calls that note the worker as here and renew these leases, as of now."""

    async def unwanted(self, leases: list[str]) -> None:
        """Nothing of these leases is wanted any more. Does not wait for the worker to read it."""

    async def broken(self, at: str) -> None:
        """Redis did not answer; called while the error is handled."""


class Waiting(NamedTuple):
    """A heartbeat that waits to be sent."""

    beating: Beating
    leases: list[str]


class Merged:
    """The newest heartbeat of each connection, until it may go. Pure: `now` is the caller's clock.

    Between two of one connection lie `pause_seconds` at least.
    """

    def __init__(self, pause_seconds: float) -> None:
        self.pause_seconds = pause_seconds
        self._leases: dict[Beating, list[str]] = {}
        self._sent_at: dict[Beating, float] = {}

    def __len__(self) -> int:
        return len(self._leases)

    def add(self, beating: Beating, leases: list[str]) -> None:
        """Let this heartbeat wait, instead of one of the same connection that still does."""
        self._leases[beating] = leases

    def take_due(self, now: float) -> list[Waiting]:
        """Return those that may go now; they count as sent."""
        recent = now - self.pause_seconds
        self._sent_at = {one: at for one, at in self._sent_at.items() if at > recent}
        due = [Waiting(*one) for one in self._leases.items() if one[0] not in self._sent_at]
        for beating, _ in due:
            del self._leases[beating]
            self._sent_at[beating] = now
        return due


class Heartbeats:
    """Those of one event loop."""

    def __init__(self) -> None:
        interval_seconds = min(settings.HEARTBEAT_SECONDS, settings.LEASE_SECONDS)
        self.merged = Merged(interval_seconds * PAUSE_SHARE)
        self.sending = asyncio.Lock()
        self.next: asyncio.Task[None] | None = None

    def add(self, beating: Beating, leases: list[str]) -> None:
        """Send a heartbeat soon, usually in COLLECT_SECONDS; `beating` hears what is not wanted."""
        self.merged.add(beating, leases)
        if self.next is None or self.next.done():
            self.next = asyncio.create_task(self._send_waiting())

    async def settled(self) -> None:
        """Wait until those that are being sent have arrived.

        A worker that leaves waits for this: a heartbeat that came after its leave would note it as
        here again.
        """
        async with self.sending:
            pass

    async def _send_waiting(self) -> None:
        """Send all that wait, and those that come meanwhile."""
        while self.merged:
            await asyncio.sleep(COLLECT_SECONDS)
            async with self.sending:
                unwanted = await self._send(self.merged.take_due(time.monotonic()))
            for beating, leases in unwanted:
                await beating.unwanted(leases)

    async def _send(self, waiting: list[Waiting]) -> list[tuple[Beating, list[str]]]:
        """Send these in one round trip; return the leases that are not wanted of each."""
        calls_of = [
            (one.beating, one.beating.beats(one.leases))
            for one in waiting
            if not one.beating.stopped
        ]
        all_calls = [call for _, calls in calls_of for call in calls]
        if not all_calls:
            return []
        try:
            replies = iter(await run_all_later(all_calls))
        except RedisError:
            await asyncio.gather(*(beating.broken("heartbeat") for beating, _ in calls_of))
            return []
        found = []
        for beating, calls in calls_of:
            leases: list[str] = []
            for _ in calls:
                leases += next(replies)  # a reply for each call, in their order
            if leases:
                found.append((beating, leases))
        return found


_by_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, Heartbeats] = WeakKeyDictionary()


def shared() -> Heartbeats:
    """Return those of the running event loop."""
    return _by_loop.setdefault(asyncio.get_running_loop(), Heartbeats())
