"""The line to the server, and how a dead one is told from a slow one.

A pulled cable says nothing. So the worker asks (a ping), and any byte that comes is a sign of life:
on a slow line a large lease arrives for minutes, and the pong behind it. What was sent but has not
arrived yet gets time to pass.
"""

from __future__ import annotations

import asyncio
import contextlib

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

PING_SECONDS = 5.0
LOOK_SECONDS = 1.0
SILENCE_SECONDS_MAX = 20.0  # about one lease: then the server has given our work to others
SLOWEST_BYTES_PER_SECOND = 32 * 1024  # a partial of 8 MiB has 256 s more


class Line(ClientConnection):
    """Counts bytes: `heard` came, `sent` left, and the first `arrived` of those are there for sure."""

    heard = sent = arrived = 0

    def data_received(self, data: bytes) -> None:
        self.heard += len(data)
        super().data_received(data)

    async def say(self, data: bytes) -> None:
        self.sent += len(data)
        await self.send(data)

    @property
    def patience_seconds(self) -> float:
        """How long the server may be silent."""
        return SILENCE_SECONDS_MAX + (self.sent - self.arrived) / SLOWEST_BYTES_PER_SECOND

    async def keep_asking(self) -> None:
        """A pong proves that all sent before its ping has arrived."""
        with contextlib.suppress(ConnectionClosed):
            while True:
                before = self.sent
                await (await self.ping())
                self.arrived = before
                await asyncio.sleep(PING_SECONDS)

    async def end_when_dead(self) -> None:
        """Break off a line that has been silent for too long. Time that this machine slept does not
        count.
        """
        silent, heard = 0.0, self.heard
        while silent < self.patience_seconds:
            await asyncio.sleep(LOOK_SECONDS)
            silent = silent + LOOK_SECONDS if self.heard == heard else 0.0
            heard = self.heard
        self.transport.abort()
