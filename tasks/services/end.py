"""The ways a task ends: with a result, with an error, or because somebody does not want it any more."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from django.db import IntegrityError

from tasks import events, queue, states
from tasks.models import Contribution, Task, Worker

INPUT_LOST = ("input_lost", "The input is no longer held: submit again.")


def close_task(task: Task, reason: str) -> None:
    """Tell who watches that a task is over, drop what Redis holds of it, and stop its workers."""
    events.tell(events.task_changed(task.pk, task.group_id, final=True))
    held = queue.close(task.group_id, task.pk).now()
    if held:
        events.tell(events.cancel(held, reason))


def fail_task(task: Task, code: str, message: str) -> bool:
    """End a live task with an error; False if it has ended already."""
    return _end(task, states.FAILED, {"error_code": code, "error_message": message[:2000]})


def cancel_task(task: Task) -> bool:
    """End a live task because nobody wants it; False if it has ended or is being concluded."""
    return _end(task, states.CANCELLED, {})


def _end(task: Task, finish: str, changes: dict[str, object]) -> bool:
    progress = queue.progress(task.group_id, task.pk).now()
    if progress:
        changes |= {"subtasks": progress.split, "done": progress.done, "failed": progress.failed}
        record_contributions(task, progress.work, progress.done)  # who sees the end sees them too
    starts = [start for start, ends in states.TASK_MOVES.items() if finish in ends]
    moved = any(Task.objects.filter(pk=task.pk).move(start, finish, **changes) for start in starts)
    if moved:
        close_task(task, finish)
    return moved


def record_contributions(task: Task, work: Mapping[str, queue.Work], done: int) -> None:
    """One row per worker, written as values: a second run changes nothing, and one at the same time does no harm."""
    known = {str(pk) for pk in Worker.objects.filter(pk__in=list(work)).values_list("pk", flat=True)}
    values = {worker: _values(row, done) for worker, row in work.items() if worker in known}
    try:
        Contribution.objects.bulk_create([Contribution(task=task, worker_id=pk, **row) for pk, row in values.items()])
    except IntegrityError:  # some are there: another conclusion wrote them, or died after it had
        for pk, row in values.items():
            Contribution.objects.update_or_create(task=task, worker_id=pk, defaults=row)


def _values(row: queue.Work, done: int) -> dict[str, object]:
    return {
        "status": "done" if row.subtasks else "failed" if row.failures else "lost",
        "started": _moment(row.first),
        "finished": _moment(row.last),
        "subtasks": row.subtasks,
        "share": 100.0 * row.subtasks / done if done else 0.0,
        "compute_seconds": row.seconds,
        "failures": row.failures,
    }


def _moment(ms: int) -> datetime | None:
    return datetime.fromtimestamp(ms / 1000, UTC) if ms else None
