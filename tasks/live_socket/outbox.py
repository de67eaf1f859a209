"""What is to be sent to one visitor: a slow reader must not hold up the others."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

TEXTS_MAX = 100  # a visitor that is further behind is cut off, comes back and gets everything anew


class Outbox:
    """A bounded queue of texts, and a task that sends them one after the other.

    `cut_off` is called once, when a text does not fit any more; nothing is sent afterwards.
    """

    def __init__(
        self, send: Callable[[str], Awaitable[None]], cut_off: Callable[[], Awaitable[None]]
    ) -> None:
        self._send, self._cut_off = send, cut_off
        self._texts: asyncio.Queue[str] = asyncio.Queue(TEXTS_MAX)
        self._is_over = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._write())

    def stop(self) -> None:
        """Send nothing more."""
        self._is_over = True
        if self._task:
            self._task.cancel()

    def put(self, text: str) -> None:
        """Send this text when those before it have gone."""
        if self._is_over:
            return
        try:
            self._texts.put_nowait(text)
        except asyncio.QueueFull:
            self.stop()
            self._task = asyncio.create_task(self._end())

    async def _write(self) -> None:
        while True:
            await self._send(await self._texts.get())

    async def _end(self) -> None:
        await self._cut_off()
