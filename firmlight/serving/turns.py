"""Who gets the next thread, when more requests wait than there are threads."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter, deque
from collections.abc import AsyncIterator


class Turns:
    """Divides threads among callers, in turn, whatever the number of their requests.

    The threads are divided by the number of callers and one more, so that a caller who comes finds
    one free. A caller who is alone has half of them, of many callers each has one.
    """

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self.running: Counter[str] = Counter()
        self.waiting: dict[str, deque[asyncio.Future[None]]] = {}  # callers in their order

    @contextlib.asynccontextmanager
    async def turn(self, caller: str) -> AsyncIterator[None]:
        """Wait for a thread; it is free again after the block."""
        await self._enter(caller)
        try:
            yield
        finally:
            self._leave(caller)

    async def _enter(self, caller: str) -> None:
        place = asyncio.get_running_loop().create_future()
        self.waiting.setdefault(caller, deque()).append(place)
        self._grant()
        try:
            await place
        except asyncio.CancelledError:
            if place.cancelled():
                self._forget(caller, place)
            else:
                self._leave(caller)
            raise

    def _leave(self, caller: str) -> None:
        self.running[caller] -= 1
        if not self.running[caller]:
            del self.running[caller]
        self._grant()

    def _grant(self) -> None:
        """Give free threads to those who have the fewest, the longest-waiting first."""
        while self.waiting and self.running.total() < self.threads:
            caller = min(self.waiting, key=self.running.__getitem__)
            if self.running[caller] >= self._share():
                return
            places = self.waiting.pop(caller)
            place = places.popleft()
            if not place.done():  # else it was cancelled a moment ago, and does not know it yet
                self.running[caller] += 1
                place.set_result(None)
            if places:
                self.waiting[caller] = places  # at the end of the line

    def _share(self) -> int:
        callers = self.running.keys() | self.waiting.keys()
        return max(1, self.threads // (len(callers) + 1))

    def _forget(self, caller: str, place: asyncio.Future[None]) -> None:
        """It is cancelled; if `_grant` has met it, it is gone already."""
        places = self.waiting.get(caller, deque())
        with contextlib.suppress(ValueError):
            places.remove(place)
        if not places:
            self.waiting.pop(caller, None)
