"""What was little work is delivered first and checked afterwards; what was wrong is withdrawn."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Notification, User
from core import redis
from groups.models import Group, Membership
from tasks import blobs, event_log, states
from tasks.models import Contribution, Task, TaskHistory, Worker
from tasks.queue import sweeping
from tasks.queue.answers import Granted
from tasks.queue.keys import base_key
from tasks.queue.progress import progress_of
from tasks.queue.room import reserved_by
from tasks.selectors import history
from tasks.services import checking, files, pending
from tasks.services.checking import compare_answers
from tasks.services.conclude import conclude_task
from tasks.services.deliver import ResultWithdrawn, headers_of, result_of
from tasks.services.departures import cancel_tasks_of_member
from tasks.services.split import split_task
from tasks.services.sweep import fail_overdue, purge, reconcile
from tests.tasks.conftest import compute, conclude
from tests.tasks.services.test_checking import MEAN, NUMBERS, lie
from tests.tasks.services.test_verifying import Online, online, tower

__all__ = ["online", "tower"]
Split = Callable[..., Task]
Lease = Callable[[Worker], Granted | None]
Work = Callable[[Worker], int]
Jobs = Callable[[], list[str]]


@pytest.fixture(autouse=True)
def _all_of_it_is_little_work(settings: Settings) -> None:
    settings.CALL_SECONDS = 100


@pytest.fixture
def third(group: Group, carol: User) -> Worker:
    Membership.objects.create(group=group, user=carol)
    return Worker.objects.create(owner=carol, name="third")


@pytest.fixture
def delivered(
    split: Split, work: Work, laptop: Worker, tower: Worker, third: Worker, online: Online
) -> Task:
    """Alice's laptop did all of it honestly, and nobody has checked it yet."""
    task = split(kind="MEAN", numbers=NUMBERS, verify="auto")
    online(laptop, tower, third)
    work(laptop)
    return conclude(task)


@pytest.fixture
def lied(
    split: Split,
    work: Work,
    lease: Lease,
    laptop: Worker,
    tower: Worker,
    third: Worker,
    online: Online,
) -> Task:
    """Alice's laptop lied with the first subtask, and the result was delivered."""
    task = split(kind="MEAN", numbers=NUMBERS, verify="auto")
    online(laptop, tower, third)
    lie(lease(laptop), laptop)
    work(laptop)
    return conclude(task)


def run_jobs(task: Task) -> Task:
    """What the jobs do that were asked for."""
    compare_answers(str(task.pk))
    return conclude(task)


def caught(task: Task, work: Work, *others: Worker) -> Task:
    """Others check it, until the liar is found."""
    for other in others:
        work(other)
        run_jobs(task)
    return task


def said(task: Task) -> tuple[str, str]:
    task.refresh_from_db()
    assert task.checked
    return task.checked.how, task.checked.reason


def told(user: User, code: str) -> list[str]:
    return list(Notification.objects.filter(user=user, code=code).values_list("text", flat=True))


def happened(task: Task) -> list[str]:
    """The latest first."""
    return [event["what"] for event in history.events(task)]


def mean_of(task: Task) -> float:
    return float(json.loads(result_of(task))["mean"])


# Delivered first


def test_little_work_is_delivered_while_others_check_it(delivered: Task, bob: User) -> None:
    assert delivered.status == states.SUCCEEDED
    assert delivered.is_pending
    assert said(delivered) == ("pending", "")
    assert mean_of(delivered) == MEAN
    assert "Being checked" in headers_of(delivered)["Firmlight-Verification"]
    (text,) = told(bob, "task_finished")
    assert "Being checked: other members compute it again." in text
    assert Contribution.objects.get(task=delivered).subtasks == 16


def test_what_it_needs_stays_and_counts_until_its_checks_are_over(
    delivered: Task, work: Work, tower: Worker
) -> None:
    assert reserved_by(delivered.pk)[0] > 0
    assert blobs.get_input(delivered.group_id, delivered.pk)
    for _ in range(2):
        reconcile()
        purge()
    assert reserved_by(delivered.pk)[0] > 0
    assert progress_of(delivered.group_id, delivered.pk).now()
    work(tower)
    run_jobs(delivered)
    assert progress_of(delivered.group_id, delivered.pk).now() is None
    assert not sweeping.tasks_with_state(delivered.group_id)
    assert blobs.get_input(delivered.group_id, delivered.pk) is None


