"""Pause, resume, deadline and limits of a task, and what its members see of failures."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import redis
from django.conf import settings as live_settings
from django.contrib.auth.models import Permission
from django.utils import timezone
from pytest_django import Settings
from rest_framework.test import APIClient

from accounts.models import AuditEntry, Notification, User
from groups.models import Group
from tasks import states
from tasks.models import SubtaskFailure, Task, Worker
from tasks.queue import leasing
from tasks.queue.answers import Granted, Settled
from tasks.queue.progress import progress_of
from tasks.services import workers
from tasks.services.conclude import conclude_task
from tasks.services.split import split_task
from tasks.services.sweep import fail_overdue, reconcile

Api = Callable[..., APIClient]
Make = Callable[..., Task]
Jobs = Callable[[], list[str]]
Lease = Callable[[Worker], Granted | None]


def fail_once(
    granted: Granted | None, worker: Worker, traceback: str = "line 1\nline 2"
) -> Settled:
    assert granted
    call = leasing.fail(
        granted.lease,
        worker=worker.pk,
        subtask=granted.subtasks[0],
        error="ValueError",
        message="no such thing",
        traceback=traceback,
    )
    return call.now()


def test_a_paused_task_is_not_leased_and_goes_on_when_resumed(
    api: Api, bob: User, split: Make, lease: Lease, work: Callable[[Worker], int], laptop: Worker
) -> None:
    task = split(count=3)
    paused = api(bob).post(f"/api/tasks/{task.pk}/pause/").json()
    assert (paused["status"], paused["waiting_reason"]) == ("paused", "It is paused.")
    assert lease(laptop) is None
    assert api(bob).post(f"/api/tasks/{task.pk}/resume/").json()["status"] == "running"
    assert work(laptop) == 3


def test_a_task_paused_before_it_was_split_is_split_when_it_is_resumed(
    api: Api, bob: User, submit: Make, jobs_sent: Jobs
) -> None:
    task = submit(count=2)
    assert api(bob).post(f"/api/tasks/{task.pk}/pause/").status_code == 200
    split_task(str(task.pk))
    assert progress_of(task.group_id, task.pk).now() is None, "nothing is opened for a paused task"
    jobs_sent()
    resumed = api(bob).post(f"/api/tasks/{task.pk}/resume/").json()
    assert resumed["started"]
    assert jobs_sent() == ["tasks.split"]


def test_what_is_completed_during_a_pause_is_concluded_on_resuming(
    api: Api, bob: User, split: Make, lease: Lease, laptop: Worker, jobs_sent: Jobs
) -> None:
    task = split(count=1)
    granted = lease(laptop)
    assert granted
    api(bob).post(f"/api/tasks/{task.pk}/pause/")
    leasing.complete(
        granted.lease, worker=laptop.pk, subtasks=[0], partial=b"\x93\x01\x00\x90"
    ).now()
    jobs_sent()
    api(bob).post(f"/api/tasks/{task.pk}/resume/")
    assert "tasks.conclude" in jobs_sent()
    conclude_task(str(task.pk))
    task.refresh_from_db()
    assert task.status == states.SUCCEEDED


@pytest.mark.parametrize("verb", ["pause", "resume", "cancel"])
def test_who_may_control_a_task(
    api: Api,
    alice: User,
    bob: User,
    carol: User,
    make_user: Callable[[str], User],
    group: Group,
    split: Make,
    verb: str,
) -> None:
    task = split(count=1)
    dora = make_user("dora")
    group.memberships.create(user=dora)
    assert api(carol).post(f"/api/tasks/{task.pk}/{verb}/").status_code == 404
    assert api(dora).post(f"/api/tasks/{task.pk}/{verb}/").status_code == 403
    if verb == "resume":
        Task.objects.filter(pk=task.pk).update(status=states.PAUSED)
    assert api(alice).post(f"/api/tasks/{task.pk}/{verb}/").status_code == 200
    again = api(bob).post(f"/api/tasks/{task.pk}/{verb}/")
    assert (again.status_code, again.json()["code"]) == (409, "conflict")


def test_redis_is_made_to_follow_a_pause_that_it_missed(
    split: Make, lease: Lease, laptop: Worker
) -> None:
    task = split(count=1)
    Task.objects.filter(pk=task.pk).move(states.RUNNING, states.PAUSED)
    reconcile()
    assert lease(laptop) is None
    Task.objects.filter(pk=task.pk).move(states.PAUSED, states.RUNNING)
    reconcile()
    assert lease(laptop)


def test_a_task_whose_input_is_gone_fails_at_the_next_look(split: Make) -> None:
    task = split(count=3)
    client = redis.Redis.from_url(live_settings.REDIS_URL)
    client.flushall()
    client.close()
    reconcile()
    task.refresh_from_db()
    assert (task.status, task.error_code) == (states.FAILED, "input_lost")
    assert task.error_message == "The input is no longer held: submit again."


@pytest.mark.parametrize("start", [states.QUEUED, states.RUNNING, states.PAUSED])
def test_a_task_that_misses_its_deadline_fails_and_says_so(split: Make, start: str) -> None:
    task = split(count=1)
    Task.objects.filter(pk=task.pk).update(
        status=start, deadline=timezone.now() - timedelta(seconds=1)
    )
    fail_overdue()
    task.refresh_from_db()
    assert (task.status, task.error_code) == (states.FAILED, "deadline_passed")
    assert task.error_message.startswith("It was not finished by its deadline, ")
    assert progress_of(task.group_id, task.pk).now() is None
    assert Notification.objects.get(user=task.creator).code == "task_failed"


def test_a_task_that_is_being_concluded_may_miss_its_deadline(split: Make) -> None:
    task = split(count=1)
    Task.objects.filter(pk=task.pk).update(
        status=states.AGGREGATING, deadline=timezone.now() - timedelta(seconds=1)
    )
    fail_overdue()
    task.refresh_from_db()
    assert task.status == states.AGGREGATING


def test_a_deadline_lies_ahead_and_a_time_limit_within_the_kinds(
    api: Api, bob: User, group: Group
) -> None:
    def submit(**more: Any) -> Any:
        body = {"group": str(group.pk), "kind": "FACTORIZATION", "params": {"number": 91}}
        return api(bob).post("/api/tasks/", body | more)

    past = submit(deadline=(timezone.now() - timedelta(hours=1)).isoformat())
    assert past.json()["fields"] == {"deadline": ["This time has passed already."]}
    assert list(submit(deadline="tomorrow").json()["fields"]) == ["deadline"]
    assert list(submit(subtask_seconds_max=1e9).json()["fields"]) == ["subtask_seconds_max"]
    assert list(submit(subtask_seconds_max=0).json()["fields"]) == ["subtask_seconds_max"]
    assert not Task.objects.exists()
    fine = submit(deadline=(timezone.now() + timedelta(hours=1)).isoformat(), subtask_seconds_max=2)
    assert fine.status_code == 201
    assert fine.json()["subtask_seconds_max"] == 2


def test_the_submitters_time_limit_is_what_is_leased(
    bob: User, group: Group, lease: Lease, laptop: Worker
) -> None:
    from tasks.services.submit import submit_task

    task = submit_task(
        author=bob, group=group.pk, kind="ECHO", params={"count": 1}, subtask_seconds_max=2.5
    )
    split_task(str(task.pk))
    granted = lease(laptop)
    assert granted and granted.seconds_max == 2.5


def test_whose_backlog_is_long_does_not_stand_in_others_way(
    submit: Make, alice: User, settings: Settings
) -> None:
    settings.SPLIT_BACKLOG_MAX = 2
    for _ in range(5):
        submit()
    submit(author=alice)
    broker = redis.Redis.from_url(live_settings.BROKER_URL)
    assert (broker.llen("long"), broker.llen("bulk")) == (4, 2)
    broker.close()


def test_failures_are_shown_to_members_while_the_task_runs_and_when_it_has_failed(
    api: Api,
    alice: User,
    carol: User,
    split: Make,
    lease: Lease,
    laptop: Worker,
    settings: Settings,
) -> None:
    settings.MAX_ATTEMPTS = 2
    task = split(count=1)
    fail_once(lease(laptop), laptop)
    (running,) = api(alice).get(f"/api/tasks/{task.pk}/").json()["failures"]
    assert running["worker"] == {"id": str(laptop.pk), "name": "laptop"}
    assert (running["member"]["username"], running["final"]) == ("alice", False)
    fail_once(lease(laptop), laptop)
    conclude_task(str(task.pk))
    ended = api(alice).get(f"/api/tasks/{task.pk}/").json()
    assert (ended["status"], ended["error"]["code"]) == ("failed", "subtask_failed")
    assert [row["final"] for row in ended["failures"]] == [False, True]
    assert ended["failures"][0] == running
    assert ended["failures"][1]["traceback"] == "line 1\nline 2"
    assert api(carol).get(f"/api/tasks/{task.pk}/").status_code == 404


def test_failures_are_written_once_however_often_a_task_is_concluded(
    split: Make, lease: Lease, laptop: Worker, settings: Settings
) -> None:
    settings.MAX_ATTEMPTS = 1
    task = split(count=1)
    fail_once(lease(laptop), laptop, traceback="x" * 8000)
    from tasks.services.record import record_work

    for _ in range(2):
        record_work(task, {}, 0)
    row = SubtaskFailure.objects.get(task=task)
    assert (row.error, row.message, len(row.traceback), row.final) == (
        "ValueError",
        "no such thing",
        4000,
        True,
    )


def test_a_creator_is_notified_of_how_their_task_ended(
    api: Api, bob: User, split: Make, work: Callable[[Worker], int], laptop: Worker
) -> None:
    task = split(count=1)
    work(laptop)
    conclude_task(str(task.pk))
    (note,) = api(bob).get("/api/notifications/").json()["results"]
    assert (note["code"], note["level"], note["task"]) == ("task_finished", "success", str(task.pk))


def test_a_suspended_worker_is_let_back_by_its_owner_or_a_moderator_only(
    api: Api, alice: User, bob: User, laptop: Worker
) -> None:
    workers.suspend(str(laptop.pk))
    workers.suspend(str(laptop.pk))
    assert Notification.objects.filter(user=alice, code="worker_suspended").count() == 1
    shown = api(alice).get(f"/api/workers/{laptop.pk}/").json()
    assert shown["suspended"].startswith("It failed on tasks of 3 submitters in a row")
    assert api(bob).patch(f"/api/workers/{laptop.pk}/", {"suspended": False}).status_code == 404
    assert api(alice).patch(f"/api/workers/{laptop.pk}/", {"suspended": True}).status_code == 400
    assert (
        api(alice).patch(f"/api/workers/{laptop.pk}/", {"suspended": False}).json()["suspended"]
        == ""
    )
    workers.suspend(str(laptop.pk))
    User.objects.filter(pk=bob.pk).update(is_staff=True)
    assert api(bob).patch(f"/api/workers/{laptop.pk}/", {"suspended": False}).status_code == 404, (
        "staff is not enough"
    )
    bob.user_permissions.add(Permission.objects.get(codename="change_worker"))
    assert api(bob).patch(f"/api/workers/{laptop.pk}/", {"suspended": False}).status_code == 200
    assert [entry.action for entry in AuditEntry.objects.filter(actor_id=bob.pk)] == [
        "worker_let_back"
    ]
    assert api(bob).put(f"/api/workers/{laptop.pk}/", {"suspended": False}).status_code == 405
