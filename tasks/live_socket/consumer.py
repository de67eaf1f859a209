"""`/ws/live/`: JSON for browsers and the SDK. Subscribe to a task, a group or one's own
notifications; snapshots come, at most LIVE_UPDATES_PER_SECOND a second for each, so a lost message
never matters. The last state is never held back.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any, Literal
from uuid import UUID

import msgspec
from channels.db import database_sync_to_async
from django.conf import settings

from tasks import events
from tasks.live_socket import views
from tasks.live_socket.feed import View, hub
from tasks.live_socket.visitor import Visitor

MESSAGE_BYTES_MAX = 4096
CLOSE_MALFORMED, CLOSE_TOO_SLOW = 4400, 1013
OUTBOX_MAX = 100  # messages; who is further behind comes back and gets everything anew
NOTICES = "notifications"


class Ask(msgspec.Struct, tag_field="type"):
    task: str | None = None
    group: str | None = None
    notifications: bool = False
    view: Literal["", "page"] = ""  # "" as JSON, "page": the parts of the page that change

    @property
    def topic(self) -> str:
        if self.notifications:
            return NOTICES
        return events.task_topic(self.task) if self.task else events.group_topic(self.group or "")

    def make_view(self) -> View:
        if self.task:
            return views.task_page(self.task) if self.view else views.TaskView(self.task)
        group = self.group or ""
        return views.group_page(group) if self.view else views.GroupView(group)


class Subscribe(Ask, tag="subscribe"):
    """Send snapshots of this task, of every task of this group that changes, or of one's own
    notifications.
    """


class Unsubscribe(Ask, tag="unsubscribe"):
    """No more of it."""


_read = msgspec.json.Decoder(Subscribe | Unsubscribe)


class LiveConsumer(Visitor):
    """`watched` holds what it has subscribed to; `told` the notifications that this page knows of,
    None as long as it has not asked for any; `next_notices` the timer of those that wait for their
    turn.
    """

    told: set[UUID] | None = None
    noticed = 0.0  # when notifications were sent last, monotonic seconds
    next_notices: asyncio.Task[None] | None = None
    writer: asyncio.Task[None] | None = None

    async def connect(self) -> None:
        self.watched: dict[tuple[str, str], Ask] = {}
        self.outbox: asyncio.Queue[str] = asyncio.Queue(OUTBOX_MAX)
        self.writer = asyncio.create_task(self.write())
        await super().connect()

    async def disconnect(self, code: int) -> None:
        for ask in list(self.watched.values()):
            self.leave(ask)
        for task in (self.writer, self.next_notices):
            if task:
                task.cancel()
        await super().disconnect(code)

    # What the hub says goes through a queue: who reads slowly must not hold up the others.

    def hear(self, text: str) -> None:
        try:
            self.outbox.put_nowait(text)
        except asyncio.QueueFull:
            if self.writer:
                self.writer.cancel()
            self.writer = asyncio.create_task(self.close(CLOSE_TOO_SLOW))

    async def write(self) -> None:
        while True:
            await self.send(text_data=await self.outbox.get())

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if self.user is None:
            return None
        try:
            if len(text_data or "") > MESSAGE_BYTES_MAX:
                raise msgspec.ValidationError(f"at most {MESSAGE_BYTES_MAX} bytes")
            ask = _read.decode(text_data or "")
            if not (ask.task or ask.group or ask.notifications):
                raise msgspec.ValidationError("name a task or a group, or notifications")
        except msgspec.DecodeError as error:
            return await self.refuse(CLOSE_MALFORMED, "malformed_message", str(error))
        await (self.subscribe(ask) if isinstance(ask, Subscribe) else self.unsubscribe(ask))

    async def subscribe(self, ask: Ask) -> None:
        if ask.notifications:
            return await self.send_notices()
        if len(self.watched) >= settings.LIVE_SUBSCRIPTIONS_MAX:
            return await self.complain(
                "too_many", f"At most {settings.LIVE_SUBSCRIPTIONS_MAX} subscriptions."
            )
        self.leave(ask)  # asked twice: everything anew
        if await self.may_watch(ask) and await hub().join(ask.topic, ask.view, ask.make_view, self):
            self.watched[ask.topic, ask.view] = ask
        else:
            await self.say_nothing_here(ask)

    async def may_watch(self, ask: Ask) -> bool:
        allowed = views.may_watch_task if ask.task else views.may_watch_group
        return await database_sync_to_async(allowed)(self.user, ask.task or ask.group)

    async def say_nothing_here(self, ask: Ask) -> None:
        await self.complain("not_found", "There is nothing here.", task=ask.task, group=ask.group)

    async def unsubscribe(self, ask: Ask) -> None:
        if ask.notifications:
            self.told = None
        else:
            self.leave(ask)

    def leave(self, ask: Ask) -> None:
        if self.watched.pop((ask.topic, ask.view), None):
            hub().part(ask.topic, ask.view, self)

    async def check(self) -> None:
        """He may have left a group since he subscribed."""
        await super().check()
        for ask in list(self.watched.values()) if self.user else ():
            if not await self.may_watch(ask):
                self.leave(ask)
                await self.say_nothing_here(ask)

    # One's own notifications

    async def notifications_changed(self, message: dict[str, Any]) -> None:
        if self.told is not None and (self.next_notices is None or self.next_notices.done()):
            wait = self.noticed + 1 / settings.LIVE_UPDATES_PER_SECOND - time.monotonic()
            self.next_notices = asyncio.create_task(self.send_notices(max(wait, 0.0)))

    async def send_notices(self, after: float = 0.0) -> None:
        await asyncio.sleep(after)
        self.next_notices = None  # what comes from now on is not in what is read now
        self.noticed = time.monotonic()
        if self.user:
            message, self.told = await database_sync_to_async(views.notices)(self.user, self.told)
            await self.send_json(message)
