"""What is watched is computed once for all that watch it in this process, and not too often.

A `Watch` listens to one topic of the channel layer. Whenever its task changes it asks its view for
the news, in a thread, and gives the same text to every observer. Views block, and are used by one
thread at a time.
"""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Protocol
from weakref import WeakKeyDictionary

import msgspec
import structlog
from channels.db import database_sync_to_async
from channels.layers import get_channel_layer
from django.conf import settings
from redis.exceptions import RedisError

from core import databases
from tasks.live_socket.pace import Pace

log = structlog.get_logger(__name__)
Message = dict[str, Any]


class View(ABC):
    """What a watched thing looks like. None: it is gone, or there is nothing to send.

    `by_task`: the news of each task have a pace of their own. `every_seconds`: it is looked at
    again after so long even if nothing has changed; 0: it is not.
    """

    by_task = False
    every_seconds = 0.0

    @abstractmethod
    def whole(self) -> Message | None:
        """Everything, for an observer that has just come."""

    @abstractmethod
    def news(self, task: str) -> Message | None:
        """What is new since it was last asked; `task` is the one that changed, "" if none did."""


class Observer(Protocol):
    """Something that gets the texts of a watch."""

    def put(self, text: str) -> None: ...


class Watch:
    """One view of one topic, and all that observe it.

    `claims` counts the observers, with those that are about to be; `due` holds the news of each
    task that wait for their turn.
    """

    def __init__(self, topic: str, view: View) -> None:
        self.topic, self.view = topic, view
        self.observers: set[Observer] = set()
        self.claims = 0
        self.due: dict[str, asyncio.Task[None]] = {}
        self._pace = Pace(settings.LIVE_UPDATES_PER_SECOND, settings.LIVE_CPU_SHARE_MAX)
        self._listens = asyncio.Event()
        self._looking = asyncio.Lock()
        self._reader = asyncio.create_task(self._read())
        self._clock = asyncio.create_task(self._tick()) if view.every_seconds else None

    async def _read(self) -> None:
        layer = get_channel_layer()
        channel = await layer.new_channel()
        await layer.group_add(self.topic, channel)
        self._listens.set()
        try:
            while True:
                message = await layer.receive(channel)
                task = message["task"] if self.view.by_task else ""
                self._changed(task, final=message["final"])
        finally:
            await layer.group_discard(self.topic, channel)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(self.view.every_seconds)
            self._changed("", final=False)

    def close(self) -> None:
        for task in (self._reader, self._clock, *self.due.values()):
            if task:
                task.cancel()

    def _changed(self, task: str, *, final: bool) -> None:
        """Publish the news when their time has come; immediately if the task is over."""
        if task in self.due:
            if not final:
                return  # the news that wait already will hold this too
            self.due.pop(task).cancel()
        wait_seconds = 0.0 if final else self._pace.wait_seconds(task, time.monotonic())
        self.due[task] = asyncio.create_task(self._publish_after(wait_seconds, task))

    async def _publish_after(self, seconds: float, task: str) -> None:
        await asyncio.sleep(seconds)
        self.due.pop(task, None)
        self._pace.note_update(task, time.monotonic())
        async with self._looking:
            text = await self._look(lambda: self.view.news(task))
            if not text:
                return
            for observer in self.observers:
                observer.put(text)

    async def greet(self, observer: Observer) -> bool:
        """Add an observer and give it the whole view; False if there is nothing to watch.

        It listens first and looks then: what changes in between is sent twice rather than never.
        """
        await self._listens.wait()
        async with self._looking:
            text = await self._look(self.view.whole)
            if not text:
                return False
            self.observers.add(observer)
            observer.put(text)
            return True

    async def _look(self, ask: Callable[[], Message | None]) -> str:
        """Return what the view answers, as JSON; "" for nothing.

        It is "" also while database or Redis do not answer: the next change tries again.
        """
        try:
            text, seconds = await database_sync_to_async(_timed)(ask)
        except databases.failures(RedisError):
            log.warning("not_looked_at", topic=self.topic, exc_info=True)
            return ""
        self._pace.note_cost(seconds)
        return text


def _timed(ask: Callable[[], Message | None]) -> tuple[str, float]:
    """Return the answer as JSON, and the seconds of this thread's processor that it took."""
    began = time.thread_time()
    message = ask()
    text = "" if message is None else msgspec.json.encode(message).decode()
    return text, time.thread_time() - began


class Hub:
    """The watches of one event loop, by topic and by the name of the view."""

    def __init__(self) -> None:
        self.watches: dict[tuple[str, str], Watch] = {}

    async def join(
        self, topic: str, view_name: str, make_view: Callable[[], View], observer: Observer
    ) -> bool:
        """Watch with the others; False if there is nothing to see."""
        watch = self.watches.get((topic, view_name))
        if watch is None:
            watch = self.watches[topic, view_name] = Watch(topic, make_view())
        watch.claims += 1
        if await watch.greet(observer):
            return True
        self.part(topic, view_name, observer)
        return False

    def part(self, topic: str, view_name: str, observer: Observer) -> None:
        """Watch no more; a watch without observers is closed."""
        watch = self.watches[topic, view_name]
        watch.observers.discard(observer)
        watch.claims -= 1
        if not watch.claims:
            watch.close()
            del self.watches[topic, view_name]


_hubs: WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = WeakKeyDictionary()


def hub() -> Hub:
    """Return that of the running event loop."""
    return _hubs.setdefault(asyncio.get_running_loop(), Hub())
