"""Reservations: what is refused changes nothing, and the sums are those of the tasks."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from core import redis, redis_memory
from tasks.queue import room
from tasks.queue.answers import Reserved

OPEN: dict[str, Any] = {"left_max": None, "owner_max": None, "group_max": None}


def reserve(task: str, need: int, **more: Any) -> Reserved:
    given = {"owner": "bob", "group": "lab", "left": need, **OPEN, **more}
    return room.reserve(task, need=need, **given).now()


def sums() -> dict[str, int]:
    found: Any = redis.connect().hgetall(room.SUMS)
    return {name.decode(): int(value) for name, value in found.items()}


def test_what_is_reserved_is_summed_for_owner_and_group() -> None:
    assert reserve("one", 100).reason == ""
    assert reserve("two", 50, owner="eve").reason == ""
    assert sums() == {"left": 150, "o:bob": 100, "o:eve": 50, "g:lab": 150}
    assert room.spend("one", 30).now().left == 70
    assert room.reserved_by("one") == (100, 70)
    assert room.to_come() == 120
    assert room.unreserve(["one", "two", "three"]).now().found == 2
    assert sums() == {}


def test_reserving_again_replaces_what_the_task_had() -> None:
    reserve("one", 100)
    assert reserve("one", 60, owner_max=60).reason == ""
    assert sums() == {"left": 60, "o:bob": 60, "g:lab": 60}


@pytest.mark.parametrize(
    ("limit", "reason"), [("left_max", "room"), ("owner_max", "owner"), ("group_max", "group")]
)
def test_what_goes_beyond_a_limit_is_refused_whole(limit: str, reason: str) -> None:
    reserve("one", 100)
    before = sums()
    answer = reserve("two", 51, **{limit: 150})
    assert (answer.reason, answer.held) == (reason, 100)
    assert sums() == before
    assert reserve("two", 50, **{limit: 150}).reason == ""


def test_a_redis_beyond_its_share_takes_nothing() -> None:
    """What is free may be less than nothing."""
    assert reserve("one", 0, left_max=-1).reason == "room"


def test_a_task_spends_no_more_than_it_has() -> None:
    reserve("one", 100)
    assert room.spend("one", 500).now().left == 0
    assert room.spend("unknown", 500).now().left == 0
    assert room.to_come() == 0


def test_what_an_ended_task_keeps_is_reserved_in_place_of_what_it_needed() -> None:
    reserve("one", 100)
    reserve("two", 70)
    for _ in range(2):
        room.keep("one", owner="bob", group="lab", need=30, seconds=60).now()
        assert sums() == {"left": 70, "o:bob": 100, "g:lab": 100}
    room.keep("three", owner="eve", group="lab", need=5, seconds=-1).now()
    assert sums()["o:eve"] == 5, "it had reserved nothing"
    assert room.expired() == ["three"]
    assert room.among_kept(["one", "two", "three"]) == {"one", "three"}
    assert room.among_kept([]) == set()
    room.unreserve(["one", "two", "three"]).now()
    assert sums() == {}
    assert room.expired() == []


def test_the_bytes_of_partials_are_the_median_of_the_latest_tasks() -> None:
    group = uuid4()

    def known() -> float:
        return room.partial_bytes(group, "ECHO@1", "bob")

    for size in (100, 300):
        room.note_partial_bytes(group, "ECHO@1", "bob", size)
        assert known() == 0, "too few"
    room.note_partial_bytes(group, "ECHO@1", "bob", 10_000_000)
    assert known() == 300, "one that is odd does not move it"
    for _ in range(5):
        room.note_partial_bytes(group, "ECHO@1", "bob", 500)
    assert known() == 500
    room.note_partial_bytes(group, "ECHO@1", "eve", 10_000_000)
    assert known() == 500
    assert room.partial_bytes(uuid4(), "ECHO@1", "bob") == 0


def test_how_full_redis_is_is_known() -> None:
    memory = redis_memory.look()
    assert memory.used > 0
    assert memory.most == 0
    assert redis_memory.Memory(used=60, most=200).free_below(70) == 80
    assert redis_memory.Memory(used=160, most=200).free_below(70) == -20
