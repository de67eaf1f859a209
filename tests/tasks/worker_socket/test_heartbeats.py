"""Heartbeats go to Redis together; each worker hears what concerns it alone."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from uuid import uuid4

import pytest
from redis.exceptions import RedisError

from core.redis import connect, connect_async
from tasks.queue import connections, presence
from tasks.queue.scripts import Call
from tasks.worker_socket import heartbeats
from tasks.worker_socket.heartbeats import Heartbeats

KIND = "ECHO@1"


@dataclass
class Beater:
    """A worker of a group of its own; `asked` and `heard` note how it was called."""

    group: str = field(default_factory=lambda: str(uuid4()))
    stopped: bool = False
    asked: list[list[str]] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)

    def beats(self, leases: list[str]) -> list[Call[list[str]]]:
        self.asked.append(leases)
        return [
            connections.beat(self.group, worker="w", conn="c", kinds=[KIND], slots=1, leases=leases)
        ]

    async def unwanted(self, leases: list[str]) -> None:
        self.heard += leases

    async def broken(self, at: str) -> None:
        self.heard.append(f"broken {at}")

    @property
    def is_here(self) -> bool:
        return presence.online_workers(self.group, KIND) == ["w"]


async def beat(*beaters: Beater, leases: list[str]) -> Heartbeats:
    """Send one heartbeat of each of these."""
    made = Heartbeats()
    for beater in beaters:
        made.add(beater, leases)
    assert made.next
    await made.next
    return made


def test_many_beat_together_and_each_hears_of_its_own_leases() -> None:
    beaters = [Beater() for _ in range(20)]
    gone = f"{beaters[0].group}:{uuid4().hex}"
    asyncio.run(beat(*beaters, leases=[gone]))
    assert all(beater.is_here for beater in beaters)
    assert [beater.heard for beater in beaters] == [[gone]] * 20


def test_scripts_that_redis_has_forgotten_are_loaded_again() -> None:
    connect().script_flush()
    beater = Beater()
    asyncio.run(beat(beater, leases=[]))
    assert beater.is_here


def test_a_worker_that_left_while_its_heartbeat_waited_is_not_noted_as_here() -> None:
    gone, here = Beater(), Beater()

    async def story() -> None:
        made = Heartbeats()
        made.add(gone, [])
        made.add(here, [])
        gone.stopped = True
        await made.settled()
        assert made.next
        await made.next

    asyncio.run(story())
    assert (gone.is_here, here.is_here) == (False, True)
    assert gone.asked == []


def test_the_next_heartbeat_is_sent_too() -> None:
    beater = Beater()

    async def story() -> None:
        made = await beat(beater, leases=[])
        connect().flushall()
        made.add(beater, [])
        assert made.next
        await made.next

    asyncio.run(story())
    assert beater.is_here


def test_without_redis_every_connection_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(calls: object) -> None:
        raise RedisError("away")

    monkeypatch.setattr(heartbeats, "run_all_later", away)
    beaters = [Beater(), Beater()]
    asyncio.run(beat(*beaters, leases=[]))
    assert [beater.heard for beater in beaters] == [["broken heartbeat"]] * 2


def test_a_burst_of_more_calls_than_connections_waits_instead_of_failing() -> None:
    async def burst() -> list[bool]:
        return await asyncio.gather(*(connect_async().ping() for _ in range(500)))

    assert all(asyncio.run(burst()))
