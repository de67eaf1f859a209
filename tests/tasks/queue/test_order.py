"""Which task is leased next: band, the owner's own, the creator served least, first come."""

from __future__ import annotations

import pytest

from tasks.queue import lifecycle, sweeping
from tests.tasks.queue.conftest import KIND, Pool

OTHER = "MEAN@1"


def test_a_higher_band_comes_first_whoever_it_belongs_to(pool: Pool) -> None:
    pool.task(creator="bob", priority="low")
    normal = pool.task(creator="bob")
    high = pool.task(creator="alice", priority="high")
    pool.serve(alice=1000.0)
    worker = pool.connect("laptop", owner="bob")
    assert [worker.lease().task, worker.lease().task] == [high, normal]


def test_the_owners_own_tasks_come_before_those_of_anybody_served_less(pool: Pool) -> None:
    pool.task(creator="alice")
    own = pool.task(creator="bob")
    pool.serve(bob=50.0)
    assert pool.connect("laptop", owner="bob").lease().task == own


def test_the_owners_own_tasks_are_served_first_come_over_all_kinds(pool: Pool) -> None:
    first = pool.task(creator="bob", kind=OTHER)
    pool.task(creator="bob", kind=KIND)
    assert pool.connect("laptop", owner="bob", kinds=(KIND, OTHER)).lease().task == first


def test_the_creator_served_least_comes_first(pool: Pool) -> None:
    tasks = {name: pool.task(creator=name) for name in ("alice", "bob", "carol")}
    pool.serve(alice=7.0, bob=3.0, carol=5.0)
    worker = pool.connect("laptop")
    assert [worker.lease().task for _ in tasks] == [tasks["bob"], tasks["carol"], tasks["alice"]]


def test_tasks_of_one_creator_are_served_first_come_over_all_kinds(pool: Pool) -> None:
    first, second, third = pool.task(kind=OTHER), pool.task(kind=KIND), pool.task(kind=OTHER)
    worker = pool.connect("laptop", kinds=(KIND, OTHER))
    assert [worker.lease().task for _ in range(3)] == [first, second, third]


def test_a_newcomer_starts_at_the_least_of_those_active(pool: Pool) -> None:
    pool.task(2, creator="alice")
    pool.task(2, creator="bob")
    pool.serve(alice=100.0, bob=60.0)
    pool.task(2, creator="carol")
    assert pool.served("carol") == 60.0


def test_who_comes_while_nobody_is_active_starts_where_the_last_one_left(pool: Pool) -> None:
    """A creator served for weeks must not wait for weeks behind a newcomer of a quiet day."""
    pool.serve(alice=100.0)
    task = pool.task(creator="alice")
    pool.connect("laptop").work_off()
    lifecycle.close(pool.group, task).now()
    pool.task(creator="bob")
    assert pool.served("bob") == pytest.approx(100.0, abs=0.5)


def test_two_creators_share_alike_however_many_tasks_one_of_them_has(pool: Pool) -> None:
    for _ in range(20):
        pool.task(creator="alice")
    theirs = [pool.task(creator="bob") for _ in range(5)]
    worker = pool.connect("laptop")
    first = []
    for _ in range(10):
        granted = worker.lease()
        pool.began(granted, seconds_ago=2.0)
        worker.complete(granted, seconds=1.0)
        first.append(granted.task)
    assert [task for task in first if task in theirs] == theirs


def test_a_worker_gets_only_kinds_it_takes(pool: Pool) -> None:
    pool.task(kind="CRAWLER@1", priority="high")
    task = pool.task()
    worker = pool.connect("laptop")
    assert worker.lease().task == task
    assert worker.ask().granted is None


def test_a_task_with_only_stale_entries_waiting_does_not_starve_others(pool: Pool) -> None:
    """All of it was lost and queued again, and then a late result came for it."""
    stale, task = pool.task(500, last=False, creator="alice"), pool.task(creator="bob")
    pool.serve(bob=100.0)
    late, other = pool.connect("late"), pool.connect("other")
    pool.speed(stale, "late", 10_000)
    granted = late.lease()
    assert len(granted.subtasks) == 500
    pool.expire(granted)
    sweeping.reap(pool.group).now()
    assert late.complete(granted).reason == ""
    assert other.lease().task == task
    assert other.ask().granted is None
    assert pool.redis.zcard(pool.key("serving")) == 0


def test_one_open_subtask_behind_many_stale_ones_is_leased_at_once(pool: Pool) -> None:
    task = pool.task(500)
    late, other = pool.connect("late"), pool.connect("other")
    pool.speed(task, "late", 10_000)
    granted = late.lease()
    pool.expire(granted)
    sweeping.reap(pool.group).now()
    assert late.complete(granted, granted.subtasks[:-1]).reason == ""
    assert other.lease().subtasks == [499]


def test_nothing_more_is_leased_of_a_task_whose_outcome_is_known(pool: Pool) -> None:
    decided = pool.task(5)
    worker = pool.connect("laptop")
    assert worker.complete(worker.lease(), decided=True).complete
    assert worker.ask().granted is None
    assert lifecycle.undecide(pool.group, decided).now() == [worker.name]
    assert worker.lease().task == decided
