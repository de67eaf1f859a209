"""Subtasks that a fault of ours would leave in no list and no lease."""

from __future__ import annotations

from tasks.queue import lifecycle, sweeping
from tasks.queue.answers import Mended
from tests.tasks.queue.conftest import Pool


def test_open_subtasks_that_are_nowhere_wait_again(pool: Pool) -> None:
    task = pool.task(3)
    bob = pool.connect("bob")
    pool.redis.delete(pool.key("t", task, "wait"))
    assert bob.ask().granted is None
    assert sweeping.mend(pool.group, task).now() == Mended(3, ["bob-conn"])
    assert sorted(bob.work_off()) == [0, 1, 2]
    assert pool.outcome(task).complete


def test_a_task_that_is_not_listed_is_listed_again(pool: Pool) -> None:
    task = pool.task(1)
    bob = pool.connect("bob")
    pool.redis.delete(
        pool.key("q", "ECHO@1", "1", "alice"), pool.key("ready", "ECHO@1", "1"), pool.key("active")
    )
    assert bob.ask().granted is None
    assert sweeping.mend(pool.group, task).now() == Mended(0, ["bob-conn"])
    assert bob.work_off() == [0]


def test_what_is_leased_or_waits_is_left_alone(pool: Pool) -> None:
    task = pool.task(2)
    bob = pool.connect("bob")
    held = bob.lease()
    assert sweeping.mend(pool.group, task).now() == Mended(0, [])
    last = bob.lease()
    assert sweeping.mend(pool.group, task).now() == Mended(0, []), "all of it is leased"
    assert bob.complete(held).reason == bob.complete(last).reason == ""
    assert sweeping.mend(pool.group, task).now() == Mended(0, [])
    assert pool.outcome(task).done == 2


def test_what_is_found_of_a_paused_task_waits_for_its_end(pool: Pool) -> None:
    task = pool.task(2)
    bob = pool.connect("bob")
    lifecycle.pause(pool.group, task).now()
    pool.redis.delete(pool.key("t", task, "wait"))
    assert sweeping.mend(pool.group, task).now() == Mended(2, [])
    assert bob.ask().granted is None
    lifecycle.resume(pool.group, task).now()
    assert sorted(bob.work_off()) == [0, 1]


def test_a_task_without_state_has_nothing_to_mend(pool: Pool) -> None:
    assert sweeping.mend(pool.group, "nowhere").now() == Mended(0, [])
