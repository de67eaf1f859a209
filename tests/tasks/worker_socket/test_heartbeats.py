"""Heartbeats go to Redis together; each worker hears what concerns it alone."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from uuid import uuid4

import pytest
from pytest_django import Settings
from redis.exceptions import RedisError

from core.redis import connect, connect_async
from tasks.queue import connections, presence
from tasks.queue.scripts import Call
from tasks.worker_socket import heartbeats
from tasks.worker_socket.heartbeats import Heartbeats, Merged

KIND = "ECHO@1"


@dataclass(eq=False)
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


def test_of_many_heartbeats_of_a_connection_the_newest_goes_and_then_none_for_a_while() -> None:
    merged, hasty, calm = Merged(pause_seconds=1.0), Beater(), Beater()
    for number in range(400):
        merged.add(hasty, [f"lease {number}"])
    merged.add(calm, ["calm"])
    assert merged.take_due(10.0) == [(hasty, ["lease 399"]), (calm, ["calm"])]
    merged.add(hasty, ["later"])
    merged.add(hasty, ["last"])
    assert (merged.take_due(10.5), len(merged)) == ([], 1)
    assert merged.take_due(11.0) == [(hasty, ["last"])]
    assert len(merged) == 0


def test_nothing_is_kept_of_connections_that_are_gone() -> None:
    merged = Merged(pause_seconds=1.0)
    for second in range(10):
        merged.add(Beater(), [])
        merged.take_due(float(second))
    assert len(merged._sent_at) == 1


def test_leases_are_renewed_several_times_as_long_as_they_last(settings: Settings) -> None:
    made = Heartbeats()
    assert made.merged.pause_seconds <= settings.HEARTBEAT_SECONDS / 4
    assert made.merged.pause_seconds <= settings.LEASE_SECONDS / 4


def test_a_flood_of_heartbeats_reaches_redis_about_once() -> None:
    beater = Beater()

    async def flood() -> None:
        heartbeats_of_loop = Heartbeats()
        for number in range(400):
            heartbeats_of_loop.add(beater, [f"{beater.group}:{number}"])
            await asyncio.sleep(0.0005)
        assert heartbeats_of_loop.next
        await heartbeats_of_loop.next

    asyncio.run(flood())
    assert len(beater.asked) <= 3
    assert beater.asked[-1] == [f"{beater.group}:399"]


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
