"""A visitor's own notifications, sent as they come."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from channels.db import database_sync_to_async
from django.conf import settings

from accounts.models import User
from tasks.live_socket import views
from tasks.live_socket.pace import Pace


class Notices:
    """Those of one connection.

    `known` are the notifications that this page has; None: it has not asked for any.
    """

    def __init__(self, user: User, send_json: Callable[[dict[str, Any]], Awaitable[None]]) -> None:
        self.user, self.send_json = user, send_json
        self.known: set[UUID] | None = None
        self._pace = Pace(settings.LIVE_UPDATES_PER_SECOND)
        self._next: asyncio.Task[None] | None = None  # sends those that wait for their turn

    async def send(self, after_seconds: float = 0.0) -> None:
        """Send how many are unread, and those that the page does not know."""
        await asyncio.sleep(after_seconds)
        self._next = None  # what changes from now on is not in what is read now
        self._pace.note_update("", time.monotonic())
        message, self.known = await database_sync_to_async(views.notices)(self.user, self.known)
        await self.send_json(message)

    def changed(self) -> None:
        """Send them soon, if the page has asked for them and they do not wait already."""
        if self.known is None:
            return
        if self._next is None or self._next.done():
            wait_seconds = self._pace.wait_seconds("", time.monotonic())
            self._next = asyncio.create_task(self.send(wait_seconds))

    def forget(self) -> None:
        """The page wants no more of them."""
        self.known = None

    def stop(self) -> None:
        if self._next:
            self._next.cancel()
