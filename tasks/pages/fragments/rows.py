"""Tasks as lists show them: how far each is, or how it ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from tasks import states
from tasks.estimates import in_words, time_left
from tasks.models import Task
from tasks.names import member_name
from tasks.pages import timeline
from tasks.selectors import contributions, task_progress
from tasks.selectors.task_progress import TaskProgress

SAYS_CHARS_MAX = 120


@dataclass(frozen=True)
class TaskRow:
    """One task in a list.

    `says` is what is left to do, why it waits, or how it ended. `percent` is None if it has ended.
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
    """The rows of these tasks, whose groups and creators are loaded already.

    It takes two queries and one round trip to Redis, and one more for each task that waits.
    """
    stands = task_progress.of_tasks(tasks)
    workers = contributions.counts(tasks, stands)
    return [_row(task, stands[task.pk], workers[task.pk]) for task in tasks]


def _row(task: Task, stands: TaskProgress, workers: int) -> TaskRow:
    return TaskRow(
        id=task.pk,
        status=task.status,
        title=task.title or task.kind,
        kind=task.kind,
        creator=member_name(task.creator),
        group=task.group.name,
        created=task.created,
        subtasks=stands.total,
        workers=workers,
        percent=None if task.is_final else task_progress.percent(stands),
        says=_says(task, stands)[:SAYS_CHARS_MAX],
    )


def _says(task: Task, stands: TaskProgress) -> str:
    if task.status == states.SUCCEEDED:
        return f"took {_took(task)}"
    if task.is_final:
        return task.error_message or task.status
    if task.status == states.AGGREGATING:
        return "the result is being combined"
    if reason := task_progress.waiting_reason(task, stands):
        return reason
    if not stands.is_split:
        return ""
    open_subtasks = stands.total - stands.done - stands.failed
    left = time_left(open_subtasks, [stands.rate])
    return f"{in_words(left)} left" if left else ""


def _took(task: Task) -> str:
    if not (task.finished and task.started):
        return "no time"
    return timeline.span(int((task.finished - task.started).total_seconds() * 1000))