def test_a_large_input_stays_in_its_file_as_long(
    delivered: Task, folder: Any, settings: Settings, later: Callable[[float], None]
) -> None:
    file = "inputs/one"
    files.note(delivered, file, 5)
    Task.objects.filter(pk=delivered.pk).update(finished=timezone.now())
    later(settings.FILE_GRACE_HOURS + 1)
    files.purge()
    assert files.of_task(delivered.pk)
    Task.objects.filter(pk=delivered.pk).update(pending_until=None)
    files.purge()
    assert not files.of_task(delivered.pk)


def test_when_all_agree_the_row_says_so_and_nothing_else_changes(
    delivered: Task, work: Work, tower: Worker, bob: User
) -> None:
    finished = delivered.finished
    work(tower)
    task = run_jobs(delivered)
    assert (task.status, task.is_pending, task.finished) == (states.SUCCEEDED, False, finished)
    assert said(task) == ("sample", "")
    assert task.checked
    assert (task.checked.checked_share, task.checked.owners) == (1.0, 1)
    assert mean_of(task) == MEAN
    assert len(told(bob, "task_finished")) == 1
    rows = Contribution.objects.filter(task=task).order_by("checks")
    assert [(row.subtasks, row.checks) for row in rows] == [(16, 0), (0, 16)]
    assert "confirmed" in happened(task)
    assert "delivered" in happened(task)


def test_its_history_goes_on_while_it_is_checked(
    delivered: Task, work: Work, tower: Worker
) -> None:
    work(tower)
    assert happened(delivered)[0] == "done", "nobody sees which leases are checks"
    assert "succeeded" not in happened(delivered), "the log itself says when it was delivered"
    run_jobs(delivered)
    kept = [entry[2] for entry in TaskHistory.objects.get(task=delivered).entries]
    assert "delivered" in kept
    assert set(kept) - set(event_log.GRANTED) >= {"done", "checked", "confirmed"}


@pytest.mark.parametrize(
    "change",
    [
        {"CALL_SECONDS": 1e-6},  # it took more
        {"VERIFY_PENDING_SECONDS": 0},
        {"VERIFY_PENDING_TASKS_MAX": 0},
    ],
)
def test_what_is_no_little_work_or_one_too_many_waits(
    split: Split,
    work: Work,
    laptop: Worker,
    tower: Worker,
    online: Online,
    settings: Settings,
    change: dict[str, float],
) -> None:
    for name, value in change.items():
        setattr(settings, name, value)
    task = split(kind="MEAN", numbers=NUMBERS, verify="auto")
    online(laptop, tower)
    work(laptop)
    assert conclude(task).status == states.RUNNING


def test_what_demands_checks_of_everything_waits(
    split: Split, work: Work, laptop: Worker, tower: Worker, online: Online
) -> None:
    task = split(kind="MEAN", numbers=NUMBERS, verify="all")
    online(laptop, tower)
    work(laptop)
    assert conclude(task).status == states.RUNNING


def test_what_nobody_can_check_is_not_pending(split: Split, work: Work, laptop: Worker) -> None:
    task = split(kind="MEAN", numbers=NUMBERS, verify="auto")
    work(laptop)
    assert conclude(task).status == states.SUCCEEDED
    assert not task.is_pending
    assert said(task) == ("check", "one_owner")


# Its checks end


def test_checks_that_nobody_makes_end(delivered: Task, jobs_sent: Jobs) -> None:
    jobs_sent()
    reconcile()
    assert jobs_sent() == [], "there is time"
    Task.objects.filter(pk=delivered.pk).update(pending_until=timezone.now())
    reconcile()
    assert jobs_sent() == ["tasks.conclude"]
    task = conclude(delivered)
    assert (task.status, task.is_pending) == (states.SUCCEEDED, False)
    assert said(task) == ("check", "timed_out")
    assert not sweeping.tasks_with_state(task.group_id)


def test_it_waits_for_somebody_who_can_make_them(
    delivered: Task, work: Work, third: Worker, online: Online, jobs_sent: Jobs
) -> None:
    redis.connect().delete(f"fl:{{{delivered.group_id}}}:workers:{delivered.kind_key}")
    jobs_sent()
    reconcile()
    assert jobs_sent() == []
    assert conclude(delivered).is_pending
    online(third)
    work(third)
    assert said(run_jobs(delivered)) == ("sample", "")


