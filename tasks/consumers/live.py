"""`/ws/live/`: JSON for browsers and the SDK. Subscribe to a task, a group or one's own notifications; snapshots come,
at most LIVE_UPDATES_PER_SECOND a second for each, so a lost message never matters. The last state is never held back.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any
from uuid import UUID

import msgspec
from channels.db import database_sync_to_async
from django.conf import settings

from tasks import events, live
from tasks.consumers.visitor import Visitor

MESSAGE_BYTES_MAX = 4096
CLOSE_MALFORMED = 4400
NOTICES = "notifications"  # among the tasks in `sent` and `due`; no task's id


class Ask(msgspec.Struct, tag_field="type"):
    task: str | None = None
    group: str | None = None
    notifications: bool = False

    @property
    def topic(self) -> str:
        if self.notifications:
            return NOTICES
        return events.task_topic(self.task) if self.task else events.group_topic(self.group or "")


class Subscribe(Ask, tag="subscribe"):
    """Send snapshots of this task, of every task of this group that changes, or of one's own notifications."""


class Unsubscribe(Ask, tag="unsubscribe"):
    """No more of it."""


_read = msgspec.json.Decoder(Subscribe | Unsubscribe)


class LiveConsumer(Visitor):
    """`sent` holds when the last snapshot of each task left; `due` the timer of the one that waits its turn; `told`
    the notifications that this page knows of, None as long as it has not asked for any.
    """

    told: set[UUID] | None = None

    async def connect(self) -> None:
        self.sent: dict[str, float] = {}
        self.due: dict[str, asyncio.Task[None]] = {}
        await super().connect()

    async def disconnect(self, code: int) -> None:
        for timer in self.due.values():
            timer.cancel()
        await super().disconnect(code)

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
        """Join first, look then: what changes in between is told twice rather than never."""
        if ask.notifications:
            return await self.send_snapshot(NOTICES)
        if len(self.topics) > settings.LIVE_SUBSCRIPTIONS_MAX:  # one is the user's own
            return await self.complain("too_many", f"At most {settings.LIVE_SUBSCRIPTIONS_MAX} subscriptions.")
        await self.join(ask.topic)
        first = await database_sync_to_async(self.first_message)(ask)
        if first is None:
            await self.unsubscribe(ask)
            return await self.complain("not_found", "There is nothing here.", task=ask.task, group=ask.group)
        if ask.task:
            self.sent[ask.task] = time.monotonic()
        return await self.send_json(first)

    def first_message(self, ask: Ask) -> dict[str, Any] | None:
        """What answers a subscription; None if the user may not see it. Blocking."""
        assert self.user
        if ask.task:
            return live.snapshot(self.user, ask.task)
        return {"type": "group", "group": ask.group} if live.may_watch_group(self.user, ask.group or "") else None

    async def unsubscribe(self, ask: Ask) -> None:
        if ask.notifications:
            self.told = None
            self.forget_timer(NOTICES)
        else:
            await self.part(ask.topic)

    async def task_changed(self, message: dict[str, Any]) -> None:
        task = message["task"]
        if {events.task_topic(task), events.group_topic(message["group"])} & self.topics:
            await self.show(task, final=message["final"])  # else it came while the subscription was refused, or ended

    async def notifications_changed(self, message: dict[str, Any]) -> None:
        if self.told is not None:
            await self.show(NOTICES)

    async def show(self, what: str, *, final: bool = False) -> None:
        """A snapshot now if the last is old enough or this is the end of the task; else when its time has come."""
        wait = self.sent.get(what, 0.0) + 1 / settings.LIVE_UPDATES_PER_SECOND - time.monotonic()
        if final or wait <= 0:
            self.forget_timer(what)
            await self.send_snapshot(what)
        elif what not in self.due:
            self.due[what] = asyncio.create_task(self.send_after(what, wait))

    def forget_timer(self, what: str) -> None:
        timer = self.due.pop(what, None)
        if timer:
            timer.cancel()

    async def send_after(self, what: str, seconds: float) -> None:
        await asyncio.sleep(seconds)
        self.due.pop(what, None)
        await self.send_snapshot(what)

    async def send_snapshot(self, what: str) -> None:
        """Who may see it is asked each time: he may have left the group since he subscribed."""
        if self.user is None:
            return
        self.sent[what] = time.monotonic()
        if what == NOTICES:
            message, self.told = await database_sync_to_async(live.notices)(self.user, self.told)
        else:
            message = await database_sync_to_async(live.snapshot)(self.user, what)
        if message is not None:
            await self.send_json(message)
