"""Concluding: limits and attempts, a Redis or database that is away, and cancelling meanwhile."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from unittest.mock import Mock

import pytest
import redis
from django.conf import settings as live_settings
from django.db import OperationalError, connection
from django.utils import timezone
from pytest_django import Settings

from firmlight_client import kinds
from tasks import blobs, states
from tasks.kind_processes import pool
from tasks.models import Task, TaskQuerySet, Worker
from tasks.queue import sweeping
from tasks.queue.answers import Granted
from tasks.services import conclude as concluding
from tasks.services.conclude import conclude_task
from tasks.services.finish import cancel_task
from tasks.services.under_way import StillWanted
from tests.support.patient import until
from tests.tasks.conftest import conclude

Split = Callable[..., Task]
Work = Callable[[Worker], int]
Lease = Callable[[Worker], Granted | None]


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

    def cancel_just_then(*args: Any) -> None:
        real(*args)
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
