"""The WebSocket to the server, and how to know a dead connection from a slow one.

A pulled cable sends no close. So the worker pings, and any byte that arrives is a sign of life:
over a slow connection a large lease arrives for minutes, with the pong behind it. What was sent and
has not arrived yet gets time to arrive.
"""

from __future__ import annotations

import asyncio
import contextlib

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

PING_SECONDS = 5.0
CHECK_SECONDS = 1.0
SILENCE_SECONDS_MAX = 20.0  # about one lease: then the server has given our work to others
SLOWEST_BYTES_PER_SECOND = 32 * 1024  # a partial of 8 MiB has 256 s more


class ServerConnection(ClientConnection):
    """Counts bytes: `heard` came in, `sent` went out, and `arrived` of those surely arrived."""

    heard = sent = arrived = 0

    def data_received(self, data: bytes) -> None:
        self.heard += len(data)
        super().data_received(data)

    async def send_counted(self, data: bytes) -> None:
        self.sent += len(data)
        await self.send(data)

    @property
    def silence_seconds_allowed(self) -> float:
        """How long the server may be silent, with what is still on its way."""
        return SILENCE_SECONDS_MAX + (self.sent - self.arrived) / SLOWEST_BYTES_PER_SECOND

    async def keep_pinging(self) -> None:
        """A pong proves that everything sent before its ping has arrived."""
        with contextlib.suppress(ConnectionClosed):
            while True:
                sent_before = self.sent
                await (await self.ping())
                self.arrived = sent_before
                await asyncio.sleep(PING_SECONDS)

    async def abort_when_silent(self) -> None:
        """Break off a connection that is silent for too long.

        It counts its own looks, so time that this machine slept is no silence.
        """
        silent, heard = 0.0, self.heard
        while silent < self.silence_seconds_allowed:
            await asyncio.sleep(CHECK_SECONDS)
            if self.heard == heard:
                silent += CHECK_SECONDS
            else:
                silent = 0.0
            heard = self.heard
        self.transport.abort()
