"""Concluding: one winner, the exact result, statistics as values."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from firmlight_client import kinds
from firmlight_echo import Echo
from tasks import blobs, states
from tasks.models import Contribution, Task, Worker
from tasks.queue import leasing, lifecycle, sweeping, task_log
from tasks.queue.answers import Granted, Settled
from tasks.queue.progress import progress_of
from tasks.services.conclude import conclude_task
from tasks.services.deliver import ResultExpired, result_of
from tasks.services.split import split_task
from tests.tasks.conftest import compute, conclude

Split = Callable[..., Task]
Work = Callable[[Worker], int]
Lease = Callable[[Worker], Granted | None]


def fail(
    granted: Granted, worker: Worker, error: str = "ValueError", message: str = "boom"
) -> Settled:
    call = leasing.fail(
        granted.lease, worker=worker.pk, subtask=granted.subtasks[0], error=error, message=message
    )
    return call.now()


def test_all_partials_make_the_result(split: Split, work: Work, laptop: Worker) -> None:
    task = split(count=500, collect=True)
    work(laptop)
    conclude(task)
    assert (task.status, task.subtasks, task.done, task.failed) == (states.SUCCEEDED, 500, 500, 0)
    assert json.loads(result_of(task)) == {"count": 500, "sum": 124_750, "values": list(range(500))}


def test_a_concluded_task_leaves_only_its_result_in_redis(
    split: Split, work: Work, laptop: Worker
) -> None:
    task = split(count=20)
    work(laptop)
    conclude(task)
    assert progress_of(task.group_id, task.pk).now() is None
    assert blobs.get_input(task.group_id, task.pk) is None
    assert sweeping.tasks_with_state(task.group_id) == []
    assert blobs.get_result(task.group_id, task.pk)


def test_the_result_expires(split: Split, work: Work, laptop: Worker) -> None:
    task = split(count=2)
    work(laptop)
    conclude(task)
    blobs.drop_result(task.group_id, task.pk)  # as its time to live does
    with pytest.raises(ResultExpired):
        result_of(task)


def test_each_worker_is_credited_with_its_share(
    split: Split, lease: Lease, work: Work, laptop: Worker, bob: Any
) -> None:
    tower = Worker.objects.create(owner=bob, name="tower")
    task = split(count=4)
    granted = lease(laptop)
    assert granted
    compute(granted, laptop)
    work(tower)
    conclude(task)
    rows = {row.worker.name: row for row in Contribution.objects.filter(task=task)}
    assert (rows["laptop"].subtasks, rows["laptop"].share) == (1, 25.0)
    assert (rows["tower"].subtasks, rows["tower"].share) == (3, 75.0)
    assert rows["laptop"].started and rows["laptop"].finished


def test_an_incomplete_task_goes_back_to_running(
    split: Split, lease: Lease, laptop: Worker
) -> None:
    task = split(count=4)
    granted = lease(laptop)
    assert granted
    compute(granted, laptop)
    assert conclude(task).status == states.RUNNING


def test_a_subtask_that_fails_permanently_fails_the_task(
    split: Split, lease: Lease, laptop: Worker, settings: Settings
) -> None:
    settings.MAX_ATTEMPTS = 1
    task = split(count=4)
    granted = lease(laptop)
    assert granted
    assert fail(granted, laptop).complete
    conclude(task)
    assert (task.status, task.error_code) == (states.FAILED, "subtask_failed")
    assert task.error_message == "Subtask 0 failed permanently: ValueError: boom"
    assert Contribution.objects.get(task=task).failures == 1


def test_partial_results_may_be_allowed(
    split: Split, lease: Lease, work: Work, laptop: Worker, settings: Settings
) -> None:
    settings.MAX_ATTEMPTS = 1
    task = split(count=4, allow_partial=True)
    granted = lease(laptop)
    assert granted
    fail(granted, laptop)
    work(laptop)
    conclude(task)
    assert (task.status, task.done, task.failed) == (states.SUCCEEDED, 3, 1)
    incomplete = {"failed": 1, "of": 4, "subtasks": [0]}
    assert json.loads(result_of(task)) == {"count": 3, "sum": 6, "incomplete": incomplete}


def test_a_factor_ends_the_task_early(split: Split, lease: Lease, laptop: Worker) -> None:
    task = split(kind="FACTORIZATION", number=str((10**15 + 37) * (10**15 + 91)))
    settled = None
    while settled is None or not settled.complete:
        granted = lease(laptop)
        assert granted
        settled = compute(granted, laptop)
    conclude(task)
    assert task.status == states.SUCCEEDED
    assert task.done <= task.subtasks
    assert json.loads(result_of(task))["factors"] == [[str(10**15 + 37), 1], [str(10**15 + 91), 1]]


def test_a_worker_that_only_claims_a_decision_ends_nothing(
    split: Split, lease: Lease, laptop: Worker
) -> None:
    task = split(count=4)
    granted = lease(laptop)
    assert granted
    partial = msgspec.msgpack.encode([1, 0, []])
    call = leasing.complete(
        granted.lease, worker=laptop.pk, subtasks=granted.subtasks, partial=partial, decided=True
    )
    assert call.now().complete
    assert conclude(task).status == states.RUNNING
    assert lease(laptop), "the rest is still to be done"


def test_the_primes_of_another_number_end_nothing(
    split: Split, lease: Lease, laptop: Worker
) -> None:
    task = split(kind="FACTORIZATION", number=str((10**15 + 37) * (10**15 + 91)))
    granted = lease(laptop)
    assert granted
    call = leasing.complete(
        granted.lease,
        worker=laptop.pk,
        subtasks=granted.subtasks,
        partial=msgspec.msgpack.encode([["7", 1], ["13", 1]]),
        decided=True,
    )
    assert call.now().complete
    assert conclude(task).status == states.RUNNING


def test_a_partial_that_cannot_be_right_is_taken_out_and_done_anew(
    split: Split, lease: Lease, work: Work, laptop: Worker
) -> None:
    """A lie that the params give away."""
    task = split(kind="MEAN", numbers=[1.0] * 1000)
    granted = lease(laptop)
    assert granted
    lie = kinds.get("MEAN").run(struct.pack("<32d", *[1.5e6] * 32))
    leasing.complete(
        granted.lease,
        worker=laptop.pk,
        subtasks=granted.subtasks,
        partial=msgspec.msgpack.encode(lie),
    ).now()
    assert conclude(task).status == states.RUNNING
    (failure,) = task_log.failures(task.group_id, str(task.pk))
    assert (failure.worker, failure.error) == (str(laptop.pk), "bad_partial")
    assert "it counts 32 numbers of 1,000" in failure.message
    split_task(str(task.pk))
    work(laptop)
    assert conclude(task).status == states.SUCCEEDED


def test_so_is_one_that_is_none_of_its_kind(
    split: Split, lease: Lease, work: Work, laptop: Worker
) -> None:
    """Another version of the server took it."""
    task = split(count=1)
    granted = lease(laptop)
    assert granted
    leasing.complete(granted.lease, worker=laptop.pk, subtasks=[0], partial=b"\xc1").now()
    assert conclude(task).status == states.RUNNING
    split_task(str(task.pk))
    work(laptop)
    assert conclude(task).status == states.SUCCEEDED


def test_a_kind_that_cannot_finish_fails_the_task_clearly(
    hard: kinds.Kind, split: Split, work: Work, laptop: Worker
) -> None:
    task = split(kind="HARD", acts={"finish": "raise nothing there"})
    work(laptop)
    conclude(task)
    assert (task.status, task.error_code) == (states.FAILED, "finish_failed")
    assert "nothing there" in task.error_message


def test_a_result_beyond_the_limit_fails_the_task(
    split: Split, work: Work, laptop: Worker, settings: Settings
) -> None:
    settings.RESULT_BYTES_MAX = 10
    task = split(count=50, collect=True)
    work(laptop)
    assert conclude(task).error_code == "result_too_large"


def test_a_conclusion_that_died_is_taken_over_and_changes_nothing_twice(
    split: Split, work: Work, laptop: Worker
) -> None:
    task = split(count=5)
    work(laptop)
    Task.objects.filter(pk=task.pk).move(
        states.RUNNING, states.AGGREGATING
    )  # and its job was killed here
    assert conclude(task).status == states.AGGREGATING, "another job may be at it"
    assert conclude(task, attempt=0).status == states.SUCCEEDED
    assert Contribution.objects.get(task=task).subtasks == 5


def test_a_task_whose_state_is_gone_fails_clearly(split: Split) -> None:
    task = split(count=5)
    lifecycle.close(task.group_id, task.pk).now()
    assert conclude(task).error_code == "input_lost"


def test_the_time_of_a_conclusion_is_noted(split: Split, work: Work, laptop: Worker) -> None:
    task = split(count=1)
    work(laptop)
    conclude(task)
    assert task.finished and timezone.now() - task.finished < timedelta(seconds=30)


@pytest.mark.django_db(transaction=True)
def test_of_several_concurrent_conclusions_one_does_it(
    split: Split, work: Work, laptop: Worker
) -> None:
    task = split(count=50)
    work(laptop)

    def race(_: int) -> None:
        try:
            conclude_task(str(task.pk))
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(race, range(4)))
    task.refresh_from_db()
    assert (task.status, task.done) == (states.SUCCEEDED, 50)
    assert Contribution.objects.filter(task=task).count() == 1


def test_rows_of_a_conclusion_that_came_to_nothing_are_not_added_up(
    split: Split, work: Work, laptop: Worker, alice: User
) -> None:
    """Redis went back a second between two conclusions: somebody else has done the work now."""
    task = split(count=4)
    tower = Worker.objects.create(owner=alice, name="tower")
    Contribution.objects.create(task=task, worker=tower, subtasks=4, share=100.0)
    work(laptop)
    conclude(task)
    (row,) = Contribution.objects.filter(task=task)
    assert (row.worker, row.subtasks) == (laptop, 4)


def test_a_kind_that_has_changed_since_fails_the_task_clearly(
    split: Split, work: Work, laptop: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = split(count=2)
    work(laptop)
    monkeypatch.setattr(Echo, "version", "2")
    conclude(task)
    assert (task.status, task.error_code) == (states.FAILED, "kind_changed")
    assert task.error_message == "ECHO has changed from 1 to 2: submit again."


def test_partials_that_the_kind_cannot_judge_fail_the_task(
    hard: kinds.Kind, split: Split, lease: Lease, laptop: Worker
) -> None:
    task = split(kind="HARD", count=3)
    granted = lease(laptop)
    assert granted
    partial = msgspec.msgpack.encode([1, "", "raise what is this"])
    call = leasing.complete(
        granted.lease, worker=laptop.pk, subtasks=granted.subtasks, partial=partial, decided=True
    )
    assert call.now().complete
    assert conclude(task).error_code == "finish_failed"
