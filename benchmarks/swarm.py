"""Thousands of workers in one event loop: each has a connection, speaks the protocol and computes
nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.typing import Subprotocol

from firmlight_client import protocol
from firmlight_client.backoff import wait_seconds_after

ARRIVING_AT_ONCE = 100  # when they come for the first time; thrown out, they come back as they will
ABNORMAL_CLOSE = 1006


@dataclass
class Swarm:
    """`here` are the workers that are welcome now, `closes` the codes of the connections that
    ended.
    """

    url: str
    token: str
    workers: list[Worker] = field(default_factory=list)
    here: set[Worker] = field(default_factory=set)
    closes: list[int] = field(default_factory=list)
    since: float = 0.0  # of those who asked before, nobody counts how long they wait
    waits: list[float] = field(default_factory=list)  # seconds from asking for work to a lease
    results: list[float] = field(default_factory=list)  # seconds from a result to its answer
    news: asyncio.Condition = field(default_factory=asyncio.Condition)
    gate: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(ARRIVING_AT_ONCE))

    async def grow(self, size: int) -> float:
        """Let workers come until there are so many; seconds until the last one is welcome."""
        began = time.monotonic()
        self.workers += [Worker(self, number) for number in range(len(self.workers), size)]
        await self.until(lambda: len(self.here) == len(self.workers))
        return time.monotonic() - began

    async def until(self, holds: Callable[[], bool]) -> None:
        """Looked at whenever somebody comes or goes."""
        async with self.news:
            await self.news.wait_for(holds)

    async def note(self) -> None:
        async with self.news:
            self.news.notify_all()

    async def leave(self) -> None:
        for worker in self.workers:
            worker.life.cancel()
        await asyncio.gather(*(worker.life for worker in self.workers), return_exceptions=True)


class Worker:
    """One slot. It asks for work once `works` is set, and comes back when it is thrown out, as the
    real one does.
    """

    def __init__(self, swarm: Swarm, number: int) -> None:
        self.swarm, self.name, self.chance = swarm, f"swarm-{number}", random.Random(number)
        self.works = asyncio.Event()
        self.held: list[str] = []
        self.asked_at = self.gave_at = 0.0
        self.life = asyncio.create_task(self.live())

    async def live(self) -> None:
        attempt = 0
        async with self.swarm.gate:
            line = await self.arrive()
        while True:
            code = await self.stay(line) if line else ABNORMAL_CLOSE
            self.swarm.closes.append(code)
            attempt = 0 if line else attempt + 1
            await asyncio.sleep(wait_seconds_after(code, attempt, self.chance))
            line = await self.arrive()

    async def arrive(self) -> ClientConnection | None:
        """A connection on which it is welcome; None if there is none to be had."""
        with contextlib.suppress(OSError, WebSocketException, EOFError, TimeoutError):
            line = await self.dial()
            offer = {"ECHO": "1"}
            await line.send(
                protocol.encode(
                    protocol.Hello(name=self.name, slots=1, kinds=offer, client_version="0.1.0")
                )
            )
            welcome = protocol.decode_from_server(await line.recv())  # type: ignore[arg-type]
            if isinstance(welcome, protocol.Welcome):
                self.beat_seconds = welcome.heartbeat_seconds
                return line
        return None

    async def dial(self) -> ClientConnection:
        return await connect(
            f"ws{self.swarm.url.removeprefix('http')}/ws/worker/",
            subprotocols=[Subprotocol(protocol.SUBPROTOCOL)],
            additional_headers={"Authorization": f"Bearer {self.swarm.token}"},
            compression=None,
            proxy=None,
            open_timeout=60,
            ping_interval=None,
            max_size=protocol.FRAME_MAX_BYTES,
        )

    async def stay(self, line: ClientConnection) -> int:
        """Until the line ends; the code with which it did."""
        self.swarm.here.add(self)
        await self.swarm.note()
        self.held.clear()
        duties = [asyncio.create_task(duty) for duty in (self.beat(line), self.ask(line))]
        try:
            async for message in line:
                for answer in self.hear(protocol.decode_from_server(message)):  # type: ignore[arg-type]
                    await line.send(protocol.encode(answer))
        except ConnectionClosed:
            pass
        finally:
            self.swarm.here.discard(self)
            for duty in duties:
                duty.cancel()
        await self.swarm.note()
        return line.close_code or ABNORMAL_CLOSE

    async def beat(self, line: ClientConnection) -> None:
        await asyncio.sleep(self.chance.uniform(0, self.beat_seconds))
        with contextlib.suppress(ConnectionClosed):
            while True:
                await line.send(protocol.encode(protocol.Heartbeat(leases=self.held)))
                await asyncio.sleep(self.beat_seconds)

    async def ask(self, line: ClientConnection) -> None:
        await self.works.wait()
        self.asked_at = time.monotonic()
        with contextlib.suppress(ConnectionClosed):
            await line.send(protocol.encode(protocol.Ready(slots=1)))

    def hear(self, frame: Any) -> Iterator[protocol.Frame]:
        """What it says to that."""
        if isinstance(frame, protocol.Lease):
            if self.asked_at >= self.swarm.since:
                self.swarm.waits.append(time.monotonic() - self.asked_at)
            self.held = [frame.lease]
            yield self.result(frame.lease, frame.subtasks)
        elif isinstance(frame, protocol.Accepted):
            self.swarm.results.append(time.monotonic() - self.gave_at)
        elif isinstance(frame, protocol.Refused) and frame.open:
            yield self.result(frame.lease, frame.open)

    def result(self, lease: str, subtasks: list[int]) -> protocol.Result:
        """Of ECHO, at once, with the slot free again."""
        partial = msgspec.msgpack.encode([len(subtasks), sum(subtasks), list(subtasks)])
        self.held = []
        self.asked_at = self.gave_at = time.monotonic()
        return protocol.Result(
            lease=lease, subtasks=subtasks, partial=partial, seconds=0.001, ready=1
        )
