"""How many subtasks one lease has."""

from __future__ import annotations

import pytest
from pytest_django import Settings

from tests.tasks.queue.conftest import Pool


def test_the_first_lease_on_a_task_is_small_and_later_ones_follow_the_speed(
    pool: Pool, settings: Settings
) -> None:
    settings.LEASE_TARGET_SECONDS = 200
    pool.task(1000)
    worker = pool.connect("laptop")
    granted = worker.lease()
    assert len(granted.subtasks) == 1
    pool.began(granted, seconds_ago=10)
    worker.complete(granted)
    # one in 10 s, and what this test took, for 200 s
    assert 15 <= len(worker.lease().subtasks) <= 20


def test_leases_only_double_where_others_want_work_however_fast_a_worker_seems(pool: Pool) -> None:
    pool.connect("honest").ask()
    pool.task(1000)
    liar = pool.connect("liar")
    sizes = []
    for _ in range(5):
        granted = liar.lease()
        sizes.append(len(granted.subtasks))
        liar.complete(granted, seconds=0.0)  # within a millisecond
    assert sizes == [1, 2, 4, 8, 16]


def test_leases_shrink_near_the_end_so_that_all_slots_end_together(
    pool: Pool, settings: Settings
) -> None:
    settings.LEASE_SECONDS_MIN = 0.001
    task = pool.task(100)
    laptop, tower = pool.connect("laptop"), pool.connect("tower", slots=4)
    pool.speed(task, "laptop", 1000)
    sizes = [len(laptop.lease().subtasks) for _ in range(10)]
    assert sizes[:4] == [10, 9, 9, 8]  # waiting / (2 x 5 slots)
    assert tower.lease().task == task


def test_slots_of_connections_not_heard_of_lately_do_not_count(pool: Pool) -> None:
    task = pool.task(100)
    worker, gone = pool.connect("laptop"), pool.connect("gone", slots=24)
    pool.redis.zadd(pool.key("slots", worker.kinds[0]), {gone.name: 1})
    pool.speed(task, "laptop", 500)
    assert len(worker.lease().subtasks) == 50  # (with all of them online it would be 2)


def test_a_connection_is_one_member_however_many_slots_it_has(pool: Pool) -> None:
    worker = pool.connect("laptop", slots=1024)
    kind = worker.kinds[0]
    assert pool.redis.zcard(pool.key("slots", kind)) == 1
    assert pool.redis.hgetall(pool.key("slots_of", kind)) == {worker.name.encode(): b"1024"}


def test_the_sum_of_slots_follows_who_comes_changes_and_goes(pool: Pool) -> None:
    worker, gone = pool.connect("laptop", slots=3), pool.connect("tower", slots=4)
    kind = worker.kinds[0]
    worker.slots = 5
    worker.beat()
    assert pool.redis.hget(pool.key("slots"), kind) == b"9"
    gone.leave()
    assert pool.redis.hgetall(pool.key("slots")) == {kind.encode(): b"5"}
    pool.redis.zadd(pool.key("slots", kind), {worker.name: 1})
    pool.connect("desk", slots=2)
    assert pool.redis.hget(pool.key("slots"), kind) == b"2"


def test_a_lease_is_worth_its_round_trip_but_one_subtask_is_always_enough(pool: Pool) -> None:
    quick, slow = pool.task(100), pool.task(100)
    worker = pool.connect("laptop", slots=50)
    pool.speed(quick, "laptop", 300)
    assert len(worker.lease().subtasks) == 30  # 0.1 s, though 100 / (2 x 50) would be one
    worker.complete(worker.lease(), decided=True)
    pool.speed(slow, "laptop", 0.01)
    assert len(worker.lease().subtasks) == 1


def test_a_lease_has_at_most_so_many_subtasks(pool: Pool, settings: Settings) -> None:
    settings.LEASE_SUBTASKS_MAX = 7
    pool.speed(pool.task(1000), "laptop", 10_000)
    assert len(pool.connect("laptop").lease().subtasks) == 7


def test_a_lease_has_at_most_so_many_bytes_but_at_least_one_subtask(
    pool: Pool, settings: Settings
) -> None:
    settings.LEASE_BYTES_MAX = 1000
    task = pool.task(10, payload=b"x" * 400)
    worker = pool.connect("laptop")
    pool.speed(task, "laptop", 10_000)
    assert [worker.lease().subtasks for _ in range(2)] == [[0, 1], [2, 3]]
    settings.LEASE_BYTES_MAX = 10
    assert worker.lease().subtasks == [4]


def test_a_result_after_a_failure_or_a_release_does_not_look_faster_than_it_was(pool: Pool) -> None:
    task = pool.task(100)
    worker = pool.connect("laptop")
    pool.speed(task, "laptop", 2.5)
    granted = worker.lease()
    assert len(granted.subtasks) == 5
    pool.began(granted, seconds_ago=50)
    worker.fail(granted, granted.subtasks[-1], seconds=10.0)
    worker.release(granted, granted.subtasks[3:4])
    pool.speed(task, "laptop", 0)
    assert worker.complete(granted, granted.subtasks[:3], seconds=30.0).reason == ""
    work = pool.progress(task).work["laptop"]
    assert work.speed == pytest.approx(3 / 40, rel=0.05)
    assert work.seconds == pytest.approx(30.0)
