"""Concluding: one winner, the exact result, statistics as values."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from unittest.mock import Mock

import msgspec
import pytest
import redis
from django.conf import settings as live_settings
from django.db import OperationalError, connection
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from firmlight_client import kinds
from firmlight_echo import Echo
from tasks import blobs, states
from tasks.kind_processes import pool
from tasks.models import Contribution, Task, TaskQuerySet, Worker
from tasks.queue import leasing, lifecycle, sweeping
from tasks.queue.answers import Granted, Settled
from tasks.queue.progress import progress_of
from tasks.services import conclude as concluding
from tasks.services.conclude import conclude_task
from tasks.services.deliver import ResultExpired, result_of
from tasks.services.finish import cancel_task
from tasks.services.under_way import StillWanted
from tests.support.patient import until
from tests.tasks.conftest import compute

Split = Callable[..., Task]
Work = Callable[[Worker], int]
Lease = Callable[[Worker], Granted | None]


def conclude(task: Task, **options: Any) -> Task:
    conclude_task(str(task.pk), **options)
    task.refresh_from_db()
    return task


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


def test_partials_that_do_not_fit_fail_the_task_clearly(
    split: Split, lease: Lease, laptop: Worker
) -> None:
    task = split(count=1)
    granted = lease(laptop)
    assert granted
    leasing.complete(granted.lease, worker=laptop.pk, subtasks=[0], partial=b"\xc1").now()
    conclude(task)
    assert (task.status, task.error_code) == (states.FAILED, "combine_failed")


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


def ready(split: Split, work: Work, laptop: Worker, **acts: str) -> Task:
    """A HARD task with all its work done, which does these things when it is concluded."""
    task = split(kind="HARD", acts=acts)
    work(laptop)
    return task


@pytest.mark.parametrize(
    ("act", "settings_now", "code", "why", "attempts"),
    [
        (
            "sleep 60",
            {"CONCLUDE_SECONDS_MAX": 0.5},
            "conclude_timed_out",
            "it took more than 0.5 s",
            3,
        ),
        (
            "spin",
            {"CONCLUDE_PROCESSOR_SECONDS_MAX": 0.5},
            "conclude_timed_out",
            "it computed for more than 0.5 s",
            2,  # a quick one, and one that had all the time
        ),
        ("crash", {}, "conclude_crashed", "SIGSEGV", 3),
        pytest.param(
            *("eat", {"KIND_MEMORY_MIB": 256}, "out_of_memory", "256 MiB", 1),
            marks=pytest.mark.skipif(
                sys.platform != "linux", reason="no other system keeps this limit"
            ),
        ),
    ],
)
def test_a_conclusion_beyond_its_limits_fails_after_some_attempts(
    hard: kinds.Kind,
    split: Split,
    work: Work,
    laptop: Worker,
    settings: Settings,
    jobs_sent: Callable[[], list[str]],
    act: str,
    settings_now: dict[str, float],
    code: str,
    why: str,
    attempts: int,
) -> None:
    settings.CONCLUDE_ATTEMPTS_MAX = 3
    for name, value in settings_now.items():
        setattr(settings, name, value)
    pool.forget()
    task = ready(split, work, laptop, finish=act)
    jobs_sent()
    conclude(task)
    for _ in range(2):
        if task.status == states.AGGREGATING:
            assert jobs_sent() == ["tasks.conclude"], "another attempt is asked for"
            conclude(task, attempt=task.conclude_attempts, patient=True)
    assert (task.status, task.error_code) == (states.FAILED, code)
    assert why in task.error_message
    assert task.conclude_attempts == attempts


def test_a_slow_conclusion_goes_to_the_long_jobs(
    hard: kinds.Kind, split: Split, work: Work, laptop: Worker, settings: Settings
) -> None:
    settings.CONCLUDE_QUICK_SECONDS = 0.2
    task = ready(split, work, laptop, finish="sleep 1")
    broker = redis.Redis.from_url(settings.BROKER_URL)
    broker.delete("long", "short")
    assert conclude(task).status == states.AGGREGATING
    assert (broker.llen("short"), broker.llen("long")) == (0, 1)
    broker.close()
    assert conclude(task, attempt=1, patient=True).status == states.SUCCEEDED


def test_no_attempt_is_the_last_before_there_was_a_patient_one(
    hard: kinds.Kind, split: Split, work: Work, laptop: Worker, settings: Settings
) -> None:
    """However long the long jobs have other work: the sweep asks again meanwhile."""
    settings.CONCLUDE_QUICK_SECONDS, settings.CONCLUDE_ATTEMPTS_MAX = 0.2, 2
    task = ready(split, work, laptop, finish="sleep 1")
    assert conclude(task).status == states.AGGREGATING
    assert conclude(task, attempt=1).status == states.SUCCEEDED


def test_of_attempts_of_one_number_one_is_made(
    hard: kinds.Kind, split: Split, work: Work, laptop: Worker, settings: Settings
) -> None:
    settings.CONCLUDE_SECONDS_MAX = 0.2
    task = ready(split, work, laptop, finish="sleep 60")
    conclude(task)
    conclude(task, attempt=1)
    assert task.conclude_attempts == 2
    conclude(task, attempt=1)
    assert task.conclude_attempts == 2, "somebody else is at the second"


def test_a_conclusion_that_never_came_back_is_not_tried_for_ever(
    split: Split, work: Work, laptop: Worker
) -> None:
    """Its jobs died with their process, each time."""
    task = split(count=2)
    work(laptop)
    most = live_settings.CONCLUDE_ATTEMPTS_MAX
    Task.objects.filter(pk=task.pk).update(status=states.AGGREGATING, conclude_attempts=most)
    conclude(task, attempt=most)
    assert (task.status, task.error_code) == (states.FAILED, "conclude_timed_out")


LOST = [redis.exceptions.ConnectionError("away"), OperationalError("away")]


def raises(error: Exception) -> Callable[..., Any]:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    return fail


@pytest.mark.parametrize("lost", LOST, ids=["redis", "database"])
def test_an_unreachable_redis_or_database_uses_up_no_attempt(
    split: Split, work: Work, laptop: Worker, monkeypatch: pytest.MonkeyPatch, lost: Exception
) -> None:
    task = split(count=3)
    work(laptop)
    with monkeypatch.context() as broken:
        broken.setattr(concluding, "record_work", raises(lost))
        for attempt in (None, *[0] * live_settings.CONCLUDE_ATTEMPTS_MAX):
            with pytest.raises(type(lost)):
                conclude(task, attempt=attempt)
            task.refresh_from_db()
            assert (task.status, task.conclude_attempts) == (states.AGGREGATING, 0)
    assert conclude(task, attempt=0).status == states.SUCCEEDED


def test_an_attempt_is_given_back_once_the_database_answers_again(
    split: Split, work: Work, laptop: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = split(count=3)
    work(laptop)
    away = OperationalError("away")
    real, refused = TaskQuerySet.update, list[Any]()

    def update(rows: Any, **changes: Any) -> int:
        if changes == {"conclude_attempts": 0} and len(refused) < 2:
            refused.append(changes)
            raise away
        return real(rows, **changes)

    monkeypatch.setattr(concluding, "record_work", raises(away))
    monkeypatch.setattr(concluding, "GIVE_BACK_PAUSES_SECONDS", (0, 0, 0))
    monkeypatch.setattr(TaskQuerySet, "update", update)
    with pytest.raises(OperationalError):
        conclude(task)
    task.refresh_from_db()
    assert (task.conclude_attempts, len(refused)) == (0, 2)


def test_a_child_goes_on_while_the_database_cannot_be_asked(
    split: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = split(count=3)
    watched = StillWanted(task, states.RUNNING)
    with monkeypatch.context() as broken:
        broken.setattr(watched, "row", Mock(exists=raises(OperationalError("away"))))
        assert watched()
    assert watched()
    cancel_task(task)
    assert not watched()


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


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("act", ["sleep 60", "spin"])
def test_cancelling_a_task_that_is_being_concluded_ends_the_child_and_drops_its_result(
    hard: kinds.Kind, split: Split, work: Work, laptop: Worker, api: Callable[..., Any], act: str
) -> None:
    task = ready(split, work, laptop, finish=act)
    concluder = threading.Thread(target=_conclude_apart, args=(task,))
    concluder.start()
    until(lambda: Task.objects.get(pk=task.pk).status == states.AGGREGATING)
    until(lambda: any(each.at_work for each in pool.children().lent))
    (child,) = pool.children().lent
    began = time.monotonic()
    answer = api(task.creator).post(f"/api/tasks/{task.pk}/cancel/")
    assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
    concluder.join()
    assert time.monotonic() - began < 20
    assert not child.lives
    task.refresh_from_db()
    assert task.status == states.CANCELLED
    assert blobs.get_result(task.group_id, task.pk) is None
    assert sweeping.tasks_with_state(task.group_id) == []


def _conclude_apart(task: Task) -> None:
    try:
        conclude_task(str(task.pk), attempt=0, patient=True)
    finally:
        connection.close()


def test_a_result_that_was_made_while_its_task_was_cancelled_is_dropped(
    split: Split, work: Work, laptop: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = split(count=2)
    work(laptop)
    real = blobs.put_result

    def cancel_just_then(group: Any, pk: Any, data: bytes) -> None:
        real(group, pk, data)
        assert cancel_task(task)

    monkeypatch.setattr(blobs, "put_result", cancel_just_then)
    assert conclude(task).status == states.CANCELLED
    assert blobs.get_result(task.group_id, task.pk) is None


def test_a_child_at_work_is_a_sign_of_life(
    hard: kinds.Kind,
    split: Split,
    work: Work,
    laptop: Worker,
    settings: Settings,
    jobs_sent: Callable[[], list[str]],
) -> None:
    settings.AGGREGATING_SECONDS_MAX = 2
    task = ready(split, work, laptop, finish="sleep 3")
    before = timezone.now()
    assert conclude(task).status == states.SUCCEEDED
    assert task.finished and task.finished - before > timedelta(seconds=3)
    watched = StillWanted(task, states.SUCCEEDED)
    watched.noted -= 10
    Task.objects.filter(pk=task.pk).update(changed=before)
    assert watched()
    task.refresh_from_db()
    assert task.changed > before
