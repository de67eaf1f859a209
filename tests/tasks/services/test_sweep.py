"""The sweep: what a lost job, a dead process or an emptied Redis leave behind is put right."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest
import redis
from django.conf import settings as live_settings
from django.utils import timezone
from pytest_django import Settings

from firmlight_echo import Echo
from tasks import blobs, states
from tasks.models import Task, Worker
from tasks.queue import splitting, sweeping
from tasks.queue.answers import Granted
from tasks.queue.keys import base_key
from tasks.queue.progress import progress_of
from tasks.services import finish
from tasks.services.split import split_task
from tasks.services.sweep import fail_overdue, purge, reconcile, requeue_expired

Jobs = Callable[[], list[str]]


def age(task: Task, seconds: float) -> None:
    Task.objects.filter(pk=task.pk).update(changed=timezone.now() - timedelta(seconds=seconds))


def empty_queue() -> None:
    client = redis.Redis.from_url(live_settings.REDIS_URL)
    client.flushdb()
    client.close()


def test_a_queued_task_whose_job_was_lost_is_split_once_more(
    submit: Callable[..., Task], jobs_sent: Jobs
) -> None:
    task = submit()
    jobs_sent()  # and the broker forgot it
    reconcile()
    assert jobs_sent() == [], "it may still be on its way"
    age(task, live_settings.SPLIT_QUIET_SECONDS_MAX + 1)
    reconcile()
    reconcile()
    assert jobs_sent() == ["tasks.split"], "asked for once, not at every sweep"


def test_a_split_that_stopped_midway_is_asked_for_again(
    submit: Callable[..., Task], jobs_sent: Jobs, settings: Settings
) -> None:
    task = submit(count=10)
    Task.objects.filter(pk=task.pk).move(states.QUEUED, states.RUNNING)
    splitting.open_task(
        task.group_id,
        task.pk,
        kind="ECHO@1",
        creator="",
        priority="normal",
        seconds_max=1,
        allow_partial=False,
        order=0,
    ).now()
    jobs_sent()
    settings.SPLIT_QUIET_SECONDS_MAX = 0
    reconcile()
    assert jobs_sent() == ["tasks.split"]


def test_a_complete_task_whose_conclusion_was_lost_is_concluded(
    split: Callable[..., Task], work: Callable[[Worker], int], laptop: Worker, jobs_sent: Jobs
) -> None:
    split(count=3)
    work(laptop)
    jobs_sent()
    reconcile()
    assert jobs_sent() == ["tasks.conclude"]


def test_subtasks_that_are_nowhere_are_found_by_the_sweep(
    split: Callable[..., Task], work: Callable[[Worker], int], laptop: Worker
) -> None:
    task = split(count=3)
    client = redis.Redis.from_url(live_settings.REDIS_URL)
    client.delete(f"{base_key(task.group_id)}:t:{task.pk}:wait")
    client.close()
    assert work(laptop) == 0
    reconcile()
    assert work(laptop) == 3


def test_a_conclusion_that_takes_too_long_is_asked_for_again(
    split: Callable[..., Task], jobs_sent: Jobs
) -> None:
    task = split(count=3)
    Task.objects.filter(pk=task.pk).move(states.RUNNING, states.AGGREGATING)
    jobs_sent()
    reconcile()
    assert jobs_sent() == []
    age(task, live_settings.AGGREGATING_SECONDS_MAX + 1)
    reconcile()
    assert jobs_sent() == ["tasks.conclude"]


def test_a_second_conclusion_is_asked_of_the_long_jobs(split: Callable[..., Task]) -> None:
    task = split(count=3)
    Task.objects.filter(pk=task.pk).move(states.RUNNING, states.AGGREGATING, conclude_attempts=1)
    age(task, live_settings.AGGREGATING_SECONDS_MAX + 1)
    broker = redis.Redis.from_url(live_settings.BROKER_URL)
    broker.delete("short", "long")
    reconcile()
    assert (broker.llen("short"), broker.llen("long")) == (0, 1)
    broker.close()


def test_a_task_that_is_complete_just_as_its_deadline_passes_is_concluded(
    split: Callable[..., Task], monkeypatch: pytest.MonkeyPatch
) -> None:
    task = split(count=3)
    row = Task.objects.filter(pk=task.pk)
    row.update(deadline=timezone.now() - timedelta(seconds=1))
    monkeypatch.setattr(
        finish, "record_work", lambda *_: row.move(states.RUNNING, states.AGGREGATING)
    )
    fail_overdue()
    assert row.get().status == states.AGGREGATING


def test_a_running_task_fails_when_the_servers_kind_is_another_one(
    split: Callable[..., Task], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No worker may have the old one, so nobody would ever compute the rest."""
    task = split(count=3)
    monkeypatch.setattr(Echo, "version", "2")
    reconcile()
    task.refresh_from_db()
    assert (task.status, task.error_code) == (states.FAILED, "kind_changed")
    assert task.error_message == "ECHO has changed from 1 to 2: submit again."


