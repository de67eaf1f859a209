"""The tail of a task: what is late is leased a second time, to a faster worker."""

from __future__ import annotations

import time

import pytest
from pytest_django import Settings

from tasks.queue.answers import Granted
from tests.tasks.queue.conftest import Connection, Pool


def run_to_the_tail(
    pool: Pool, fast: Connection, slow: Connection, subtasks: int = 20
) -> tuple[str, Granted]:
    """All is done but what the slow worker holds.

    It takes 2.5 seconds for a subtask, the fast one a hundredth.
    """
    task = pool.task(subtasks)
    slow.complete(slow.lease())
    pool.speed(task, "slow", 0.4)
    held = slow.lease()
    while (left := pool.progress(task).waiting) > 0:
        granted = fast.lease()
        pool.began(granted, 0.01 * len(granted.subtasks))
        fast.complete(granted)
        assert pool.progress(task).waiting < left
    pool.speed(task, "fast", 100.0)
    return task, held


def copied(worker: Connection) -> list[int]:
    """The subtasks that this worker is leased, until it gets nothing any more."""
    found: list[int] = []
    while granted := worker.ask().granted:
        found += granted.subtasks
    return found


@pytest.fixture
def fast(pool: Pool) -> Connection:
    return pool.connect("fast")


@pytest.fixture
def slow(pool: Pool) -> Connection:
    return pool.connect("slow")


def test_the_last_subtask_of_a_slow_worker_is_run_a_second_time(
    pool: Pool, fast: Connection, slow: Connection
) -> None:
    task, held = run_to_the_tail(pool, fast, slow)
    copy = fast.lease()
    assert (copy.task, copy.subtasks) == (task, held.subtasks)
    assert pool.progress(task).leased == 1, "it is one subtask, however many have it"
    settled = fast.complete(copy)
    assert settled.complete
    assert settled.unwanted == [(slow.name, held.lease)]
    assert slow.complete(held).reason == "unknown_lease"
    assert pool.progress(task).done == 20


def test_whoever_of_the_two_is_first_counts(pool: Pool, fast: Connection, slow: Connection) -> None:
    task, held = run_to_the_tail(pool, fast, slow)
    copy = fast.lease()
    settled = slow.complete(held)
    assert (settled.complete, settled.unwanted) == (True, [(fast.name, copy.lease)])
    assert fast.complete(copy).reason == "unknown_lease"
    assert pool.outcome(task).done == 20


def test_what_copies_saved_and_cost_is_noted(
    pool: Pool, fast: Connection, slow: Connection
) -> None:
    task, held = run_to_the_tail(pool, fast, slow)
    copy = fast.lease()
    before = time.monotonic()
    pool.began(held, 0.25)
    fast.complete(copy)
    passed = time.monotonic() - before  # a busy machine may take its time between the two
    work = pool.progress(task).work
    assert (work["fast"].copies, work["slow"].copies) == (1, 0)
    rounding = 0.02
    assert 2.25 - passed - rounding <= work["fast"].saved <= 2.25 + rounding, "of 2.5 seconds"
    assert 0.25 - rounding <= work["slow"].wasted <= 0.25 + passed + rounding
    assert (work["fast"].lost, work["slow"].lost) == (0, 0), "overtaken is not lost"


def test_nobody_copies_what_its_holder_will_have_done_sooner(
    pool: Pool, fast: Connection, slow: Connection
) -> None:
    task, _ = run_to_the_tail(pool, fast, slow)
    pool.speed(task, "fast", 0.45)
    asked = fast.ask()
    assert asked.granted is None
    assert 4.0 < asked.ask_again_seconds <= 5.0, "when the holder has taken twice its time"


def test_a_holder_that_takes_twice_its_time_is_late(
    pool: Pool, fast: Connection, slow: Connection
) -> None:
    task, held = run_to_the_tail(pool, fast, slow)
    pool.speed(task, "fast", 0.45)
    pool.began(held, 5.1)
    assert fast.lease().subtasks == held.subtasks


def test_a_third_copy_is_never_made_nor_one_by_the_holder(
    pool: Pool, fast: Connection, slow: Connection
) -> None:
    run_to_the_tail(pool, fast, slow)
    second_slot = pool.connect("slow", conn="slow-again")
    assert second_slot.ask().granted is None
    fast.lease()
    assert pool.connect("other").ask().granted is None


def test_copies_of_what_is_not_late_are_a_tenth_of_a_tasks_subtasks_at_most(
    pool: Pool, fast: Connection, slow: Connection, settings: Settings
) -> None:
    task = pool.task(50)
    slow.complete(slow.lease())
    pool.speed(task, "slow", 1.0)
    held = [slow.lease() for _ in range(60) if pool.progress(task).waiting]
    assert sum(len(lease.subtasks) for lease in held) == 49
    pool.speed(task, "fast", 1000.0)
    assert 1 <= len(copied(fast)) <= 5
    settings.COPIES_SHARE_MAX = 1.0
    assert fast.ask().granted


def test_what_is_late_is_copied_however_much_it_is(pool: Pool, fast: Connection) -> None:
    task = pool.task(40)
    hoarder = pool.connect("hoarder")
    held = [hoarder.lease() for _ in range(20)]
    fast.complete(fast.lease())
    pool.speed(task, "fast", 100.0)
    while pool.progress(task).waiting:
        fast.complete(fast.lease())
    for lease in held:
        pool.began(lease, 1000)
    assert len(fast.work_off()) == 20
    assert pool.progress(task).complete


def test_no_copies_where_they_are_switched_off(
    pool: Pool, fast: Connection, slow: Connection, settings: Settings
) -> None:
    run_to_the_tail(pool, fast, slow)
    settings.COPIES_SHARE_MAX = 0
    assert fast.ask().granted is None


def test_nothing_is_copied_while_something_waits(
    pool: Pool, fast: Connection, slow: Connection
) -> None:
    run_to_the_tail(pool, fast, slow)
    other = pool.task(1)
    assert fast.lease().task == other


def test_a_copy_that_is_lost_leaves_the_first_holder_alone(
    pool: Pool, fast: Connection, slow: Connection
) -> None:
    task, held = run_to_the_tail(pool, fast, slow)
    fast.lease()
    fast.leave()
    assert (pool.progress(task).leased, pool.progress(task).waiting) == (1, 0)
    assert slow.complete(held).complete


def test_a_first_holder_that_is_lost_leaves_the_copy_alone(
    pool: Pool, fast: Connection, slow: Connection
) -> None:
    task, _ = run_to_the_tail(pool, fast, slow)
    copy = fast.lease()
    slow.leave()
    assert (pool.progress(task).leased, pool.progress(task).waiting) == (1, 0)
    assert fast.complete(copy).complete
