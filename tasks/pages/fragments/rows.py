"""Tasks as lists show them: how far each is, or how it ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Count

from tasks import states
from tasks.estimates import in_words, time_left
from tasks.models import Contribution, Task
from tasks.pages import timeline
from tasks.selectors import Standing, standing

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
    standings = standing.of_tasks(tasks)
    ended = [task.pk for task in tasks if task.is_final]
    contributions = Contribution.objects.filter(task__in=ended).order_by()
    workers = dict(contributions.values_list("task").annotate(Count("pk")))
    return [_row(task, standings[task.pk], workers) for task in tasks]


def _row(task: Task, standing: Standing, workers: Mapping[UUID, int]) -> TaskRow:
    return TaskRow(
        id=task.pk,
        status=task.status,
        title=task.title or task.kind,
        kind=task.kind,
        creator=task.creator.username if task.creator else "somebody who left",
        group=task.group.name,
        created=task.created,
        subtasks=standing.total,
        workers=workers.get(task.pk, 0) if standing.work is None else len(standing.work),
        percent=None if task.is_final else standing.percent(standing),
        says=_says(task, standing)[:SAYS_CHARS_MAX],
    )


def _says(task: Task, standing: Standing) -> str:
    if task.status == states.SUCCEEDED:
        return f"took {_took(task)}"
    if task.is_final:
        return task.error_message or task.status
    if task.status == states.AGGREGATING:
        return "the result is being combined"
    if reason := standing.waiting_reason(task, standing):
        return reason
    if not standing.is_split:
        return ""
    open_subtasks = standing.total - standing.done - standing.failed
    left = time_left(open_subtasks, [standing.rate])
    return f"{in_words(left)} left" if left else ""


def _took(task: Task) -> str:
    if not (task.finished and task.started):
        return "no time"
    return timeline.span(int((task.finished - task.started).total_seconds() * 1000))
