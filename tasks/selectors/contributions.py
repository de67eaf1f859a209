"""What each worker did for a task, and which attempts at its subtasks failed.

Both are one thing in two states: unsaved rows filled from Redis while the task lives, and the same
rows saved afterwards (`services.record` saves them). A reader need not know which of the two it
has.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db.models import Count

from accounts.models import User
from tasks import states
from tasks.event_texts import moment
from tasks.models import (
    ERROR_MAX,
    MESSAGE_MAX,
    TRACEBACK_MAX,
    Contribution,
    SubtaskFailure,
    Task,
    Worker,
)
from tasks.queue import task_log
from tasks.queue.progress import Blame, Work
from tasks.selectors import presence
from tasks.selectors.task_progress import TaskProgress
from tasks.selectors.visibility import workers_by_id


def of_task(task: Task, stands: TaskProgress, most: int | None = None) -> list[Contribution]:
    """What each worker did, the one with most subtasks first; all of them, or the first `most`."""
    if stands.work is None:
        rows = Contribution.objects.filter(task=task).select_related("worker__owner")
        return list(rows[:most])
    leading = sorted(stands.work.items(), key=lambda item: (-item[1].subtasks, item[0]))[:most]
    work = dict(leading)
    return unsaved(task, work, stands.done, workers_by_id(work), is_over=False)


def unsaved(
    task: Task,
    work: Mapping[str, Work],
    done: int,
    workers: Mapping[str, Worker],
    *,
    is_over: bool,
) -> list[Contribution]:
    """Rows that say what Redis says: `work` by worker, of `done` subtasks in all.

    Workers that are not in `workers` have been deleted, and are left out. `is_over`: no more work
    is wanted for the task.
    """
    here = _here(task, work.values())
    return [
        _contribution(task, workers[name], row, done, is_over=is_over, here=here)
        for name, row in work.items()
        if name in workers
    ]


def _here(task: Task, work: Iterable[Work]) -> Collection[str]:
    """The workers that are here, if one may be missing: mostly nothing is asked."""
    if any(row.lost for row in work):
        return presence.heard_of(task.group_id, task.kind_key)
    return ()


def _contribution(
    task: Task,
    worker: Worker,
    row: Work,
    done: int,
    *,
    is_over: bool,
    here: Collection[str],
) -> Contribution:
    status = states.contribution_state(
        subtasks=row.subtasks,
        checks=row.checks,
        failures=row.failures,
        lost=row.lost,
        vanished=vanished(row, is_here=str(worker.pk) in here),
        is_over=is_over,
    )
    return Contribution(
        task=task,
        worker=worker,
        status=status,
        started=_moment(row.first),
        finished=_moment(row.last) if is_over else None,
        subtasks=row.subtasks,
        share=round(100 * row.subtasks / done, 2) if done else 0.0,
        compute_seconds=round(row.seconds, 3),
        failures=row.failures,
        lost=row.lost,
        copies=row.copies,
        saved_seconds=round(row.saved, 3),
        wasted_seconds=round(row.wasted, 3),
        checks=row.checks,
        taken_out=row.taken_out,
    )


def vanished(row: Work, *, is_here: bool) -> bool:
    """Whether the worker lost subtasks, sent no result afterwards, and is not here again."""
    return row.lost_at > 0 and not is_here


def members(task: Task, stands: TaskProgress) -> list[User]:
    """The members whose results count in the task, by name."""
    found = {row.member for row in of_task(task, stands) if row.subtasks}
    return sorted((one for one in found if one), key=lambda user: user.username_key)


def count(task: Task, stands: TaskProgress) -> int:
    """How many workers have a part in it."""
    if stands.work is not None:
        return len(stands.work)
    return Contribution.objects.filter(task=task).count()


def counts(tasks: Sequence[Task], stands: Mapping[UUID, TaskProgress]) -> dict[UUID, int]:
    """How many workers have a part in each of these tasks; one query for those that ended."""
    ended = Contribution.objects.filter(task__in=[task.pk for task in tasks if task.is_final])
    recorded = dict(ended.order_by().values_list("task").annotate(Count("pk")))
    found = {}
    for task in tasks:
        work = stands[task.pk].work
        found[task.pk] = recorded.get(task.pk, 0) if work is None else len(work)
    return found


def failures(task: Task, stands: TaskProgress) -> list[SubtaskFailure]:
    """The latest FAILURES_SHOWN_MAX failures of subtasks, the oldest first."""
    if stands.work is None:
        kept = SubtaskFailure.objects.filter(task=task).select_related("worker__owner")
        rows = list(kept.order_by("-number")[: settings.FAILURES_SHOWN_MAX])[::-1]
    else:
        rows = unsaved_failures(task, most=settings.FAILURES_SHOWN_MAX)
    for row in rows:
        row.traceback = _end(row.traceback, settings.TRACEBACK_SHOWN_CHARS_MAX)
    return rows


def unsaved_failures(
    task: Task, *, workers: Mapping[str, Worker] | None = None, most: int | None = None
) -> list[SubtaskFailure]:
    """Rows that say what Redis says, the oldest first; all that it keeps, or the latest `most`.

    `workers` are those of the task by id, if they are at hand; otherwise they are looked up.
    """
    rows = list(enumerate(task_log.failures(task.group_id, task.pk)))
    if most is not None:
        rows = rows[max(len(rows) - most, 0) :]
    if workers is None:
        workers = workers_by_id({row.worker for _, row in rows})
    return [_failure(task, number, row, workers.get(row.worker)) for number, row in rows]


def _failure(task: Task, number: int, row: Blame, worker: Worker | None) -> SubtaskFailure:
    return SubtaskFailure(
        task=task,
        number=number,
        subtask=row.subtask,
        worker=worker,
        error=row.error[:ERROR_MAX],
        message=row.message[:MESSAGE_MAX],
        traceback=_end(row.traceback, TRACEBACK_MAX),
        at=moment(row.at),
        final=row.final,
    )


def _end(text: str, most: int) -> str:
    """The last `most` characters."""
    return text[max(len(text) - most, 0) :]


def _moment(ms: int) -> datetime | None:
    return moment(ms) if ms else None
