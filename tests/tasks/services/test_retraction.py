"""What cannot be right is taken out again, and costs its sender their standing."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Notification, User
from firmlight_client import kinds
from tasks import states
from tasks.models import Standing, Task, Worker
from tasks.queue import checks, leasing
from tasks.queue.answers import Granted
from tasks.queue.progress import progress_of
from tasks.services.checking import compare_answers
from tasks.services.deliver import result_of
from tasks.services.split import split_task
from tasks.services.standing import note_agreement
from tasks.services.sweep import reconcile
from tests.tasks.conftest import compute, conclude

Split = Callable[..., Task]
Lease = Callable[[Worker], Granted | None]
Work = Callable[[Worker], int]


@pytest.fixture
def honest(bob: User) -> Worker:
    return Worker.objects.create(owner=bob, name="honest")


def lie(granted: Granted | None, worker: Worker, partial: Any, *, decided: bool = False) -> None:
    assert granted
    call = leasing.complete(
        granted.lease,
        worker=worker.pk,
        subtasks=granted.subtasks,
        partial=msgspec.msgpack.encode(partial),
        decided=decided,
        proves=decided,
    )
    assert call.now().reason == ""


def done_anew(task: Task, work: Work, worker: Worker) -> Any:
    """Have what was taken out done by an honest worker; the result."""
    assert conclude(task).status == states.RUNNING
    split_task(str(task.pk))
    work(worker)
    assert conclude(task).status == states.SUCCEEDED
    return json.loads(result_of(task))


def test_a_sum_that_says_too_much_is_computed_again(
    split: Split, lease: Lease, work: Work, laptop: Worker, honest: Worker
) -> None:
    task = split(kind="MEAN", numbers=[1.0] * 40_000, verify="none")
    kind = kinds.get("MEAN")
    lie(lease(laptop), laptop, kind.run(b"\0\0\0\0\x60\xe3\x36\x41" * 32))
    work(honest)
    result = done_anew(task, work, honest)
    assert (result["count"], result["mean"]) == (40_000, 1.0)


def test_a_call_that_answers_another_is_computed_again(
    split: Split, lease: Lease, work: Work, laptop: Worker, honest: Worker
) -> None:
    task = split(kind="MEAN[]", calls=[{"numbers": [1.0, 2.0]}, {"numbers": [3.0]}])
    first = lease(honest)
    second = lease(laptop)
    assert first
    assert second
    compute(first, honest)
    kind = kinds.get("MEAN[]")
    answer = kind.run(msgspec.msgpack.decode(first.payloads[0]))
    lie(second, laptop, answer)  # of subtask 1, and it speaks for subtask 0
    result = done_anew(task, work, honest)
    assert [call["mean"] for _, call in result["results"]] == [1.5, 3.0]


def test_a_decision_that_proves_nothing_is_taken_out(
    split: Split, lease: Lease, work: Work, laptop: Worker, honest: Worker
) -> None:
    task = split(kind="FACTORIZATION", number="91")
    lie(lease(laptop), laptop, [["5", 1], ["11", 1]], decided=True)
    result = done_anew(task, work, honest)
    assert result["factors"] == [["7", 1], ["13", 1]]


def test_the_liar_loses_its_standing_and_owner_and_leaders_are_told(
    split: Split, lease: Lease, laptop: Worker, honest: Worker, alice: User
) -> None:
    task = split(count=1)
    Standing.objects.create(
        group_id=task.group_id, owner=alice, kind="ECHO", version=task.kind_version, agreements=50
    )
    lie(lease(laptop), laptop, [1, 7, []])
    conclude(task)
    standing = Standing.objects.get(owner=alice)
    assert (standing.agreements, standing.disagreements_total) == (0, 1)
    (notice,) = Notification.objects.filter(user=alice, code="wrong_result")
    assert "laptop" in notice.text
    assert "firmlight doctor --compute" in notice.text


def test_two_conclusions_at_once_hold_it_against_them_once(
    split: Split, lease: Lease, laptop: Worker, alice: User
) -> None:
    task = split(count=1)
    lie(lease(laptop), laptop, [1, 7, []])
    conclude(task)
    Task.objects.filter(pk=task.pk).update(status=states.RUNNING)
    conclude(task)
    assert Standing.objects.get(owner=alice).disagreements_total == 1


def test_the_sweep_finds_what_was_taken_out_and_not_put_back(
    split: Split,
    lease: Lease,
    laptop: Worker,
    jobs_sent: Callable[[], list[str]],
    settings: Settings,
) -> None:
    """The job that makes the payloads anew was lost."""
    task = split(count=1)
    lie(lease(laptop), laptop, [1, 7, []])
    conclude(task)
    jobs_sent()
    settings.SPLIT_QUIET_SECONDS_MAX = 0.1
    Task.objects.filter(pk=task.pk).update(changed=timezone.now())
    reconcile()
    assert jobs_sent() == ["tasks.split"]
    split_task(str(task.pk))
    progress = progress_of(task.group_id, task.pk).now()
    assert progress
    assert (progress.redo, progress.waiting) == (0, 1)


def test_a_check_that_stumbles_over_a_partial_costs_its_sender_and_not_the_task(
    split: Split,
    lease: Lease,
    work: Work,
    laptop: Worker,
    honest: Worker,
) -> None:
    task = split(count=1)
    lie(lease(laptop), laptop, [None, {}, "x"])
    assert done_anew(task, work, honest)["count"] == 1


def test_what_else_the_liar_did_for_the_task_is_checked_then(
    split: Split, lease: Lease, work: Work, laptop: Worker, honest: Worker, settings: Settings
) -> None:
    settings.LEASE_SUBTASKS_MAX = 4
    task = split(kind="MEAN", numbers=[1.0] * 40_000, verify="auto")
    note_agreement(task.group_id, laptop.owner_id or "", "MEAN", task.kind_version, 10**9)
    kind = kinds.get("MEAN")
    lie(lease(laptop), laptop, kind.run(b"\0\0\0\0\x60\xe3\x36\x41" * 32))
    work(laptop)
    assert conclude(task).status == states.RUNNING
    found = checks.lacking_payloads(task.group_id, task.pk)
    progress = progress_of(task.group_id, task.pk).now()
    assert progress
    assert progress.redo == 1
    assert set().union(*found.values()) == set(range(1, progress.split))
    split_task(str(task.pk))
    work(honest)
    compare_answers(str(task.pk))
    assert conclude(task).status == states.SUCCEEDED
    assert task.checked
    assert task.checked.checked_share > 0.9
