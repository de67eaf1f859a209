"""The history of a task, while it lives and afterwards."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import pytest
from pytest_django import Settings
from rest_framework.test import APIClient

from accounts.models import User
from tasks.event_log import Entry
from tasks.models import Task, TaskHistory, Worker
from tasks.queue import connections, leasing, task_log
from tasks.queue.answers import Granted
from tasks.selectors.history import events, of_task
from tasks.services.conclude import conclude_task
from tasks.services.control import cancel, pause, resume

Work = Callable[..., int]


def history(task: Task) -> list[str]:
    """The sentences, the oldest first."""
    return [line["text"] for line in reversed(events(task))]


def finish(task: Task) -> Task:
    conclude_task(str(task.pk))
    task.refresh_from_db()
    return task


def test_the_story_of_a_task_from_submit_to_result(
    split: Callable[..., Task], work: Work, laptop: Worker
) -> None:
    task = split(count=1)
    assert history(task)[:3] == ["bob submitted it.", "Its split began.", "Split into 1 subtask."]
    work(laptop)
    live = history(task)
    assert live[3:] == ["alice / laptop took 1 subtask.", "alice / laptop did 1 subtask."]
    task = finish(task)
    assert history(task) == [*live, "The result is complete."], "what was shown live stays"


def test_losses_and_failures_name_the_worker_and_the_subtask(
    split: Callable[..., Task], lease: Callable[..., Granted], laptop: Worker
) -> None:
    task = split(count=2)
    held = lease(laptop)
    leasing.fail(
        held.lease, worker=laptop.pk, subtask=0, error="ValueError", message="no", seconds=0
    ).now()
    lease(laptop)
    connections.leave(
        task.group_id,
        worker=laptop.pk,
        conn="conn-laptop",
        kinds=[task.kind_key],
        how=connections.LOST,
    ).now()
    lines = history(task)
    assert "alice / laptop failed on subtask 0: ValueError." in lines
    assert "alice / laptop was lost with 1 subtask: others do them." in lines


def test_pause_and_cancel_are_told(split: Callable[..., Task], alice: User) -> None:
    task = split(count=2)
    pause(user=alice, task=task)
    resume(user=alice, task=task)
    cancel(user=alice, task=task)
    task.refresh_from_db()
    assert history(task)[-3:] == ["Paused.", "Resumed.", "It was cancelled."]


def test_a_worker_that_is_no_more_is_still_told_of(
    split: Callable[..., Task], work: Work, laptop: Worker
) -> None:
    task = split(count=1)
    work(laptop)
    laptop.delete()
    assert "A former worker did 1 subtask." in history(task)


def test_a_finished_task_keeps_its_latest_events_and_thinned_bars(
    split: Callable[..., Task], work: Work, laptop: Worker, settings: Settings
) -> None:
    settings.HISTORY_EVENTS_MAX, settings.HISTORY_BARS_MAX = 3, 1
    task = split(count=40)
    work(laptop)
    task = finish(task)
    row = TaskHistory.objects.get(task=task)
    assert len(row.entries) == 3
    assert sum(bar.done for bar in of_task(task).bars) == 40
    assert len(row.bars) == 1


def test_a_second_conclusion_tells_nothing_twice(
    split: Callable[..., Task], work: Work, laptop: Worker
) -> None:
    task = split(count=3)
    work(laptop)
    conclude_task(str(task.pk))
    conclude_task(str(task.pk), attempt=1)
    assert TaskHistory.objects.filter(task=task).count() == 1


def test_the_log_is_read_from_where_the_reader_stands(
    split: Callable[..., Task], work: Work, laptop: Worker
) -> None:
    task = split(count=2)
    first = task_log.log(task.group_id, task.pk)
    work(laptop)
    rest = task_log.log(task.group_id, task.pk, after=first[-1].number)
    assert [entry.number for entry in [*first, *rest]] == [
        entry.number for entry in task_log.log(task.group_id, task.pk)
    ]
    assert task_log.log(task.group_id, task.pk, after=rest[-1].number) == []


def test_what_is_logged_while_the_log_is_read_takes_nothing_away(
    split: Callable[..., Task],
    laptop: Worker,
    work: Callable[[Worker], int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Between the look at its length and the look at its end more is written."""
    task, latest = split(count=6), task_log._latest
    start = task_log.log(task.group_id, task.pk)[-1].number

    def meanwhile(group: UUID, task_id: UUID, count: int) -> list[Entry]:
        found = latest(group, task_id, count)
        if count == 1:
            work(laptop)
        return found

    leasing.lease(
        task.group_id, worker=laptop.pk, owner=laptop.pk, conn="c", kinds=["ECHO@1"]
    ).now()
    monkeypatch.setattr(task_log, "_latest", meanwhile)
    numbers = [entry.number for entry in task_log.log(task.group_id, task.pk, after=start)]
    assert len(numbers) > 2
    assert numbers == list(range(start + 1, start + 1 + len(numbers)))


@pytest.mark.parametrize("person", ["alice", "bob"])
def test_members_read_the_events_page_by_page(
    split: Callable[..., Task],
    api: Callable[..., APIClient],
    request: pytest.FixtureRequest,
    person: str,
) -> None:
    task = split(count=1)
    found = api(request.getfixturevalue(person)).get(f"/api/tasks/{task.pk}/events/").json()
    assert (found["count"], found["next"]) == (3, None)
    assert found["results"][0]["what"] == "split"


def test_strangers_find_no_events(
    split: Callable[..., Task], api: Callable[..., APIClient], carol: User
) -> None:
    assert api(carol).get(f"/api/tasks/{split(count=1).pk}/events/").status_code == 404
