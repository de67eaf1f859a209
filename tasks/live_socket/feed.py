"""What is watched is computed once for all who watch it in this process, and at most so often.

A `Watch` listens to one topic of the channel layer; whenever its task changes it asks its view for
the news, in a thread, and hands the same text to every observer. Views are blocking and used by one
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

log = structlog.get_logger(__name__)
Message = dict[str, Any]


class View(ABC):
    """What a watched thing looks like. None: it is gone, or there is nothing to say.

    `by_task`: news of each task have a pace of their own. `every_seconds`: it is looked at anew
    without any news, too; 0 if not.
    """

    by_task = False
    every_seconds = 0.0

    @abstractmethod
    def whole(self) -> Message | None:
        """Everything, for who has just come."""

    @abstractmethod
    def news(self, task: str) -> Message | None:
        """What is new since it was last asked."""


class Observer(Protocol):
    def hear(self, text: str) -> None: ...


class Watch:
    """`sent` holds when the last news of each task left; `due` those that wait for their turn."""

    def __init__(self, topic: str, view: View) -> None:
        self.topic, self.view = topic, view
        self.observers: set[Observer] = set()
        self.claims = 0  # observers, and those that are about to be
        self.listens = asyncio.Event()
        self.sent: dict[str, float] = {}
        self.due: dict[str, asyncio.Task[None]] = {}
        self.cost_seconds = 0.0  # of one look, lately
        self.looking = asyncio.Lock()
        self.reader = asyncio.create_task(self.read())
        self.clock = asyncio.create_task(self.tick()) if view.every_seconds else None

    async def read(self) -> None:
        layer = get_channel_layer()
        channel = await layer.new_channel()
        await layer.group_add(self.topic, channel)
        self.listens.set()
        try:
            while True:
                message = await layer.receive(channel)
                self.changed(message["task"] if self.view.by_task else "", final=message["final"])
        finally:
            await layer.group_discard(self.topic, channel)

    async def tick(self) -> None:
        while True:
            await asyncio.sleep(self.view.every_seconds)
            self.changed("", final=False)

    def close(self) -> None:
        for task in [self.reader, self.clock, *self.due.values()]:
            if task:
                task.cancel()

    def changed(self, task: str, *, final: bool) -> None:
        """News now if the last are old enough or this is the end; else when their time has come."""
        wait = 0.0 if final else self.sent.get(task, 0.0) + self.pause_seconds - time.monotonic()
        if task in self.due:
            if not final:
                return
            self.due.pop(task).cancel()
        self.due[task] = asyncio.create_task(self.publish_after(task, max(wait, 0.0)))

    @property
    def pause_seconds(self) -> float:
        """Between two looks: what is expensive to look at is looked at less often."""
        return max(
            1 / settings.LIVE_UPDATES_PER_SECOND, self.cost_seconds / settings.LIVE_CPU_SHARE_MAX
        )

    async def publish_after(self, task: str, seconds: float) -> None:
        await asyncio.sleep(seconds)
        self.due.pop(task, None)
        self.sent[task] = time.monotonic()
        async with self.looking:
            text = await self.look(lambda: self.view.news(task))
            for observer in self.observers if text else ():
                observer.hear(text)

    async def greet(self, observer: Observer) -> bool:
        """Add an observer and tell it how things stand; False if there is nothing to watch.

        Listen first, look then: what changes in between is told twice rather than never.
        """
        await self.listens.wait()
        async with self.looking:
            text = await self.look(self.view.whole)
            if text:
                self.observers.add(observer)
                observer.hear(text)
        return bool(text)

    async def look(self, ask: Callable[[], Message | None]) -> str:
        """What the view says, as JSON; "" for nothing, also while database or Redis do not answer."""
        try:
            text, seconds = await database_sync_to_async(_timed)(ask)
        except databases.failures(RedisError):
            log.warning(
                "not_looked_at", topic=self.topic, exc_info=True
            )  # the next change tries again
            return ""
        self.cost_seconds = (self.cost_seconds + seconds) / 2
        return text


def _timed(ask: Callable[[], Message | None]) -> tuple[str, float]:
    """The answer as JSON and the seconds of this thread's processor that it took."""
    began = time.thread_time()
    message = ask()
    text = msgspec.json.encode(message).decode() if message is not None else ""
    return text, time.thread_time() - began


class Hub:
    """The watches of one event loop, by topic and by what is shown of it."""

    def __init__(self) -> None:
        self.watches: dict[tuple[str, str], Watch] = {}

    async def join(
        self, topic: str, kind: str, make: Callable[[], View], observer: Observer
    ) -> bool:
        """Watch with the others; False if there is nothing to see."""
        watch = self.watches.get((topic, kind))
        if watch is None:
            watch = self.watches[topic, kind] = Watch(topic, make())
        watch.claims += 1
        if await watch.greet(observer):
            return True
        self.part(topic, kind, observer)
        return False

    def part(self, topic: str, kind: str, observer: Observer) -> None:
        """Watch no more; the last one puts out the light."""
        watch = self.watches[topic, kind]
        watch.observers.discard(observer)
        watch.claims -= 1
        if not watch.claims:
            watch.close()
            del self.watches[topic, kind]


_hubs: WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = WeakKeyDictionary()


def hub() -> Hub:
    """That of the running event loop."""
    return _hubs.setdefault(asyncio.get_running_loop(), Hub())
