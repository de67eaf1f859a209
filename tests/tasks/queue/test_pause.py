"""A paused task leases nothing.

What was under way waits again, and counts if it comes all the same.
"""

from __future__ import annotations

from tasks.queue import lifecycle, splitting
from tests.tasks.queue.conftest import Pool


def test_a_paused_task_takes_its_leases_back_and_gives_none(pool: Pool) -> None:
    task = pool.task(3)
    worker = pool.connect("laptop")
    held = worker.lease()
    assert lifecycle.pause(pool.group, task).now() == [(worker.name, held.lease)]
    assert (pool.progress(task).leased, pool.progress(task).waiting) == (0, 3)
    assert worker.ask().granted is None
    assert lifecycle.resume(pool.group, task).now() == [worker.name], (
        "it waits for work, so it is woken"
    )
    assert worker.work_off() == [0, 1, 2], "in the old order: a pause is no loss"


def test_a_result_that_comes_after_the_pause_counts(pool: Pool) -> None:
    task = pool.task(2)
    worker = pool.connect("laptop")
    held = worker.lease()
    lifecycle.pause(pool.group, task).now()
    assert worker.complete(held).reason == ""
    lifecycle.resume(pool.group, task).now()
    assert worker.work_off() == [1]
    assert pool.outcome(task).done == 2


def test_subtasks_that_are_split_during_a_pause_wait(pool: Pool) -> None:
    task = pool.task(1, last=False)
    worker = pool.connect("laptop")
    lifecycle.pause(pool.group, task).now()
    splitting.push(pool.group, task, first=1, payloads=[b"\x01"], last=True).now()
    assert worker.ask().granted is None
    lifecycle.resume(pool.group, task).now()
    assert worker.work_off() == [0, 1]


def test_pausing_is_no_loss_and_no_failure(pool: Pool) -> None:
    task = pool.task(1)
    worker = pool.connect("laptop")
    for _ in range(20):  # more than MAX_LOSSES
        worker.lease()
        lifecycle.pause(pool.group, task).now()
        lifecycle.resume(pool.group, task).now()
    assert worker.work_off() == [0]


def test_what_was_never_opened_can_be_paused_and_resumed(pool: Pool) -> None:
    assert lifecycle.pause(pool.group, "nothing").now() == []
    assert lifecycle.resume(pool.group, "nothing").now() == []
