"""News of tasks, pushed by the server: one `/ws/live/` connection of a client, kept up by a thread of its own.

Nothing depends on it: who waits asks over HTTP too when nothing was heard for a while, so a proxy that
knows no WebSockets costs seconds, not the result.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from firmlight_client import protocol
from firmlight_client.addresses import proxy_for, websocket_url
from firmlight_client.backoff import wait_seconds
from firmlight_client.errors import FirmlightClientError
from firmlight_client.transport import Transport

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


class Live:
    """Thread-safe. The thread starts with the first subscription and ends with `close` or the process."""

    def __init__(self, transport: Transport) -> None:
        self.transport, self.url = transport, websocket_url(transport.url, "/ws/live/")
        self.watches: dict[str, Watch] = {}
        self.wanted: Counter[str] = Counter()
        self.lock = threading.Lock()
        self.loop: asyncio.AbstractEventLoop | None = None
        self.line: ClientConnection | None = None
        self.ended = asyncio.Event()
        self.given_up = False
        self.closed = False

    @property
    def is_up(self) -> bool:
        return self.line is not None

    @contextlib.contextmanager
    def watching(self, task: str) -> Iterator[Watch]:
        """Snapshots of this task while the block lasts."""
        with self.lock:
            watch = self.watches.setdefault(task, Watch())
            self.wanted[task] += 1
            first = self.wanted[task] == 1
        self.start()
        if first:
            self._say("subscribe", task)
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
        self._say("unsubscribe", task)

    def start(self) -> None:
        """Open the connection, if it is not; who submits does so ahead of the first use."""
        with self.lock:
            if self.loop is None and not self.closed:
                self.loop = asyncio.new_event_loop()
                self.thread = threading.Thread(target=self._run, args=(self.loop,), name="firmlight-live", daemon=True)
                self.thread.start()

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        try:
            loop.run_until_complete(self._stay_connected())
        finally:
            loop.close()

    def _say(self, verb: str, task: str) -> None:
        if self.loop and self.line:
            with contextlib.suppress(RuntimeError):  # the loop has just ended
                self.loop.call_soon_threadsafe(self._send, json.dumps({"type": verb, "task": task}))

    def _send(self, text: str) -> None:
        if self.line:
            sending = asyncio.ensure_future(self.line.send(text))
            sending.add_done_callback(lambda done: done.cancelled() or done.exception())  # the reader sees it too

    async def _stay_connected(self) -> None:
        attempt = 0
        while not self.ended.is_set() and not self.given_up:
            welcome = await self._one_connection()
            attempt = 0 if welcome else attempt + 1
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.ended.wait(), wait_seconds(attempt, random.Random()))  # noqa: S311

    async def _one_connection(self) -> bool:
        """Returns whether trying again at once is worth it: the server spoke to us, or there is a new token."""
        token, heard = self.transport.tokens.access(), False
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
                heard = await self._renewed(line, token) or heard
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

    async def _renewed(self, line: ClientConnection, token: str) -> bool:
        """Whether there is a new token for one that ran out. Without one there is no use in trying again."""
        if line.close_code != protocol.CLOSE_BAD_TOKEN:
            return False
        renewed = await asyncio.to_thread(self.transport.renew, token)
        self.given_up = renewed in ("", token)
        return not self.given_up

    async def _close_with(self, line: ClientConnection) -> None:
        await self.ended.wait()
        with contextlib.suppress(ConnectionClosed):
            await line.close()

    def close(self) -> None:
        with self.lock:
            self.closed = True
        if self.loop:
            with contextlib.suppress(RuntimeError):
                self.loop.call_soon_threadsafe(self.ended.set)
            self.thread.join(CLOSE_SECONDS_MAX)
