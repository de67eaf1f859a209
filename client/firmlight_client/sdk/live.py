"""Snapshots of tasks, pushed by the server over one `/ws/live/` connection of a client.

`Live` keeps it up in a thread of its own, `AsyncLive` in the event loop of its callers; the rest is
common to both. Nothing depends on it: callers ask over HTTP too when nothing was pushed for a
while, so a proxy that blocks WebSockets costs seconds, not the result.
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
        self.outcome: list[Any] = []  # the result, once it was pushed
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
        self.changed = asyncio.Event()  # a new one after each change
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
        if self.changes > seen:
            return self.changes, self.snapshot
        return seen, None


class Listener(Protocol):
    """What both kinds of watch have in common."""

    def put(self, snapshot: Snapshot, outcome: list[Any]) -> None: ...


W = TypeVar("W", bound=Listener)


class LiveConnection(ABC, Generic[W]):
    """Subscriptions, and the connection that serves them for as long as it is wanted."""

    def __init__(self, url: str) -> None:
        self.url = websocket_url(url, "/ws/live/")
        self.watches: dict[str, W] = {}
        self.wanted: Counter[str] = Counter()  # how many watch each task
        self.lock = threading.Lock()
        self.socket: ClientConnection | None = None  # None while there is no connection
        self.ended = asyncio.Event()
        self.given_up = False
        self.closed = False

    @property
    def is_up(self) -> bool:
        return self.socket is not None

    @abstractmethod
    def start(self) -> None:
        """Open the connection if it is not open; `submit` does so ahead of the first use."""

    @abstractmethod
    def new_watch(self) -> W: ...

    @abstractmethod
    def tokens(self) -> Tokens: ...

    @abstractmethod
    async def renewed(self, stale: str) -> str:
        """An access token other than `stale`, or ""."""

    @abstractmethod
    def send_soon(self, text: str) -> None:
        """Call `send` in the loop of the connection."""

    @contextlib.contextmanager
    def watching(self, task: str) -> Iterator[W]:
        """Snapshots of this task while the block lasts."""
        with self.lock:
            watch = self.watches.setdefault(task, self.new_watch())
            self.wanted[task] += 1
            first = self.wanted[task] == 1
        self.start()
        if first and self.socket:
            self.send_soon(json.dumps({"type": "subscribe", "task": task}))
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
        if self.socket:
            self.send_soon(json.dumps({"type": "unsubscribe", "task": task}))

    def send(self, text: str) -> None:
        """Send without waiting. A failure is left to the reader, which sees it too."""
        if self.socket:
            sending = asyncio.ensure_future(self.socket.send(text))
            sending.add_done_callback(lambda done: done.cancelled() or done.exception())

    async def stay_connected(self) -> None:
        attempt = 0
        while not self.ended.is_set() and not self.given_up:
            is_working = await self._one_connection()
            attempt = 0 if is_working else attempt + 1
            seconds = wait_seconds(attempt, random.Random())  # noqa: S311  only spreads reconnects
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.ended.wait(), seconds)

    async def _one_connection(self) -> bool:
        """From opening to close; whether the next attempt may come soon.

        It may if the server sent something, or if there is a new token.
        """
        token, heard = self.tokens().access(), False
        try:
            async with self._connect(token) as socket:
                closing = asyncio.create_task(self._close_when_ended(socket))
                try:
                    await self._subscribe_all(socket)
                    async for message in socket:
                        if self._hear(json.loads(message)):
                            heard = True
                except ConnectionClosed:
                    pass  # its code says why
                finally:
                    self.socket = None
                    closing.cancel()
                if await self._has_new_token(socket, token):
                    return True
        except (OSError, EOFError, ValueError, WebSocketException, FirmlightClientError):
            pass  # callers ask over HTTP, and get the error there
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

    async def _subscribe_all(self, socket: ClientConnection) -> None:
        """Subscribe the watches of before; from here on new ones subscribe themselves."""
        with self.lock:
            self.socket, tasks = socket, list(self.wanted)
        for task in tasks:
            await socket.send(json.dumps({"type": "subscribe", "task": task}))

    def _hear(self, message: dict[str, Any]) -> bool:
        """Pass a snapshot on; whether the message was one."""
        task = message.get("task")
        if message.get("type") != "task" or not isinstance(task, dict):
            return False
        with self.lock:
            watch = self.watches.get(str(task.get("id")))
        if watch:
            watch.put(task, [message["result"]] if "result" in message else [])
        return True

    async def _has_new_token(self, socket: ClientConnection, token: str) -> bool:
        """Whether the token ran out and there is a new one. Without one, trying again is no use."""
        if socket.close_code != protocol.CLOSE_BAD_TOKEN:
            return False
        self.given_up = await self.renewed(token) in ("", token)
        return not self.given_up

    async def _close_when_ended(self, socket: ClientConnection) -> None:
        await self.ended.wait()
        with contextlib.suppress(ConnectionClosed):
            await socket.close()


class Live(LiveConnection[Watch]):
    """Thread-safe. The thread starts with the first use and ends with `close` or the process."""

    def __init__(self, transport: Transport) -> None:
        super().__init__(transport.url)
        self.transport = transport
        self.loop: asyncio.AbstractEventLoop | None = None
        self.thread: threading.Thread | None = None

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

    def send_soon(self, text: str) -> None:
        if self.loop:
            with contextlib.suppress(RuntimeError):  # the loop has just ended
                self.loop.call_soon_threadsafe(self.send, text)

    def close(self) -> None:
        with self.lock:
            self.closed = True
        if self.loop:
            with contextlib.suppress(RuntimeError):  # the loop has ended already
                self.loop.call_soon_threadsafe(self.ended.set)
        if self.thread:
            self.thread.join(CLOSE_SECONDS_MAX)


class AsyncLive(LiveConnection[AsyncWatch]):
    """Of one event loop: that of the first subscription."""

    def __init__(self, transport: AsyncTransport) -> None:
        super().__init__(transport.url)
        self.transport = transport
        self.task: asyncio.Task[None] | None = None

    def new_watch(self) -> AsyncWatch:
        return AsyncWatch()

    def tokens(self) -> Tokens:
        return self.transport.tokens

    async def renewed(self, stale: str) -> str:
        return await self.transport.renew(stale)

    def start(self) -> None:
        if self.task is None and not self.closed:
            self.task = asyncio.create_task(self.stay_connected(), name="firmlight-live")

    def send_soon(self, text: str) -> None:
        self.send(text)

    async def close(self) -> None:
        self.closed = True
        self.ended.set()
        if self.task:
            await asyncio.wait([self.task], timeout=CLOSE_SECONDS_MAX)
            self.task.cancel()