@pytest.mark.parametrize("sweep", [fail_overdue, reconcile])
def test_a_task_that_cannot_be_swept_holds_up_no_other(
    split: Callable[..., Task], monkeypatch: pytest.MonkeyPatch, sweep: Callable[[], None]
) -> None:
    odd, even = split(count=3), split(count=3)
    Task.objects.update(deadline=timezone.now() - timedelta(seconds=1))
    monkeypatch.setattr(Echo, "version", "2")

    def record_work(task: Task, *_: object) -> None:
        if task.pk == odd.pk:
            raise UnicodeDecodeError("utf-8", b"", 0, 1, "as nobody expects")

    monkeypatch.setattr(finish, "record_work", record_work)
    sweep()
    even.refresh_from_db()
    assert even.status == states.FAILED


def test_after_redis_was_emptied_a_task_fails_and_is_not_stuck(
    split: Callable[..., Task], jobs_sent: Jobs
) -> None:
    task = split(count=3)
    empty_queue()
    age(task, live_settings.SPLIT_QUIET_SECONDS_MAX + 1)
    reconcile()
    assert jobs_sent()[-1] == "tasks.split"
    split_task(str(task.pk))
    task.refresh_from_db()
    assert (task.status, task.error_code) == (states.FAILED, "input_lost")
    assert task.error_message == "The input is no longer held: submit again."


def test_state_of_a_task_that_ended_is_dropped(split: Callable[..., Task]) -> None:
    task = split(count=3)
    Task.objects.filter(pk=task.pk).move(states.RUNNING, states.CANCELLED)
    reconcile()
    assert sweeping.tasks_with_state(task.group_id) == []


def test_state_without_a_row_is_dropped(split: Callable[..., Task]) -> None:
    task = split(count=3)
    Task.objects.filter(pk=task.pk).delete()
    reconcile()
    assert sweeping.tasks_with_state(task.group_id) == []
    assert blobs.get_input(task.group_id, task.pk) is None


def test_a_living_task_is_left_alone(split: Callable[..., Task], jobs_sent: Jobs) -> None:
    task = split(count=3)
    jobs_sent()
    reconcile()
    assert jobs_sent() == []
    assert sweeping.tasks_with_state(task.group_id) == [str(task.pk)]


def test_expired_leases_wait_again(
    split: Callable[..., Task],
    lease: Callable[[Worker], Granted | None],
    laptop: Worker,
    settings: Settings,
) -> None:
    settings.LEASE_SECONDS = -1  # over before it began
    task = split(count=3)
    assert lease(laptop)
    assert requeue_expired() == 1
    progress = progress_of(task.group_id, task.pk).now()
    assert progress and (progress.leased, progress.waiting) == (0, 3)


def test_sweeping_many_leases_goes_on_until_none_is_left(
    split: Callable[..., Task],
    lease: Callable[[Worker], Granted | None],
    laptop: Worker,
    settings: Settings,
) -> None:
    settings.SWEEP_LEASES_MAX = 2
    split(count=7)
    granted = [lease(laptop) for _ in range(7)]
    assert all(granted)
    settings.LEASE_SECONDS = -1
    client = redis.Redis.from_url(live_settings.REDIS_URL)
    (leases,) = [key for key in client.keys("fl:*") if key.endswith(b":queue:leases")]
    client.zadd(leases, dict.fromkeys(client.zrange(leases, 0, -1), 0))
    client.close()
    assert requeue_expired() == 7


@pytest.mark.django_db
def test_groups_without_anything_are_forgotten(split: Callable[..., Task], group: object) -> None:
    task = split(count=1)
    purge()
    assert sweeping.groups() == [str(task.group_id)]
    Task.objects.filter(pk=task.pk).move(states.RUNNING, states.CANCELLED)
    reconcile()
    blobs.put_input(uuid4(), uuid4(), b"x")
    purge()
    assert sweeping.groups() == []


def test_nothing_is_kept_of_a_group_that_is_no_more(
    split: Callable[..., Task], work: Callable[[Worker], int], laptop: Worker
) -> None:
    task = split(count=3)
    work(laptop)
    blobs.put_result(task.group_id, task.pk, b"1")
    task.group.delete()
    reconcile()
    client = redis.Redis.from_url(live_settings.REDIS_URL)
    assert client.exists(f"{base_key(task.group_id)}:served"), "kept until the purge"
    purge()
    assert client.keys(f"fl:{{{task.group_id}}}*") == []
    client.close()
