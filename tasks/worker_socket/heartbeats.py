"""The heartbeats of all workers of this process, sent to Redis together.

One call to Redis for each was half of what an idle worker costs.
"""

from __future__ import annotations

import asyncio
from typing import NamedTuple, Protocol
from weakref import WeakKeyDictionary

from redis.exceptions import RedisError

from tasks.queue.scripts import Call, run_all_later

COLLECT_SECONDS = 0.1  # that a heartbeat waits for others; leases last much longer


class Beating(Protocol):
    """A worker's connection, as the heartbeats see it."""

    @property
    def stopped(self) -> bool:
        """Whether it is closed, or about to be."""

    def beats(self, leases: list[str]) -> list[Call[list[str]]]:
        """Return the calls that note the worker as here and renew these leases, as of now."""

    async def unwanted(self, leases: list[str]) -> None:
        """Nothing of these leases is wanted any more."""

    async def broken(self, at: str) -> None:
        """Redis did not answer; called while the error is handled."""


class Waiting(NamedTuple):
    """A heartbeat that waits to be sent."""

    beating: Beating
    leases: list[str]


class Heartbeats:
    """Those of one event loop."""

    def __init__(self) -> None:
        self.waiting: list[Waiting] = []
        self.sending = asyncio.Lock()
        self.next: asyncio.Task[None] | None = None

    def add(self, beating: Beating, leases: list[str]) -> None:
        """Send a heartbeat within COLLECT_SECONDS; `beating` hears what is not wanted."""
        self.waiting.append(Waiting(beating, leases))
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
        while self.waiting:
            await asyncio.sleep(COLLECT_SECONDS)
            async with self.sending:
                waiting, self.waiting = self.waiting, []
                unwanted = await self._send(waiting)
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
