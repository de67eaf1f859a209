"""What one owner may hold of a task where several want work, and what workers that lie gain."""

from __future__ import annotations

import pytest
from pytest_django import Settings

from tasks.queue import connections
from tasks.queue.answers import Granted
from tests.tasks.queue.conftest import Connection, Pool


def take_all(worker: Connection) -> list[Granted]:
    """All that this worker is given if it only takes."""
    taken = []
    while granted := worker.ask().granted:
        taken.append(granted)
    return taken


def test_one_owner_holds_a_share_where_another_wants_work(pool: Pool) -> None:
    greedy, honest = pool.connect("greedy", slots=100), pool.connect("honest")
    assert honest.ask().granted is None, "it looks for work before there is any"
    task = pool.task(100)
    assert len(take_all(greedy)) == 34, "34 are at least half of the 66 that wait then"
    asked = greedy.ask()
    assert (asked.granted, asked.ask_again_seconds) == (None, 1.0)
    done = 0
    while granted := honest.ask().granted:
        pool.began(granted, 1.0)
        honest.complete(granted)
        assert not take_all(greedy), "it gets no more while it completes nothing"
        done += len(granted.subtasks)
    assert done >= 66
    assert pool.progress(task).waiting == 0


def test_a_second_name_has_no_share_of_its_own(pool: Pool) -> None:
    names = [pool.connect(name, owner="mallory") for name in ("one", "two")]
    pool.connect("honest").ask()
    pool.task(100)
    assert sum(len(take_all(worker)) for worker in names) == 34


def test_one_owner_alone_is_not_limited(pool: Pool) -> None:
    names = [pool.connect(name, owner="lab") for name in ("one", "two")]
    names[1].ask()
    pool.task(100)
    assert len(take_all(names[0])) == 100


def test_an_owner_who_has_left_or_rests_is_not_waited_for(pool: Pool) -> None:
    greedy, gone = pool.connect("greedy"), pool.connect("gone")
    gone.ask()
    gone.leave(connections.KEPT)
    pool.task(100)
    assert len(take_all(greedy)) == 100


def test_an_owner_who_may_not_take_the_task_is_not_waited_for(pool: Pool) -> None:
    pool.task(100, seconds_max=60)
    busy, picky = pool.connect("busy"), pool.connect("picky")
    for _ in range(2):
        assert picky.ask(longest_seconds=1).granted is None
    assert len(take_all(busy)) == 100


def test_everybody_gets_at_least_one(pool: Pool) -> None:
    workers = [pool.connect(f"worker-{number}") for number in range(5)]
    for worker in workers:
        worker.ask()
    pool.task(5)
    assert [len(take_all(worker)) for worker in workers] == [1, 1, 1, 1, 1]


def test_who_has_done_more_than_its_share_may_hold_as_much(pool: Pool) -> None:
    """Many machines of one owner are not slowed down by one slot of another."""
    task = pool.task(100)
    lab, other = pool.connect("lab", slots=50), pool.connect("other")
    other.ask()
    first = take_all(lab)
    for granted in first:
        pool.began(granted, 10.0)
        lab.complete(granted)
    pool.speed(task, "lab", 0.1)
    assert len(take_all(lab)) == len(first) == 33


def test_who_has_its_share_does_not_keep_others_from_more(pool: Pool) -> None:
    hoarder, honest = pool.connect("hoarder"), pool.connect("honest", slots=100)
    pool.task(100)
    honest.ask()
    take_all(hoarder)
    assert pool.redis.zscore(pool.key("wants", hoarder.kinds[0]), hoarder.owner) is None
    assert len(take_all(honest)) > 33


def test_a_connection_of_another_owner_is_woken_for_what_is_kept(pool: Pool) -> None:
    greedy, honest = pool.connect("greedy"), pool.connect("honest")
    pool.task(3)
    first = greedy.lease()
    other = honest.lease()
    honest.complete(other)
    pool.task(0, last=False)
    pool.redis.zadd(pool.key("idle", honest.kinds[0]), {honest.name: _now(pool)})
    asked = greedy.ask()
    assert (asked.granted, asked.wake) == (None, [honest.name])
    greedy.complete(first)


def _now(pool: Pool) -> int:
    seconds, microseconds = pool.redis.time()
    return int(seconds * 1000 + microseconds / 1000)


# Second copies


def test_what_a_holder_of_whom_nothing_is_known_keeps_is_run_a_second_time(
    pool: Pool, settings: Settings
) -> None:
    settings.COPY_UNKNOWN_SECONDS = 10
    pool.task(2)
    hung, idle = pool.connect("hung"), pool.connect("idle")
    held = take_all(hung)
    assert len(held) == 2
    asked = idle.ask()
    assert asked.granted is None
    assert 0 < asked.ask_again_seconds <= 10, "nobody has done anything: not late yet"
    pool.began(held[0], seconds_ago=11)
    copy = idle.lease()
    assert copy.subtasks == held[0].subtasks
    assert idle.complete(copy).reason == ""