def test_two_who_differ_to_the_end_make_it_doubtful(
    lied: Task, work: Work, tower: Worker, bob: User
) -> None:
    work(tower)
    task = run_jobs(lied)
    assert said(task) == ("pending", ""), "a third owner is asked"
    Task.objects.filter(pk=task.pk).update(pending_until=timezone.now())
    task = conclude(task)
    assert task.status == states.SUCCEEDED
    assert said(task) == ("sample", "undecided")
    (text,) = told(bob, "result_undecided")
    assert "may be wrong" in text


def test_what_the_queue_has_lost_is_not_checked_any_more(delivered: Task) -> None:
    for name in redis.connect().scan_iter(f"{base_key(delivered.group_id)}:t:{delivered.pk}*"):
        redis.connect().delete(name)
    reconcile()
    task = conclude(delivered)
    assert (task.status, task.is_pending) == (states.SUCCEEDED, False)
    assert said(task) == ("none", "timed_out")
    assert mean_of(task) == MEAN


def test_answers_that_come_while_it_is_delivered_are_not_forgotten(
    split: Split, work: Work, laptop: Worker, tower: Worker, online: Online, jobs_sent: Jobs
) -> None:
    task = split(kind="MEAN", numbers=NUMBERS, verify="auto")
    online(laptop, tower)
    work(laptop)
    Task.objects.filter(pk=task.pk).update(status=states.AGGREGATING, conclude_attempts=1)
    work(tower)
    compare_answers(str(task.pk))  # in vain
    jobs_sent()
    conclude(task, attempt=1)
    assert task.is_pending
    assert "tasks.compare" in jobs_sent()


def test_when_its_submitter_leaves_its_checks_end(delivered: Task, group: Group, bob: User) -> None:
    cancel_tasks_of_member(group_id=group.pk, user_id=bob.pk)
    delivered.refresh_from_db()
    assert (delivered.status, delivered.is_pending) == (states.SUCCEEDED, False)
    assert not sweeping.tasks_with_state(group.pk)


def test_what_its_group_leaves_behind_is_purged(delivered: Task, group: Group) -> None:
    Task.objects.filter(pk=delivered.pk).delete()
    reconcile()
    assert not sweeping.tasks_with_state(group.pk)


# Withdrawn


def test_a_result_that_was_wrong_is_withdrawn_and_replaced(
    lied: Task, work: Work, tower: Worker, third: Worker, laptop: Worker, bob: User, alice: User
) -> None:
    assert mean_of(lied) != MEAN
    task = caught(lied, work, tower, third)
    task.refresh_from_db()
    assert (task.status, task.is_pending, task.finished) == (states.RUNNING, False, None)
    assert task.withdrawn
    assert said(task) == ("none", "withdrawn")
    with pytest.raises(ResultWithdrawn):
        result_of(task)
    (text,) = told(bob, "result_withdrawn")
    assert "is withdrawn" in text
    assert told(alice, "wrong_result")
    split_task(str(task.pk))
    for worker in (tower, third):
        work(worker)
    compare_answers(str(task.pk))
    task = conclude(task)
    assert task.status == states.SUCCEEDED
    assert not task.is_pending
    assert mean_of(task) == MEAN
    assert task.checked
    assert (task.checked.disagreements, task.checked.replaces) == (1, True)
    assert task.checked.sentence.endswith("this result replaces one that was withdrawn.")
    assert len(told(bob, "task_finished")) == 2
    assert not sweeping.tasks_with_state(task.group_id)


def test_what_was_done_counts_once(
    lied: Task, work: Work, tower: Worker, third: Worker, laptop: Worker
) -> None:
    task = caught(lied, work, tower, third)
    split_task(str(task.pk))
    for worker in (tower, third):
        work(worker)
    compare_answers(str(task.pk))
    conclude(task)
    rows = Contribution.objects.filter(task=task)
    assert sum(row.subtasks for row in rows) == 16
    assert sum(row.share for row in rows) == pytest.approx(100, abs=0.1)
    assert {"delivered", "taken_out", "withdrawn"} < set(happened(task))
    assert happened(task)[0] == "succeeded"


