"""Partials lie in Redis, and whoever sends large ones must not take the room of others."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from pytest_django import Settings
from redis.cluster import RedisCluster

from core import redis, redis_memory
from tasks.queue import checks, lifecycle
from tests.plugin import ON_CLUSTER
from tests.tasks.queue.conftest import Connection, Pool

MIB = 2**20
ROOM_MIB = 8  # that the partials of one creator may take


# On a cluster each node has a limit of its own, and `maxmemory` is set on one here.
pytestmark = pytest.mark.skipif(bool(os.environ.get(ON_CLUSTER)), reason="one Redis only")


@pytest.fixture(autouse=True)
def room(settings: Settings) -> Iterator[None]:
    client = redis.connect()
    most = redis_memory.look().used + 256 * MIB
    # of a cluster otherwise one node, which need not be the one that has the group
    where = {"target_nodes": "all"} if isinstance(client, RedisCluster) else {}
    client.config_set("maxmemory", most, **where)
    # a byte more: rounding must not make it less than the room
    settings.PARTIALS_PERCENT_MAX = 100 * (ROOM_MIB * MIB + 1) / most
    yield
    client.config_set("maxmemory", 0, **where)


@pytest.fixture
def evil(pool: Pool) -> Connection:
    return pool.connect("evil", owner="mallory")


def send(worker: Connection, times: int, size: int = MIB) -> list[str]:
    """Results of so many bytes; why each was refused, "" if it was not."""
    return [worker.complete(worker.lease(), partial=os.urandom(size)).reason for _ in range(times)]


@pytest.fixture(autouse=True)
def one_at_a_time(settings: Settings) -> None:
    settings.LEASE_SUBTASKS_MAX = 1


def sums(pool: Pool) -> dict[str, int]:
    found = pool.redis.hgetall(pool.key("partial_bytes"))
    return {name.decode(): int(size) for name, size in found.items()}  # type: ignore[union-attr]


def test_an_owner_takes_half_of_the_room_and_leaves_the_rest_to_others(
    pool: Pool, evil: Connection
) -> None:
    honest = pool.connect("honest")
    task = pool.task(40)
    assert send(evil, 6) == [""] * 4 + ["too_large"] * 2
    assert send(honest, 3) == [""] * 3
    assert not pool.outcome(task).broken
    assert sums(pool) == {
        "alice": 7 * MIB,
        "alice mallory": 4 * MIB,
        "alice owner-of-honest": 3 * MIB,
    }


def test_what_is_refused_can_still_be_done_by_others(pool: Pool, evil: Connection) -> None:
    honest = pool.connect("honest")
    task = pool.task(6)
    send(evil, 4)
    granted = evil.lease()
    refused = evil.complete(granted, partial=os.urandom(MIB))
    assert (refused.reason, refused.open) == ("too_large", granted.subtasks)
    evil.fail(granted)
    honest.work_off()
    assert pool.progress(task).done == 6


def test_alone_it_may_take_all_of_it(pool: Pool, evil: Connection) -> None:
    task = pool.task(20)
    assert send(evil, 7) == [""] * 7
    assert not pool.outcome(task).broken


def test_so_may_the_workers_of_the_submitter(pool: Pool) -> None:
    pool.connect("honest")
    pool.task(20, creator="mallory")
    assert send(pool.connect("evil", owner="mallory"), 7) == [""] * 7


def test_without_room_it_is_the_largest_task_that_fails(pool: Pool, evil: Connection) -> None:
    large = pool.task(20)
    send(evil, 6)
    small = pool.task(20, priority="high")
    assert send(evil, 3, MIB) == [""] * 3
    assert pool.outcome(large).broken
    assert not pool.outcome(small).broken
    assert sums(pool) == {"alice": 3 * MIB, "alice mallory": 3 * MIB}


def test_what_is_compared_while_its_task_fails_for_want_of_room_comes_too_late(
    pool: Pool, evil: Connection
) -> None:
    task = pool.task(20, verify="all")
    send(evil, 1)
    send(pool.connect("honest"), 1, 10)
    (check,) = checks.unsettled(pool.group, task, most=9, bytes_max=10**9).now()
    send(pool.connect("own", owner="alice"), 7)
    assert pool.outcome(task).broken
    for how in (checks.CONFIRMED, checks.AGAIN):
        assert not checks.settle(pool.group, task, check=check, how=how).now().settled
    lifecycle.close(pool.group, task).now()
    assert sums(pool) == {}


def test_a_check_is_given_back_although_its_task_has_failed_for_want_of_room(
    pool: Pool, evil: Connection
) -> None:
    task = pool.task(20, verify="all")
    send(evil, 1)
    honest = pool.connect("honest")
    check = honest.lease()
    send(pool.connect("own", owner="alice"), 8)
    assert pool.outcome(task).broken
    assert not pool.redis.exists(pool.key("t", task, "parts"))
    assert honest.release(check).reason == ""


def test_with_the_last_task_all_room_is_free(pool: Pool, evil: Connection) -> None:
    task = pool.task(2)
    send(evil, 2)
    lifecycle.close(pool.group, task).now()
    assert sums(pool) == {}
