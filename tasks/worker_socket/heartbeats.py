"""The heartbeats of all workers on this process, sent to Redis together: each alone was half of
what a worker costs.
"""

from __future__ import annotations

import asyncio
from typing import Protocol
from weakref import WeakKeyDictionary

from redis.exceptions import RedisError

from tasks.queue.scripts import Call, run_all_later

PULSE_SECONDS = 0.1  # that a heartbeat waits for others; leases last much longer


class Beating(Protocol):
    """A worker's connection. `stopped`: it takes leave, or has."""

    stopped: bool

    def beats(self, leases: list[str]) -> list[Call[list[str]]]:
        """What is sent for it, as things stand now."""

    async def unwanted(self, leases: list[str]) -> None:
        """Of these leases nothing is wanted any more."""

    async def broken(self, at: str) -> None:
        """Redis is away; called while the error is handled."""


class Pulse:
    """Of one event loop."""

    def __init__(self) -> None:
        self.waiting: list[tuple[Beating, list[str]]] = []
        self.sending = asyncio.Lock()
        self.next: asyncio.Task[None] | None = None

    def add(self, who: Beating, leases: list[str]) -> None:
        """Sent within PULSE_SECONDS; `who` hears what is not wanted, or that it failed."""
        self.waiting.append((who, leases))
        if self.next is None or self.next.done():
            self.next = asyncio.create_task(self._go_on())

    async def settled(self) -> None:
        """What is being sent has arrived: who takes leave now is not noted as here afterwards."""
        async with self.sending:
            pass

    async def _go_on(self) -> None:
        while self.waiting:
            await asyncio.sleep(PULSE_SECONDS)
            async with self.sending:
                rows, self.waiting = self.waiting, []
                here = [(who, who.beats(leases)) for who, leases in rows if not who.stopped]
                try:
                    answers = iter(
                        await run_all_later([call for _, calls in here for call in calls])
                    )
                except RedisError:
                    await asyncio.gather(*(who.broken("heartbeat") for who, _ in here))
                    continue
            for who, calls in here:
                if leases := [lease for _ in calls for lease in next(answers)]:
                    await who.unwanted(leases)


_by_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, Pulse] = WeakKeyDictionary()


def pulse() -> Pulse:
    """That of the running event loop."""
    return _by_loop.setdefault(asyncio.get_running_loop(), Pulse())