def test_it_waits_for_its_checks_the_second_time(
    lied: Task, work: Work, lease: Lease, tower: Worker, third: Worker
) -> None:
    task = caught(lied, work, tower, third)
    split_task(str(task.pk))
    while granted := lease(third):
        compute(granted, third)
    assert conclude(task).status == states.RUNNING


@pytest.mark.parametrize("repeats", [1, 2])
def test_a_job_that_died_before_it_withdrew_is_repeated_by_the_sweep(
    lied: Task, work: Work, tower: Worker, third: Worker, jobs_sent: Jobs, bob: User, repeats: int
) -> None:
    for worker in (tower, third):
        work(worker)
        compare_answers(str(lied.pk))  # and the job that follows is lost
    jobs_sent()
    reconcile()
    assert "tasks.conclude" in jobs_sent()
    for _ in range(repeats):
        pending.follow(lied)  # as the row was before
    lied.refresh_from_db()
    assert lied.status == states.RUNNING
    assert len(told(bob, "result_withdrawn")) == 1


def test_what_was_withdrawn_is_split_again_by_the_sweep(
    lied: Task, work: Work, tower: Worker, third: Worker, jobs_sent: Jobs
) -> None:
    caught(lied, work, tower, third)
    jobs_sent()
    reconcile()
    assert "tasks.split" in jobs_sent()


def test_an_answer_that_took_the_place_of_a_wrong_one_is_delivered(
    lied: Task, work: Work, tower: Worker, laptop: Worker, third: Worker, jobs_sent: Jobs
) -> None:
    """The liar's other results are taken out as well, but for those that are taken out already."""
    work(tower)
    compare_answers(str(lied.pk))
    work(third)
    jobs_sent()
    run_jobs(lied)
    lied.refresh_from_db()
    assert lied.withdrawn
    assert "tasks.split" in jobs_sent()


def test_a_slow_attempt_does_not_deliver_what_was_withdrawn(
    lied: Task, work: Work, tower: Worker, third: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It began before the delivery by another attempt, and ends after the withdrawal."""
    from tasks.services import conclude as module

    task = caught(lied, work, tower, third)
    split_task(str(task.pk))
    for worker in (tower, third):
        work(worker)
    compare_answers(str(task.pk))
    Task.objects.filter(pk=task.pk).update(status=states.AGGREGATING, conclude_attempts=1)
    stale = Task.objects.get(pk=task.pk)
    stale.withdrawn = None
    monkeypatch.setattr(module, "_waits_for_checks", lambda task: False)
    module._conclude(stale, patient=False)
    task.refresh_from_db()
    assert task.status == states.AGGREGATING
    assert conclude(task, attempt=1).status == states.SUCCEEDED
    assert mean_of(task) == MEAN


def test_its_deadline_does_not_end_what_was_withdrawn(
    lied: Task, work: Work, tower: Worker, third: Worker
) -> None:
    task = caught(lied, work, tower, third)
    Task.objects.filter(pk=task.pk).update(deadline=timezone.now())
    fail_overdue()
    task.refresh_from_db()
    assert task.status == states.RUNNING


def test_of_two_who_end_it_at_the_same_time_one_withdraws(
    lied: Task, work: Work, tower: Worker, third: Worker, bob: User
) -> None:
    for worker in (tower, third):
        work(worker)
        compare_answers(str(lied.pk))
    assert Task.objects.filter(pk=lied.pk).withdraw() == 1
    assert Task.objects.filter(pk=lied.pk).withdraw() == 0
    conclude_task(str(lied.pk))
    assert not told(bob, "result_withdrawn"), "the other one tells it"


def test_only_what_is_pending_can_be_withdrawn(delivered: Task) -> None:
    Task.objects.filter(pk=delivered.pk).update(pending_until=None)
    assert Task.objects.filter(pk=delivered.pk).withdraw() == 0


def test_a_comparison_that_breaks_off_is_made_again(
    delivered: Task, work: Work, tower: Worker, monkeypatch: pytest.MonkeyPatch, jobs_sent: Jobs
) -> None:
    def die(*_: Any, **__: Any) -> bool:
        raise RuntimeError

    work(tower)
    with monkeypatch.context() as patched, pytest.raises(RuntimeError):
        patched.setattr(checking, "_compare_some", die)
        compare_answers(str(delivered.pk))
    jobs_sent()
    reconcile()
    assert jobs_sent() == ["tasks.compare"]
    assert run_jobs(delivered).is_pending is False
