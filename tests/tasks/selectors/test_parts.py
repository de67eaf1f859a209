"""Which result of a task came from whom, while it lives and afterwards."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings
from rest_framework.test import APIClient

from accounts.models import User
from tasks.models import Task, TaskHistory, Worker
from tasks.queue import parts as queue_parts
from tasks.queue.answers import Granted
from tasks.selectors import history
from tasks.selectors.parts import of_task
from tasks.services.checking import compare_answers
from tasks.services.control import cancel
from tasks.services.split import split_task
from tests.support.pages import words
from tests.tasks.conftest import compute, conclude

Lease = Callable[[Worker], Granted | None]
NUMBERS, SUBTASKS = [1.0, 2.0] * 4_000, 8


@pytest.fixture
def tower(machine_of: Callable[[str, str], Worker]) -> Worker:
    return machine_of("dora", "tower")


@pytest.fixture
def task(
    split: Callable[..., Task], lease: Lease, work: Callable, laptop: Worker, tower: Worker
) -> Task:
    """The laptop has computed all of it, and the tower some of that again."""
    task = split(kind="MEAN", numbers=NUMBERS, verify="all")
    first = lease(laptop)
    assert first
    compute(first, laptop)
    check = lease(tower)
    assert check
    compute(check, tower)
    compare_answers(str(task.pk))
    while granted := lease(laptop):
        compute(granted, laptop)
    return task


@pytest.fixture
def desk(bob: User) -> Worker:
    return Worker.objects.create(owner=bob, name="desk")


def oldest(task: Task) -> dict[str, Any]:
    return of_task(task)[-1]


def finished(task: Task, workers: Sequence[Worker], work: Callable) -> Task:
    for _ in range(3):
        for worker in workers:
            work(worker)
        compare_answers(str(task.pk))
        split_task(str(task.pk))
    return conclude(task)


def test_each_says_whose_it_is_and_whether_another_member_agreed(
    task: Task, laptop: Worker, alice: User
) -> None:
    part, last = oldest(task), of_task(task)[0]
    assert part["worker"] == {"id": str(laptop.pk), "name": "laptop"}
    assert part["member"] == {"id": str(alice.pk), "username": "alice"}
    assert (part["number"], part["state"], part["why"]) == (0, "confirmed", "")
    assert last["state"] == "counts"
    assert sum(row["subtasks"] for row in of_task(task)) == SUBTASKS


def test_as_long_as_it_runs_nobody_can_tell_a_check_by_it(task: Task) -> None:
    assert {(row["ranges"], row["digest"]) for row in of_task(task)} == {(None, None)}


def test_afterwards_it_says_of_which_subtasks_each_is(
    task: Task, tower: Worker, laptop: Worker, work: Callable
) -> None:
    live = of_task(task)
    task = finished(task, [tower], work)
    kept = of_task(task)
    assert task.is_final
    assert [row["number"] for row in kept] == [row["number"] for row in live]
    covered = [
        subtask
        for row in kept
        for first, last in row["ranges"]
        for subtask in range(first, last + 1)
    ]
    assert sorted(covered) == list(range(SUBTASKS))
    assert {len(row["digest"]) for row in kept} == {64}
    assert {row["state"] for row in kept} == {"confirmed"}


def test_what_was_taken_out_says_why_and_is_kept_however_many_came_later(
    task: Task, tower: Worker, desk: Worker, work: Callable, settings: Settings
) -> None:
    queue_parts.retract(task.group_id, task.pk, parts=[0], message="It counts too much.").now()
    settings.HISTORY_PARTS_MAX = 1
    split_task(str(task.pk))
    task = finished(task, [tower, desk], work)
    kept = of_task(task)
    assert task.is_final
    assert len(kept) == 2
    assert (kept[1]["state"], kept[1]["why"]) == ("taken_out", "It counts too much.")


def test_a_task_from_before_has_no_list(task: Task, tower: Worker, work: Callable) -> None:
    task = finished(task, [tower], work)
    TaskHistory.objects.all().delete()
    assert of_task(task) == []


def test_checks_are_told_at_the_end_and_look_like_other_leases_before(
    split: Callable[..., Task], lease: Lease, laptop: Worker, tower: Worker, bob: User
) -> None:
    task = split(kind="MEAN", numbers=NUMBERS, verify="all")
    first = lease(laptop)
    assert first
    compute(first, laptop)
    check = lease(tower)
    assert check
    assert check.subtasks == first.subtasks
    assert [bar.how for bar in history.of_task(task).bars] == ["leased", "leased"]
    assert history.events(task)[0]["what"] == "leased"
    compute(check, tower)
    assert [bar.outcome for bar in history.of_task(task).bars] == ["done", "done"]
    assert history.events(task)[0]["what"] == "done"
    cancel(user=bob, task=task)
    task.refresh_from_db()
    assert [bar.outcome for bar in history.of_task(task).bars] == ["done", "checked"]
    (told,) = [event for event in history.events(task) if event["what"] == "checked"]
    assert told["worker"]["name"] == "tower"
    assert told["text"].endswith("again, to check them.")


def test_contributions_count_checks_by_themselves(
    api: Callable[..., APIClient], task: Task, tower: Worker, work: Callable, bob: User
) -> None:
    def of_tower() -> tuple[int, int, str]:
        rows = api(bob).get(f"/api/tasks/{task.pk}/").json()["contributions"]
        (row,) = [one for one in rows if one["worker"]["name"] == "tower"]
        return row["subtasks"], row["checks"], row["status"]

    assert of_tower() == (oldest(task)["subtasks"], 0, "working"), "it looks like work"
    finished(task, [tower], work)
    assert of_tower() == (0, SUBTASKS, "done"), "it had a part in it, though no result of it counts"


def test_the_page_lists_them(
    browser: Callable[..., Client],
    task: Task,
    tower: Worker,
    desk: Worker,
    work: Callable,
    bob: User,
) -> None:
    address = f"/tasks/{task.pk}/parts/"
    seen = words(browser(bob).get(address))
    assert "laptop alice" in seen
    assert "yes, confirmed by another member" in seen
    assert "shown when the task is over" in seen
    queue_parts.retract(task.group_id, task.pk, parts=[0], message="It counts too much.").now()
    assert "no, taken out It counts too much." in words(browser(bob).get(address))
    split_task(str(task.pk))
    finished(task, [tower, desk], work)
    assert "the latest are kept" in words(browser(bob).get(address))
