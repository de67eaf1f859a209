"""News of tasks, pushed by the server: one `/ws/live/` connection of a client, kept up in the
background.

`Live` does it in a thread of its own, `AsyncLive` in the event loop of those who use it; the rest
is common to both. Nothing depends on it: who waits asks over HTTP too when nothing was heard for a
while, so a proxy that knows no WebSockets costs seconds, not the result.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import threading
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator
from typing import Any, Generic, Protocol, TypeVar

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from firmlight_client import protocol
from firmlight_client.addresses import proxy_for, websocket_url
from firmlight_client.backoff import wait_seconds
from firmlight_client.errors import FirmlightClientError
from firmlight_client.tokens import Tokens
from firmlight_client.transport import AsyncTransport, Transport

MESSAGE_BYTES_MAX = 4 * 2**20
CLOSE_SECONDS_MAX = 1.0

Snapshot = dict[str, Any]


class Watch:
    """The latest snapshot of one task. `changes` grows with each; `wait` sleeps until it does."""

    def __init__(self) -> None:
        self.condition = threading.Condition()
        self.snapshot: Snapshot | None = None
        self.outcome: list[Any] = []  # the result, once it came along
        self.changes = 0

    def put(self, snapshot: Snapshot, outcome: list[Any]) -> None:
        with self.condition:
            self.snapshot, self.outcome = snapshot, outcome
            self.changes += 1
            self.condition.notify_all()

    def wait(self, seen: int, seconds: float) -> tuple[int, Snapshot | None]:
        """The change after number `seen`, or (seen, None) if none came in this time."""
        with self.condition:
            if self.condition.wait_for(lambda: self.changes > seen, seconds):
                return self.changes, self.snapshot
            return seen, None


class AsyncWatch:
    """The same in one event loop."""

    def __init__(self) -> None:
        self.changed = asyncio.Event()  # another one after each change
        self.snapshot: Snapshot | None = None
        self.outcome: list[Any] = []
        self.changes = 0

    def put(self, snapshot: Snapshot, outcome: list[Any]) -> None:
        self.snapshot, self.outcome = snapshot, outcome
        self.changes += 1
        self.changed.set()
        self.changed = asyncio.Event()

    async def wait(self, seen: int, seconds: float) -> tuple[int, Snapshot | None]:
        if self.changes == seen:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.changed.wait(), seconds)
        return (self.changes, self.snapshot) if self.changes > seen else (seen, None)


class Listener(Protocol):
    def put(self, snapshot: Snapshot, outcome: list[Any]) -> None: ...


W = TypeVar("W", bound=Listener)


class _Line(ABC, Generic[W]):
    """Subscriptions, and the connection that serves them for as long as it is wanted."""

    def __init__(self, url: str) -> None:
        self.url = websocket_url(url, "/ws/live/")
        self.watches: dict[str, W] = {}
        self.wanted: Counter[str] = Counter()
        self.lock = threading.Lock()
        self.line: ClientConnection | None = None
        self.ended = asyncio.Event()
        self.given_up = False
        self.closed = False

    @property
    def is_up(self) -> bool:
        return self.line is not None

    @abstractmethod
    def start(self) -> None:
        """Open the connection, if it is not; who submits does so ahead of the first use."""

    @abstractmethod
    def new_watch(self) -> W: ...

    @abstractmethod
    def tokens(self) -> Tokens: ...

    @abstractmethod
    async def renewed(self, stale: str) -> str:
        """An access token other than `stale`, or ""."""

    @abstractmethod
    def say(self, text: str) -> None:
        """Have `send` send it in the loop of the connection."""

    @contextlib.contextmanager
    def watching(self, task: str) -> Iterator[W]:
        """Snapshots of this task while the block lasts."""
        with self.lock:
            watch = self.watches.setdefault(task, self.new_watch())
            self.wanted[task] += 1
            first = self.wanted[task] == 1
        self.start()
        if first and self.line:
            self.say(json.dumps({"type": "subscribe", "task": task}))
        try:
            yield watch
        finally:
            self._leave(task)

    def _leave(self, task: str) -> None:
        with self.lock:
            self.wanted[task] -= 1
            if self.wanted[task]:
                return
            del self.wanted[task], self.watches[task]
        if self.line:
            self.say(json.dumps({"type": "unsubscribe", "task": task}))

    def send(self, text: str) -> None:
        if self.line:
            sending = asyncio.ensure_future(self.line.send(text))
            sending.add_done_callback(
                lambda done: done.cancelled() or done.exception()
            )  # the reader sees it too

    async def stay_connected(self) -> None:
        attempt = 0
        while not self.ended.is_set() and not self.given_up:
            welcome = await self._one_connection()
            attempt = 0 if welcome else attempt + 1
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.ended.wait(), wait_seconds(attempt, random.Random()))  # noqa: S311

    async def _one_connection(self) -> bool:
        """Returns whether trying again at once is worth it: the server spoke to us, or there is a
        new token.
        """
        token, heard = self.tokens().access(), False
        try:
            async with self._connect(token) as line:
                ending = asyncio.create_task(self._close_with(line))
                try:
                    await self._resubscribe(line)
                    async for message in line:
                        heard = self._hear(json.loads(message)) or heard
                except ConnectionClosed:
                    pass  # its code says why
                finally:
                    self.line = None
                    ending.cancel()
                heard = await self._let_in_again(line, token) or heard
        except (OSError, EOFError, ValueError, WebSocketException, FirmlightClientError):
            pass  # HTTP will tell those who wait what is wrong
        return heard

    def _connect(self, token: str) -> connect:
        return connect(
            self.url,
            additional_headers={"Authorization": f"Bearer {token}"},
            compression=None,
            max_size=MESSAGE_BYTES_MAX,
            proxy=proxy_for(self.url),
            close_timeout=CLOSE_SECONDS_MAX,
        )

    async def _resubscribe(self, line: ClientConnection) -> None:
        """From here on new watchers subscribe themselves; those of before are subscribed now."""
        with self.lock:
            self.line, tasks = line, list(self.wanted)
        for task in tasks:
            await line.send(json.dumps({"type": "subscribe", "task": task}))

    def _hear(self, message: dict[str, Any]) -> bool:
        task = message.get("task")
        if message.get("type") != "task" or not isinstance(task, dict):
            return False
        with self.lock:
            watch = self.watches.get(str(task.get("id")))
        if watch:
            watch.put(task, [message["result"]] if "result" in message else [])
        return True

    async def _let_in_again(self, line: ClientConnection, token: str) -> bool:
        """Whether there is a new token for one that ran out. Without one there is no use in trying
        again.
        """
        if line.close_code != protocol.CLOSE_BAD_TOKEN:
            return False
        self.given_up = await self.renewed(token) in ("", token)
        return not self.given_up

    async def _close_with(self, line: ClientConnection) -> None:
        await self.ended.wait()
        with contextlib.suppress(ConnectionClosed):
            await line.close()


class Live(_Line[Watch]):
    """Thread-safe. The thread starts with the first subscription and ends with `close` or the
    process.
    """

    def __init__(self, transport: Transport) -> None:
        super().__init__(transport.url)
        self.transport = transport
        self.loop: asyncio.AbstractEventLoop | None = None

    def new_watch(self) -> Watch:
        return Watch()

    def tokens(self) -> Tokens:
        return self.transport.tokens

    async def renewed(self, stale: str) -> str:
        return await asyncio.to_thread(self.transport.renew, stale)

    def start(self) -> None:
        with self.lock:
            if self.loop is None and not self.closed:
                self.loop = asyncio.new_event_loop()
                self.thread = threading.Thread(
                    target=self._run, args=(self.loop,), name="firmlight-live", daemon=True
                )
                self.thread.start()

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        try:
            loop.run_until_complete(self.stay_connected())
        finally:
            loop.close()

    def say(self, text: str) -> None:
        if self.loop:
            with contextlib.suppress(RuntimeError):  # the loop has just ended
                self.loop.call_soon_threadsafe(self.send, text)

    def close(self) -> None:
        with self.lock:
            self.closed = True
        if self.loop:
            with contextlib.suppress(RuntimeError):
                self.loop.call_soon_threadsafe(self.ended.set)
            self.thread.join(CLOSE_SECONDS_MAX)


class AsyncLive(_Line[AsyncWatch]):
    """Of one event loop: that of the first subscription."""

    def __init__(self, transport: AsyncTransport) -> None:
        super().__init__(transport.url)
        self.transport = transport
        self.keeping: asyncio.Task[None] | None = None

    def new_watch(self) -> AsyncWatch:
        return AsyncWatch()

    def tokens(self) -> Tokens:
        return self.transport.tokens

    async def renewed(self, stale: str) -> str:
        return await self.transport.renew(stale)

    def start(self) -> None:
        if self.keeping is None and not self.closed:
            self.keeping = asyncio.create_task(self.stay_connected(), name="firmlight-live")

    def say(self, text: str) -> None:
        self.send(text)

    async def close(self) -> None:
        self.closed = True
        self.ended.set()
        if self.keeping:
            await asyncio.wait([self.keeping], timeout=CLOSE_SECONDS_MAX)
            self.keeping.cancel()
