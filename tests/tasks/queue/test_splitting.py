"""Filling the queue, the end of a task, and the keys all that leaves behind."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from tasks import blobs
from tasks.queue import connections, lifecycle, splitting, sweeping
from tasks.queue.keys import result_key
from tasks.queue.progress import outcome_of, progress_of
from tests.tasks.queue.conftest import KIND, Pool


def test_a_batch_is_taken_only_at_its_own_place(pool: Pool) -> None:
    task = pool.task(3, last=False)
    for first in (0, 2, 4):
        pushed = splitting.push(pool.group, task, first=first, payloads=[b"\x01"], last=True).now()
        assert (pushed.taken, pushed.gone, pushed.split) == (False, False, 3)
    assert splitting.push(pool.group, task, first=3, payloads=[b"\x01"], last=True).now().taken
    assert not splitting.push(pool.group, task, first=4, payloads=[b"\x01"], last=True).now().taken
    assert (pool.progress(task).split, pool.progress(task).open) == (4, 4)


def test_opening_a_task_again_changes_nothing_and_says_how_far_it_is(pool: Pool) -> None:
    task = pool.task(3, creator="alice")
    again = splitting.open_task(
        pool.group,
        task,
        kind=KIND,
        creator="mallory",
        priority="high",
        seconds_max=1,
        allow_partial=True,
        order=0,
    ).now()
    assert (again.split, again.ended) == (3, True)
    assert pool.redis.hget(pool.key("t", task), "creator") == b"alice"


def test_two_split_jobs_at_once_push_nothing_twice(pool: Pool) -> None:
    task, count, size = pool.task(0, last=False), 400, 7

    def split() -> None:
        at = 0
        while at < count:
            payloads = [b"\x01"] * min(size, count - at)
            at = (
                splitting.push(
                    pool.group, task, first=at, payloads=payloads, last=at + size >= count
                )
                .now()
                .split
            )

    with ThreadPoolExecutor(4) as jobs:
        for job in [jobs.submit(split) for _ in range(4)]:
            job.result()
    assert (pool.progress(task).split, pool.progress(task).open) == (count, count)
    assert sorted(pool.connect("laptop").work_off()) == list(range(count))
    assert pool.outcome(task).complete


def test_a_push_for_a_task_that_is_over_says_so_and_leaves_nothing(pool: Pool) -> None:
    task = pool.task(1, last=False)
    lifecycle.close(pool.group, task).now()
    pushed = splitting.push(pool.group, task, first=1, payloads=[b"\x01"], last=True).now()
    assert (pushed.gone, pushed.taken) == (True, False)
    assert pool.redis.keys(pool.key("t", "*")) == []


def test_thousands_of_subtasks_go_in_one_batch(pool: Pool) -> None:
    task = pool.task(12_345)
    assert pool.progress(task).open == 12_345
    assert pool.connect("laptop").work_off() == list(range(12_345))


def test_nothing_of_a_closed_task_stays_but_its_result(pool: Pool) -> None:
    task = pool.task(5)
    blobs.put_input(pool.group, task, b"input")
    blobs.put_result(pool.group, task, b"result")
    worker = pool.connect("laptop")
    worker.complete(worker.lease())
    worker.fail(worker.lease())
    worker.lease()
    worker.leave(connections.LOST)
    lifecycle.close(pool.group, task).now()
    of_owners = [("strikes", "owner-of-laptop"), ("doubtful",)]
    left = [("kinds",), ("served",), ("floor",), ("late_looked",), *of_owners]
    queue = [pool.key(*name) for name in left]
    assert pool.keys() == sorted([result_key(pool.group, task), *queue])


def test_every_key_of_a_group_lies_in_its_one_cluster_slot(pool: Pool) -> None:
    task = pool.task(20)
    blobs.put_input(pool.group, task, b"input")
    alice, bob = pool.connect("alice"), pool.connect("bob")
    bob.complete(bob.lease())
    alice.fail(alice.lease())
    alice.lease()
    alice.leave(connections.LOST)
    alice.ask()
    assert sweeping.may_ask(pool.group, task, 5)
    keys = pool.keys()
    assert len(keys) > 15
    assert [key for key in keys if not key.startswith(f"fl:{{{pool.group}}}:")] == []


def test_what_there_is_not_has_no_outcome_and_closes_quietly(pool: Pool) -> None:
    assert outcome_of(pool.group, "task-0").now() is None
    assert progress_of(pool.group, "task-0").now() is None
    assert lifecycle.close(pool.group, "task-0").now().held == []
    assert lifecycle.undecide(pool.group, "task-0").now() == []
    assert pool.keys() == []
