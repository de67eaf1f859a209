"""What is taken out while a conclusion runs is not delivered, and what comes later is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from pytest_django import Settings

from accounts.models import Notification, User
from core.errors import Conflict
from tasks import states
from tasks.models import Standing, Task, Worker
from tasks.queue import checks, lifecycle
from tasks.queue.answers import Granted
from tasks.queue.progress import outcome_of
from tasks.services import checking, conclude, verifying
from tasks.services.deliver import result_of
from tasks.services.split import split_task
from tasks.services.taking_out import take_out, take_out_of_all
from tests.tasks.conftest import conclude as concluded
from tests.tasks.services.test_checking import MEAN, NUMBERS, lie

Split = Callable[..., Task]
Lease = Callable[[Worker], Granted | None]
Work = Callable[[Worker], int]
Jobs = Callable[[], list[str]]
Meanwhile = Callable[[Callable[[], Any]], None]


@pytest.fixture(autouse=True)
def _nothing_is_delivered_first(settings: Settings) -> None:
    settings.CALL_SECONDS = 0


@pytest.fixture
def tower(bob: User) -> Worker:
    return Worker.objects.create(owner=bob, name="tower")


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Meanwhile:
    """meanwhile(act): the next conclusion does that when it has read the results, once."""

    def let(act: Callable[[], Any]) -> None:
        combine, acts = conclude.calls.conclude, [act]

        def slow(*args: Any, **options: Any) -> Any:
            try:
                return combine(*args, **options)
            finally:
                if acts:
                    acts.pop()()

        monkeypatch.setattr(conclude.calls, "conclude", slow)

    return let


def mean_of(task: Task) -> float:
    return float(json.loads(result_of(task))["mean"])


@pytest.fixture
def lied(split: Split, lease: Lease, work: Work, attic: Worker, laptop: Worker) -> Task:
    """Mallory has lied with the first subtask, and the rest is right."""
    task = split(kind="MEAN", numbers=NUMBERS, verify="none")
    lie(lease(attic), attic)
    work(laptop)
    return task


def test_a_conclusion_notices_what_a_moderator_takes_out_beside_it(
    lied: Task,
    work: Work,
    laptop: Worker,
    mallory: User,
    alice: User,
    meanwhile: Meanwhile,
    jobs_sent: Jobs,
) -> None:
    """The moderator's page was made while the task ran."""
    stale = Task.objects.get(pk=lied.pk)
    meanwhile(lambda: take_out(user=alice, task=stale, member=mallory.pk))
    jobs_sent()
    assert concluded(lied).status == states.RUNNING
    assert "tasks.split" in jobs_sent()
    split_task(str(lied.pk))
    work(laptop)
    assert concluded(lied).status == states.SUCCEEDED
    assert mean_of(lied) == MEAN


def test_a_task_does_not_fail_for_what_is_taken_out_beside_it(
    lied: Task, mallory: User, alice: User, meanwhile: Meanwhile, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_off(*_: Any, **__: Any) -> None:
        raise conclude.NotConcluded("combine_failed", "They do not fit together.")

    monkeypatch.setattr(conclude.calls, "conclude", break_off)
    stale = Task.objects.get(pk=lied.pk)
    meanwhile(lambda: take_out(user=alice, task=stale, member=mallory.pk))
    assert concluded(lied).status == states.RUNNING


def test_when_the_result_is_being_delivered_it_is_too_late_to_take_anything_out(
    lied: Task, mallory: User, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    stale, refusals = Task.objects.get(pk=lied.pk), []
    row = Standing.objects.create(
        group_id=lied.group_id, owner=mallory, kind="MEAN", version=lied.kind_version
    )
    store = conclude.blobs.put_result

    def too_late(*args: Any) -> None:
        for act in (
            lambda: take_out(user=alice, task=stale, member=mallory.pk),
            lambda: take_out_of_all(row, by=alice),
        ):
            with pytest.raises(Conflict) as refused:
                act()
            refusals.append(str(refused.value))
        store(*args)

    monkeypatch.setattr(conclude.blobs, "put_result", too_late)
    assert concluded(lied).status == states.SUCCEEDED
    assert refusals[0] == "The task is ending: its result is being delivered."
    assert len(refusals) == 2
    assert not Notification.objects.filter(user=mallory).exists()


def test_a_conclusion_notices_a_disagreement_that_takes_something_out_beside_it(
    split: Split,
    lease: Lease,
    work: Work,
    attic: Worker,
    laptop: Worker,
    tower: Worker,
    meanwhile: Meanwhile,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A comparison that began before it ends while the partials are combined."""
    task = split(kind="MEAN", numbers=NUMBERS, verify="all")
    lie(lease(attic), attic)
    work(laptop)
    work(tower)
    checking.compare_answers(str(task.pk))
    work(tower)
    monkeypatch.setattr(conclude, "_waits_for_checks", lambda task: False)
    meanwhile(lambda: checking._compare_some(task, is_last_chance=False))
    assert concluded(task).status == states.SUCCEEDED
    assert mean_of(task) == MEAN, "the confirmed answer has taken the place of the lie"
    assert task.checked
    assert (task.checked.disagreements, task.checked.checked_share) == (1, 1.0)


def test_no_check_is_settled_when_the_result_is_being_delivered(
    split: Split, lease: Lease, work: Work, attic: Worker, laptop: Worker, tower: Worker
) -> None:
    task = split(kind="MEAN", numbers=NUMBERS, verify="auto")
    lie(lease(attic), attic)
    for worker in (laptop, tower):
        work(worker)
    outcome = outcome_of(task.group_id, task.pk).now()
    assert outcome
    assert lifecycle.seal(task.group_id, task.pk, outcome).now()
    (check, *_) = checks.unsettled(task.group_id, task.pk, most=9, bytes_max=2**20).now()
    settled = checks.settle(
        task.group_id, task.pk, check=check, how=checks.CONFIRMED, wrong=[str(attic.owner_id)]
    )
    assert not settled.now().settled
    assert not checks.recheck(task.group_id, task.pk, attic.owner_id or "").now().parts


def test_a_second_attempt_does_not_deliver_what_was_sealed_as_pending(
    split: Split,
    work: Work,
    laptop: Worker,
    tower: Worker,
    settings: Settings,
) -> None:
    """Nothing would be compared any more, so nothing may be promised."""
    settings.CALL_SECONDS = 100
    task = split(kind="MEAN", numbers=NUMBERS, verify="auto")
    work(laptop)
    outcome = outcome_of(task.group_id, task.pk).now()
    assert outcome
    assert lifecycle.seal(task.group_id, task.pk, outcome).now()
    again = outcome_of(task.group_id, task.pk).now()
    assert again
    assert again.sealed
    assert verifying.pending_verification(task, again) is None


def test_a_task_that_goes_on_may_be_taken_out_of_again(
    lied: Task, mallory: User, alice: User
) -> None:
    """An attempt died when it was about to deliver, and the next one finds a wrong part."""
    outcome = outcome_of(lied.group_id, lied.pk).now()
    assert outcome
    assert lifecycle.seal(lied.group_id, lied.pk, outcome).now()
    conclude.retraction.take_out(lied, outcome, {1: "It cannot be right."})
    assert take_out(user=alice, task=lied, member=mallory.pk) > 0


def test_what_is_gone_is_sealed(lied: Task) -> None:
    """Nothing can be taken out of it, so nobody has to be asked."""
    outcome = outcome_of(lied.group_id, lied.pk).now()
    assert outcome
    lifecycle.close(lied.group_id, lied.pk).now()
    assert lifecycle.seal(lied.group_id, lied.pk, outcome).now()
