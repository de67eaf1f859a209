"""A worker sends what is no partial of its kind.

The work goes to others, and the worker's owner is remembered.
"""

from __future__ import annotations

from pytest_django import Settings

from tasks.queue import leasing, lifecycle, task_log
from tests.tasks.queue.conftest import Connection, Pool


def mallory(pool: Pool, worker: str = "poisoner") -> Connection:
    return pool.connect(worker, owner="mallory")


def test_what_it_had_waits_again_and_is_leased_together(pool: Pool) -> None:
    task = pool.task(100)
    poisoner, honest = mallory(pool), pool.connect("honest")
    pool.speed(task, "poisoner", 10.0)
    granted = poisoner.lease()
    assert len(granted.subtasks) > 1
    rejected = poisoner.reject(granted)
    assert (rejected.reason, rejected.task, rejected.requeued) == ("", task, len(granted.subtasks))
    progress = pool.progress(task)
    assert (progress.waiting, progress.leased, progress.failed) == (100, 0, 0)
    pool.speed(task, "honest", 10.0)
    again = honest.lease()
    assert len(again.subtasks) > 1, "the subtasks are not to blame, so none of them goes alone"
    assert again.subtasks[0] == granted.subtasks[0], "they are at the front"


def test_its_owner_gets_nothing_of_the_submitters_tasks_while_another_is_there(pool: Pool) -> None:
    task = pool.task(100)
    poisoner, other_name, honest = (
        mallory(pool),
        mallory(pool, "another name"),
        pool.connect("honest"),
    )
    poisoner.reject(poisoner.lease())
    assert poisoner.ask().granted is None
    assert other_name.ask().granted is None, "a name is free, a member is not"
    assert honest.lease().task == task
    other = pool.task(1, creator="bob")
    assert poisoner.lease().task == other, "other submitters' tasks are not concerned"


def test_its_owner_may_not_take_a_second_copy_of_it_either(pool: Pool, settings: Settings) -> None:
    settings.COPIES_SHARE_MAX = 1.0
    task = pool.task(2)
    poisoner, honest = mallory(pool), pool.connect("honest")
    poisoner.reject(poisoner.lease())
    first = honest.lease()
    honest.complete(first)
    second = honest.lease()
    pool.speed(task, "poisoner", 100.0)
    pool.began(second, 3600)
    assert poisoner.ask().granted is None


def test_alone_or_among_its_like_it_gets_it_again(pool: Pool) -> None:
    pool.task(3)
    poisoner, like = mallory(pool), pool.connect("like it", owner="trudy")
    poisoner.reject(poisoner.lease())
    like.reject(like.lease())
    assert poisoner.ask().granted, "nobody else is there whose work would be better"
    pool.connect("honest")
    assert like.ask().granted is None


def test_the_last_honest_worker_that_goes_makes_room_for_it(pool: Pool) -> None:
    pool.task(1)
    poisoner, honest = mallory(pool), pool.connect("honest")
    poisoner.reject(poisoner.lease())
    assert poisoner.ask().granted is None
    honest.leave()
    assert poisoner.ask().granted


def test_after_a_while_it_gets_it_again_although_another_is_there(
    pool: Pool, settings: Settings
) -> None:
    settings.RETRY_ELSEWHERE_SECONDS_MAX = -1  # over already
    pool.task(1)
    poisoner, _ = mallory(pool), pool.connect("busy elsewhere")
    poisoner.reject(poisoner.lease())
    assert poisoner.ask().granted


def test_however_often_it_happens_no_subtask_fails(pool: Pool, settings: Settings) -> None:
    settings.MAX_ATTEMPTS = settings.MAX_LOSSES = 1
    task = pool.task(1)
    poisoner = mallory(pool)
    for _ in range(5):
        assert poisoner.reject(poisoner.lease()).reason == ""
    assert (pool.progress(task).failed, pool.outcome(task).broken) == (0, False)
    honest = pool.connect("honest")
    assert honest.complete(honest.lease()).complete


