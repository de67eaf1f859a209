"""Tasks as lists show them: how far each is, or what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from tasks import states
from tasks.estimates import in_words, time_left
from tasks.models import Task
from tasks.pages import timeline
from tasks.selectors import contributions, standing
from tasks.selectors.standing import Standing

SAYS_CHARS_MAX = 120


@dataclass(frozen=True)
class TaskRow:
    """`says`: what is left to do, why it waits, or how it ended. `percent` is None where none is
    shown.
    """

    id: UUID
    status: str
    title: str
    kind: str
    creator: str
    group: str
    created: datetime
    subtasks: int
    workers: int
    percent: float | None
    says: str


def task_rows(tasks: Sequence[Task]) -> list[TaskRow]:
    """Two queries and a round trip to Redis for all; one more for each that waits. Needs their
    groups and creators.
    """
    stands = standing.of_tasks(tasks)
    workers = contributions.counts(tasks, stands)
    return [_row(task, stands[task.pk], workers[task.pk]) for task in tasks]


def _row(task: Task, stands: Standing, workers: int) -> TaskRow:
    return TaskRow(
        id=task.pk,
        status=task.status,
        title=task.title or task.kind,
        kind=task.kind,
        creator=task.creator.username if task.creator else "somebody who left",
        group=task.group.name,
        created=task.created,
        subtasks=stands.total,
        workers=workers,
        percent=None if task.is_final else standing.percent(stands),
        says=_says(task, stands)[:SAYS_CHARS_MAX],
    )


def _says(task: Task, stands: Standing) -> str:
    if task.status == states.SUCCEEDED:
        return f"took {_took(task)}"
    if task.is_final:
        return task.error_message or task.status
    if task.status == states.AGGREGATING:
        return "the result is put together"
    if reason := standing.waiting_reason(task, stands):
        return reason
    left = (
        time_left(stands.total - stands.done - stands.failed, [stands.rate])
        if stands.is_split
        else None
    )
    return f"{in_words(left)} left" if left else ""


def _took(task: Task) -> str:
    if not (task.finished and task.started):
        return "no time"
    return timeline.span(int((task.finished - task.started).total_seconds() * 1000))
