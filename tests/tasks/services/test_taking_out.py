"""Moderators take out by hand what an owner computed: who may, and what follows."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from django.test import Client
from rest_framework.test import APIClient

from accounts.models import AuditEntry, Notification, User
from core.errors import Conflict, Forbidden
from groups.models import Membership
from tasks import states
from tasks.models import Standing, Task, Worker
from tasks.queue.answers import Granted
from tasks.queue.progress import progress_of
from tasks.selectors import history
from tasks.services import standing
from tasks.services.control import pause, resume
from tasks.services.deliver import result_of
from tasks.services.split import split_task
from tasks.services.taking_out import take_out, take_out_of_all
from tests.support.pages import words
from tests.tasks.conftest import compute, conclude

Split = Callable[..., Task]
Lease = Callable[[Worker], Granted | None]


@pytest.fixture
def task(split: Split, lease: Lease, laptop: Worker, attic: Worker) -> Task:
    """Of its nine subtasks both have computed some."""
    task = split(count=9, verify="none")
    for worker in (attic, laptop):
        granted = lease(worker)
        assert granted
        compute(granted, worker)
    standing.note_agreement(task.group_id, attic.owner_id or "", "ECHO", task.kind_version, 40)
    Notification.objects.all().delete()
    return task


def done_by(task: Task, worker: Worker) -> tuple[int, int]:
    """How many of its subtasks count, and how many were taken out."""
    progress = progress_of(task.group_id, task.pk).now()
    assert progress
    work = progress.work[str(worker.pk)]
    return work.subtasks, work.taken_out


def test_all_that_one_member_computed_is_computed_by_others(
    task: Task, attic: Worker, laptop: Worker, mallory: User, alice: User, work: Callable
) -> None:
    theirs, honest = done_by(task, attic)[0], done_by(task, laptop)
    subtasks = take_out(user=alice, task=task, member=mallory.pk, reason="Bad memory.")
    assert subtasks == theirs
    assert done_by(task, attic) == (0, theirs)
    assert done_by(task, laptop) == honest
    split_task(str(task.pk))
    work(laptop)
    assert conclude(task).status == states.SUCCEEDED
    assert json.loads(result_of(task)) == {"count": 9, "sum": 36}


def test_the_member_the_audit_log_and_the_tasks_log_say_who_did_it_and_why(
    task: Task, attic: Worker, mallory: User, alice: User
) -> None:
    subtasks = take_out(user=alice, task=task, member=mallory.pk, reason="Bad memory.")
    (notice,) = Notification.objects.filter(user=mallory)
    assert notice.code == "results_taken_out"
    assert notice.text.startswith(f"alice took your results out of {task.title}: ")
    assert notice.text.endswith("Reason: Bad memory.")
    entry = AuditEntry.objects.get(action="results_taken_out")
    assert (entry.actor_name, entry.target_id) == ("alice", str(task.pk))
    assert entry.details["member"] == str(mallory.pk)
    assert (entry.details["subtasks"], entry.details["reason"]) == (subtasks, "Bad memory.")
    (line,) = [event for event in history.events(task) if event["what"] == "taken_out"]
    assert line["text"].endswith("A moderator took it out. Bad memory.")


def test_they_have_no_standing_then_but_nothing_is_said_to_be_wrong(
    task: Task, mallory: User, alice: User
) -> None:
    take_out(user=alice, task=task, member=mallory.pk)
    row = Standing.objects.get(owner=mallory)
    assert (row.agreements, row.agreements_total, row.disagreements_total) == (0, 40, 0)


def test_only_a_member_who_leads_the_group_may(
    task: Task, mallory: User, alice: User, bob: User, carol: User
) -> None:
    """Bob has submitted it, and Carol is no member."""
    for user in (bob, mallory, carol):
        with pytest.raises(Forbidden):
            take_out(user=user, task=task, member=mallory.pk)
    Membership.objects.filter(user=bob).update(role="moderator")
    assert take_out(user=bob, task=task, member=mallory.pk) > 0
    with pytest.raises(Conflict):
        take_out(user=alice, task=task, member=mallory.pk)


def test_nothing_is_taken_out_of_a_task_that_is_over(
    task: Task, mallory: User, alice: User, laptop: Worker, work: Callable
) -> None:
    work(laptop)
    assert conclude(task).status == states.SUCCEEDED
    with pytest.raises(Conflict, match="succeeded"):
        take_out(user=alice, task=task, member=mallory.pk)
    assert not AuditEntry.objects.filter(action="results_taken_out").exists()


def test_what_is_taken_out_of_a_paused_task_is_computed_when_it_goes_on(
    task: Task, mallory: User, alice: User, laptop: Worker, work: Callable
) -> None:
    pause(user=alice, task=task)
    task.refresh_from_db()
    take_out(user=alice, task=task, member=mallory.pk)
    resume(user=alice, task=task)
    split_task(str(task.pk))
    work(laptop)
    assert json.loads(result_of(conclude(task)))["sum"] == 36


def test_a_moderator_of_the_site_takes_it_out_of_all_running_tasks_of_the_kind(
    task: Task,
    split: Split,
    lease: Lease,
    attic: Worker,
    mallory: User,
    make_user: Callable[[str], User],
) -> None:
    second = split(count=4, verify="none")
    while granted := lease(attic):
        compute(granted, attic)
    mona, row = make_user("mona"), Standing.objects.get(owner=mallory)
    both = done_by(task, attic)[0] + done_by(second, attic)[0]
    assert take_out_of_all(row, by=mona, reason="Bad memory.") == both
    assert done_by(second, attic) == (0, 4)
    assert AuditEntry.objects.filter(action="results_taken_out").count() == 2
    (notice,) = Notification.objects.filter(user=mallory)
    assert "2 tasks of Lab Seven" in notice.text
    with pytest.raises(Conflict):
        take_out_of_all(row, by=mona)


def test_the_api_answers_with_how_much_it_was(
    api: Callable[..., APIClient], task: Task, mallory: User, attic: Worker, alice: User
) -> None:
    theirs = done_by(task, attic)[0]
    address = f"/api/tasks/{task.pk}/take-out/"
    assert api(alice).post(address, {"member": "nobody"}).status_code == 400
    assert api(alice).post(address, {"member": str(alice.pk)}).status_code == 200
    answer = api(alice).post(address, {"member": str(mallory.pk), "reason": "Bad memory."})
    assert answer.json() == {"subtasks": theirs}
    row = api(alice).get(f"/api/tasks/{task.pk}/").json()["contributions"]
    assert {one["member"]["username"]: one["taken_out"] for one in row}["mallory"] == theirs


def test_leaders_find_it_on_the_tasks_page(
    browser: Callable[..., Client], task: Task, mallory: User, alice: User, bob: User
) -> None:
    page, address = f"/tasks/{task.pk}/", f"/tasks/{task.pk}/take-out/"
    assert "Take results out" not in words(browser(bob).get(page))
    assert "Take results out" in words(browser(alice).get(page))
    asks = browser(alice).get(address)
    assert "mallory" in words(asks)
    assert "bob" not in words(asks).split("Member")[1], "nothing of his counts"
    wrong = browser(alice).post(address, {"member": str(bob.pk)})
    assert wrong.status_code == 422 or "valid choice" in words(wrong)
    done = browser(alice).post(address, {"member": str(mallory.pk), "reason": "Bad memory."})
    assert done.status_code == 302
    assert "Taken out" in words(browser(alice).get(page))
    assert AuditEntry.objects.filter(action="results_taken_out").count() == 1