def test_the_tasks_failures_and_its_log_name_the_worker(pool: Pool) -> None:
    task = pool.task(1)
    poisoner = mallory(pool)
    poisoner.reject(poisoner.lease())
    (blame,) = task_log.failures(pool.group, task)
    assert (blame.subtask, blame.worker, blame.error, blame.message) == (
        0,
        "poisoner",
        "bad_partial",
        "no list",
    )
    assert not blame.final
    assert pool.progress(task).work["poisoner"].failures == 1
    assert task_log.log(pool.group, task)[-1].what == "bad_partial"
    assert pool.outcome(task).blame is None, "it is not what a task fails of"


def test_another_version_of_the_kind_is_no_offence(pool: Pool) -> None:
    task = pool.task(1)
    late, _ = mallory(pool), pool.connect("honest")
    assert late.reject(late.lease(), "kind_changed").reason == ""
    assert task_log.failures(pool.group, task) == []
    assert task_log.log(pool.group, task)[-1].what == "kind_changed"
    assert pool.progress(task).work["poisoner"].failures == 0
    assert late.lease().task == task


def test_only_the_worker_that_was_granted_a_lease_can_lose_it_so(pool: Pool) -> None:
    task = pool.task(1)
    poisoner, honest = mallory(pool), pool.connect("honest")
    granted = honest.lease()
    assert poisoner.reject(granted).reason == "unknown_lease"
    assert pool.progress(task).leased == 1
    assert task_log.failures(pool.group, task) == []
    assert honest.complete(granted).complete


def test_what_it_sends_after_a_reject_is_unknown(pool: Pool) -> None:
    pool.task(1)
    poisoner = mallory(pool)
    granted = poisoner.lease()
    poisoner.reject(granted)
    assert poisoner.complete(granted, decided=True).reason == "unknown_lease"
    assert poisoner.reject(granted).reason == "unknown_lease"


def test_a_late_one_of_a_lease_that_was_lost_takes_nothing_from_its_heir(pool: Pool) -> None:
    task = pool.task(1)
    poisoner, honest = mallory(pool), pool.connect("honest")
    granted = poisoner.lease()
    pool.expire(granted)
    heir = honest.lease()
    assert poisoner.reject(granted).requeued == 0
    assert (pool.progress(task).leased, pool.progress(task).waiting) == (1, 0)
    assert honest.complete(heir).complete


def test_of_a_second_copy_the_first_holder_goes_on(pool: Pool, settings: Settings) -> None:
    settings.COPIES_SHARE_MAX = 1.0
    task = pool.task(2)
    honest, poisoner = pool.connect("honest"), mallory(pool)
    honest.complete(honest.lease())
    slow = honest.lease()
    pool.speed(task, "poisoner", 100.0)
    pool.began(slow, 3600)
    copy = poisoner.lease()
    assert copy.subtasks == slow.subtasks
    poisoner.reject(copy)
    assert (pool.progress(task).leased, pool.progress(task).waiting) == (1, 0)
    assert honest.complete(slow).complete


def test_somebody_else_is_woken_for_it(pool: Pool) -> None:
    pool.task(1)
    poisoner = mallory(pool)
    granted = poisoner.lease()
    honest = pool.connect("honest")
    assert honest.ask().granted is None
    assert honest.name in poisoner.reject(granted).wake


def test_of_a_task_that_is_over_there_is_nothing_to_reject(pool: Pool) -> None:
    task = pool.task(1)
    poisoner = mallory(pool)
    granted = poisoner.lease()
    lifecycle.close(pool.group, task).now()
    assert poisoner.reject(granted).reason == "unknown_lease"
    left = pool.keys()
    assert not [key for key in left if ":t:" in key]


def test_the_kind_of_a_lease_is_told_to_its_worker_alone(pool: Pool) -> None:
    pool.task(1)
    worker = pool.connect("laptop")
    granted = worker.lease()
    assert leasing.kind_of(granted.lease, worker="laptop").now() == "ECHO@1"
    assert leasing.kind_of(granted.lease, worker="other").now() == ""
    assert leasing.kind_of("nonsense", worker="laptop").now() == ""
    pool.expire(granted)
    worker.ask()
    assert leasing.kind_of(granted.lease, worker="laptop").now() == "ECHO@1", (
        "a lost one may still be answered"
    )
