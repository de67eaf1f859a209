"""Owners whose workers do a submitter's tasks more harm than good are set aside from them."""

from __future__ import annotations

import pytest
from pytest_django import Settings

from tests.tasks.queue.conftest import Connection, Pool


@pytest.fixture(autouse=True)
def one_at_a_time(settings: Settings) -> None:
    settings.LEASE_SUBTASKS_MAX = 1


@pytest.fixture
def honest(pool: Pool) -> Connection:
    return pool.connect("honest")


@pytest.fixture
def mallory(pool: Pool) -> Connection:
    return pool.connect("mallory's", owner="mallory")


def fail_times(worker: Connection, times: int) -> None:
    for _ in range(times):
        worker.fail(worker.lease())


def rest_is_over(pool: Pool, owner: str, creator: str = "alice") -> None:
    pool.redis.hset(pool.key("strikes", owner), f"{creator}:until", 1)


def test_an_owner_may_fail_once_and_is_set_aside_after_the_second_time(
    pool: Pool, honest: Connection, mallory: Connection
) -> None:
    task = pool.task(9)
    fail_times(mallory, 2)
    assert mallory.ask().granted is None
    assert honest.lease().task == task


def test_so_are_all_of_its_workers_but_only_from_tasks_of_this_submitter(
    pool: Pool, honest: Connection, mallory: Connection
) -> None:
    pool.task(9)
    fail_times(mallory, 2)
    pool.task(9)
    other = pool.task(9, creator="bob")
    assert pool.connect("another name", owner="mallory").lease().task == other


def test_nobody_is_set_aside_from_their_own_tasks(
    pool: Pool, honest: Connection, mallory: Connection
) -> None:
    task = pool.task(9, creator="mallory")
    fail_times(mallory, 5)
    assert mallory.lease().task == task


def test_ten_subtasks_done_make_up_for_one_failure(
    pool: Pool, honest: Connection, mallory: Connection
) -> None:
    pool.task(40)
    fail_times(mallory, 1)
    for _ in range(10):
        mallory.complete(mallory.lease())
    fail_times(mallory, 1)
    assert mallory.ask().granted
    fail_times(mallory, 1)
    assert mallory.ask().granted is None


def test_good_work_done_beforehand_excuses_two_failures_and_no_more(
    pool: Pool, honest: Connection, mallory: Connection
) -> None:
    pool.task(100)
    for _ in range(50):
        mallory.complete(mallory.lease())
    fail_times(mallory, 4)
    assert mallory.ask().granted is None


def test_each_further_failure_doubles_the_time(
    pool: Pool, honest: Connection, mallory: Connection, settings: Settings
) -> None:
    settings.SET_ASIDE_SECONDS, settings.RETRY_ELSEWHERE_SECONDS_MAX = 100, 350
    pool.task(9)
    fail_times(mallory, 1)
    rests = []
    for _ in range(4):
        fail_times(mallory, 1)
        until = int(pool.redis.hget(pool.key("strikes", "mallory"), "alice:until") or 0)
        rests.append(round(until / 1000 - pool.redis.time()[0], -1))
        rest_is_over(pool, "mallory")
    assert rests == [100, 200, 350, 350]


def test_then_it_gets_one_subtask_at_a_time_until_it_has_made_up_for_it(
    pool: Pool, honest: Connection, mallory: Connection
) -> None:
    pool.task(100)
    honest.complete(honest.lease())
    fail_times(mallory, 2)
    rest_is_over(pool, "mallory")
    for _ in range(10):
        one = mallory.lease()
        assert mallory.ask().granted is None
        mallory.complete(one)
    mallory.lease()
    assert mallory.ask().granted


def test_whoever_takes_leases_and_lets_them_expire_is_set_aside(
    pool: Pool, honest: Connection, mallory: Connection
) -> None:
    pool.task(20)
    for _ in range(6):
        pool.expire(mallory.lease())
        honest.complete(honest.lease())
    assert mallory.ask().granted is None


def test_so_is_whoever_gives_back_what_it_takes_again_and_again(
    pool: Pool, honest: Connection, mallory: Connection
) -> None:
    pool.task(20)
    for _ in range(11):
        mallory.release(mallory.lease())
    assert mallory.ask().granted is None


def test_a_machine_that_stops_with_work_on_eight_slots_comes_back_at_once(
    pool: Pool, honest: Connection
) -> None:
    pool.task(20)
    worker = pool.connect("server", slots=8)
    for _ in range(8):
        worker.lease()
    worker.leave("released")
    assert pool.connect("server", slots=8).ask().granted


def test_when_all_have_failed_alike_nobody_is_set_aside(
    pool: Pool, honest: Connection, mallory: Connection
) -> None:
    pool.task(9, allow_partial=True)
    for _ in range(3):
        fail_times(mallory, 1)
        fail_times(honest, 1)
    assert mallory.ask().granted
    assert honest.ask().granted


def test_alone_it_goes_on(pool: Pool, mallory: Connection) -> None:
    pool.task(9, allow_partial=True)
    fail_times(mallory, 4)
    assert mallory.ask().granted


def test_the_last_better_worker_that_goes_makes_room_for_it(
    pool: Pool, honest: Connection, mallory: Connection
) -> None:
    pool.task(9)
    fail_times(mallory, 2)
    assert mallory.ask().granted is None
    honest.leave()
    assert mallory.ask().granted


def test_whoever_is_set_aside_is_not_waited_for(
    pool: Pool, honest: Connection, mallory: Connection, settings: Settings
) -> None:
    settings.LEASE_SUBTASKS_MAX = 5000
    task = pool.task(100)
    fail_times(mallory, 2)
    mallory.ask()
    pool.speed(task, "honest", 1e6)
    held = 0
    while granted := honest.ask().granted:
        held += len(granted.subtasks)
    assert held == 100, "no share is kept for somebody who may not take it"


def test_it_asks_again_in_a_moment(pool: Pool, honest: Connection, mallory: Connection) -> None:
    pool.task(9)
    fail_times(mallory, 2)
    assert 0 < mallory.ask().ask_again_seconds <= 1


def test_whoever_is_late_while_others_do_its_work_is_set_aside(
    pool: Pool, honest: Connection, mallory: Connection, settings: Settings
) -> None:
    settings.COPIES_SHARE_MAX = 1.0
    for _ in range(6):
        task = pool.task(3)
        late = mallory.lease()
        pool.speed(task, "honest", 100)
        while (granted := honest.ask().granted) and granted.subtasks != late.subtasks:
            honest.complete(granted)
        pool.began(late, 3600)
        honest.complete(granted or honest.lease())
    pool.task(3)
    assert mallory.ask().granted is None


def test_nothing_is_kept_for_an_owner_until_they_have_made_up_for_what_failed(
    pool: Pool, honest: Connection, mallory: Connection
) -> None:
    pool.task(100)
    wants = pool.key("wants", "ECHO@1")
    fail_times(mallory, 2)
    rest_is_over(pool, "mallory")
    one = mallory.lease()
    assert pool.redis.zscore(wants, "mallory") is None
    for _ in range(10):
        mallory.complete(one)
        one = mallory.lease()
    assert pool.redis.zscore(wants, "mallory")