def test_a_members_second_name_does_not_take_the_place_of_an_honest_copy(
    pool: Pool, settings: Settings
) -> None:
    settings.COPY_UNKNOWN_SECONDS = 10
    pool.task(1)
    hung, second = (pool.connect(name, owner="mallory") for name in ("one", "two"))
    held, honest = hung.lease(), pool.connect("honest")
    honest.ask()
    pool.began(held, seconds_ago=11)
    assert second.ask().granted is None
    assert honest.lease().subtasks == held.subtasks


def test_what_a_late_holder_keeps_is_run_again_although_other_work_waits(pool: Pool) -> None:
    pool.task(2)
    hung, honest = pool.connect("hung"), pool.connect("honest")
    held = hung.lease()
    first = honest.lease()
    pool.began(first, seconds_ago=1)
    honest.complete(first, seconds=1.0)
    pool.began(held, seconds_ago=11)
    pool.task(1000)
    pool.redis.delete(pool.key("late_looked"))
    copy = honest.lease()
    assert (copy.task, copy.subtasks) == (held.task, held.subtasks)
    assert honest.lease().task != held.task


def test_what_is_urgent_comes_before_what_a_late_holder_keeps(pool: Pool) -> None:
    pool.task(1, priority="normal")
    hung, honest = pool.connect("hung"), pool.connect("honest")
    held = hung.lease()
    pool.began(held, seconds_ago=11)
    pool.task(1, priority="high")
    pool.redis.delete(pool.key("late_looked"))
    assert honest.lease().task != held.task


def test_two_owners_who_do_nothing_do_not_keep_a_subtask_between_them(pool: Pool) -> None:
    pool.task(2)
    names = ("one", "two", "honest")
    one, two, honest = (pool.connect(name, owner=name) for name in names)
    held, first = one.lease(), honest.lease()
    pool.began(first, seconds_ago=1)
    honest.complete(first, seconds=1.0)
    pool.began(held, seconds_ago=11)
    copy = two.lease()
    assert copy.subtasks == held.subtasks
    pool.redis.delete(pool.key("late_looked"))
    assert honest.ask().granted is None, "the second one is in time"
    pool.began(copy, seconds_ago=11)
    again = honest.lease()
    assert again.subtasks == held.subtasks
    assert honest.complete(again).complete


def test_machines_of_one_owner_alone_copy_each_others_work(pool: Pool) -> None:
    pool.task(1)
    slow, fast = (pool.connect(name, owner="lab") for name in ("slow", "fast"))
    held = slow.lease()
    pool.began(held, seconds_ago=11)
    assert fast.lease().subtasks == held.subtasks


# What a submitter is charged


def test_a_submitter_is_charged_the_median_whatever_one_worker_claims(pool: Pool) -> None:
    pool.task(40)
    liar, honest = pool.connect("liar"), pool.connect("honest")
    for number in range(20):
        worker, seconds = (liar, 1000.0) if number % 3 == 2 else (honest, 1.0)
        granted = worker.lease()
        pool.began(granted, seconds_ago=2000)
        pool.speed("task-0", worker.worker, 1e-6)  # so that each lease is of one subtask
        worker.complete(granted, seconds=seconds)
    assert pool.served("alice") == pytest.approx(20.0)


def test_a_failure_costs_a_submitter_no_more_than_a_subtask_does(pool: Pool) -> None:
    pool.task(3)
    honest, liar = pool.connect("honest"), pool.connect("liar")
    granted = honest.lease()
    pool.began(granted, seconds_ago=9)
    honest.complete(granted, seconds=2.0)
    granted = liar.lease()
    pool.began(granted, seconds_ago=2000)
    liar.fail(granted, seconds=1000.0)
    assert pool.served("alice") == pytest.approx(4.0)


def test_two_creators_share_alike_although_a_worker_lies_about_one_of_them(pool: Pool) -> None:
    pool.task(60, creator="alice")
    theirs = pool.task(60, creator="bob")
    workers = [pool.connect(name) for name in ("liar", "honest", "third")]
    taken = []
    for number in range(60):
        worker = workers[number % 3]
        granted = worker.lease()
        taken.append(granted.task)
        pool.began(granted, seconds_ago=100)
        pool.speed(granted.task, worker.worker, 1e-6)
        is_a_lie = worker.worker == "liar" and granted.task == theirs
        worker.complete(granted, seconds=50.0 if is_a_lie else 1.0)
    assert abs(taken.count(theirs) - 30) <= 6
