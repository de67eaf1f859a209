"""`/ws/live/`: JSON for browsers and the SDK. Subscribe to a task or a group; snapshots come, at most
LIVE_UPDATES_PER_SECOND a second for each, so a lost message never matters. The last state is never held back.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any
from urllib.parse import urlsplit

import msgspec
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings

from accounts.models import User
from tasks import events, live
from tasks.consumers import doors

MESSAGE_BYTES_MAX = 4096
CLOSE_NOT_LOGGED_IN, CLOSE_FOREIGN_ORIGIN, CLOSE_MALFORMED = 4401, 4403, 4400


class Ask(msgspec.Struct, tag_field="type"):
    task: str | None = None
    group: str | None = None

    @property
    def topic(self) -> str:
        return events.task_topic(self.task) if self.task else events.group_topic(self.group or "")


class Subscribe(Ask, tag="subscribe"):
    """Send snapshots of this task, or of every task of this group that changes."""


class Unsubscribe(Ask, tag="unsubscribe"):
    """No more of it."""


_read = msgspec.json.Decoder(Subscribe | Unsubscribe)


class LiveConsumer(AsyncWebsocketConsumer):
    """`sent` holds when each task's last snapshot left; `due` the timer of the one that waits its turn."""

    user: User | None = None

    async def connect(self) -> None:
        self.topics: set[str] = set()
        self.sent: dict[str, float] = {}
        self.due: dict[str, asyncio.Task[None]] = {}
        await self.accept()
        if doors.token_of(self.scope):
            bearer = await doors.bearer_of(self.scope)
            self.user = bearer.user if bearer and bearer.kind == "access" else None
        elif not self.origin_is_ours():
            return await self.refuse(CLOSE_FOREIGN_ORIGIN, "foreign_origin", "Open this page from its own address.")
        else:
            self.user = await database_sync_to_async(live.session_user)(self.scope["user"])
        if self.user is None:
            await self.refuse(CLOSE_NOT_LOGGED_IN, "not_logged_in", "Log in again.")
        return None

    def origin_is_ours(self) -> bool:
        """A cookie authenticates here, so another site's page must not be able to open this socket."""
        headers = dict(self.scope["headers"])
        origin = urlsplit(headers.get(b"origin", b"").decode("latin-1"))
        trusted = {urlsplit(url).netloc for url in [settings.PUBLIC_URL, *settings.CSRF_TRUSTED_ORIGINS]}
        return origin.netloc in trusted | {headers.get(b"host", b"").decode("latin-1")}

    async def disconnect(self, code: int) -> None:
        for timer in self.due.values():
            timer.cancel()
        for topic in self.topics:
            await self.channel_layer.group_discard(topic, self.channel_name)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if self.user is None:
            return None
        try:
            if len(text_data or "") > MESSAGE_BYTES_MAX:
                raise msgspec.ValidationError(f"at most {MESSAGE_BYTES_MAX} bytes")
            ask = _read.decode(text_data or "")
            if not ask.task and not ask.group:
                raise msgspec.ValidationError("name a task or a group")
        except msgspec.DecodeError as error:
            return await self.refuse(CLOSE_MALFORMED, "malformed_message", str(error))
        await (self.subscribe(ask) if isinstance(ask, Subscribe) else self.unsubscribe(ask))

    async def subscribe(self, ask: Ask) -> None:
        """Join first, look then: what changes in between is told twice rather than never."""
        if len(self.topics) >= settings.LIVE_SUBSCRIPTIONS_MAX:
            return await self.complain("too_many", f"At most {settings.LIVE_SUBSCRIPTIONS_MAX} subscriptions.")
        self.topics.add(ask.topic)
        await self.channel_layer.group_add(ask.topic, self.channel_name)
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
        self.topics.discard(ask.topic)
        await self.channel_layer.group_discard(ask.topic, self.channel_name)

    async def task_changed(self, message: dict[str, Any]) -> None:
        """A snapshot now if the last is old enough or this is the end of the task; else when its time has come."""
        task = message["task"]
        if not {events.task_topic(task), events.group_topic(message["group"])} & self.topics:
            return  # it came while the subscription was being refused, or ended
        wait = self.sent.get(task, 0.0) + 1 / settings.LIVE_UPDATES_PER_SECOND - time.monotonic()
        if message["final"] or wait <= 0:
            self.forget_timer(task)
            await self.send_snapshot(task)
        elif task not in self.due:
            self.due[task] = asyncio.create_task(self.send_after(task, wait))

    def forget_timer(self, task: str) -> None:
        timer = self.due.pop(task, None)
        if timer:
            timer.cancel()

    async def send_after(self, task: str, seconds: float) -> None:
        await asyncio.sleep(seconds)
        self.due.pop(task, None)
        await self.send_snapshot(task)

    async def send_snapshot(self, task: str) -> None:
        """Who may see it is asked each time: he may have left the group since he subscribed."""
        if self.user is None:
            return
        self.sent[task] = time.monotonic()
        message = await database_sync_to_async(live.snapshot)(self.user, task)
        if message is not None:
            await self.send_json(message)

    async def complain(self, code: str, message: str, **about: str | None) -> None:
        named = {name: value for name, value in about.items() if value}
        await self.send_json({"type": "error", "code": code, "message": message, **named})

    async def refuse(self, close: int, code: str, message: str) -> None:
        self.user = None
        await self.complain(code, message)
        await self.close(close)

    async def send_json(self, message: dict[str, Any]) -> None:
        await self.send(text_data=msgspec.json.encode(message).decode())
