"""The way to a worker: frames out, and the end of the connection."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from firmlight_client import protocol
from tasks.socket_base import Socket


class Connection:
    """What the parts of the consumer may do with its socket.

    `stopped`: the socket is closed, or about to be; nothing is sent any more.
    """

    def __init__(self, socket: Socket) -> None:
        self.stopped = False
        self._socket = socket
        self._background: set[asyncio.Task[None]] = set()

    @property
    def name(self) -> str:
        """The name of its channel, by which the queue and the channel layer know it."""
        name: str = self._socket.channel_name
        return name

    async def send(self, frame: protocol.Frame) -> None:
        if not self.stopped:
            await self._socket.send(bytes_data=protocol.encode(frame))

    async def stop(self, close: int, code: str, message: str) -> None:
        """Say why, then close."""
        await self.send(protocol.Error(code=code, message=message))
        await self.hang_up(close)

    async def hang_up(self, close: int) -> None:
        if not self.stopped:
            self.stopped = True
            await self._socket.close(close)

    async def join(self, topic: str) -> None:
        """From now on what is sent to this topic of the channel layer comes to the consumer."""
        await self._socket.channel_layer.group_add(topic, self.name)

    async def part(self, topic: str) -> None:
        await self._socket.channel_layer.group_discard(topic, self.name)

    async def remind(self, message: dict[str, str]) -> None:
        """Send the consumer a message of its own, so that it is handled in turn with all others."""
        await self._socket.channel_layer.send(self.name, message)

    def in_background(self, work: Coroutine[Any, Any, None]) -> None:
        """Do it beside all else. asyncio itself keeps no task alive, so it is kept here."""
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
