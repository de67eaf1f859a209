"""The ways a task ends: with a result, with an error, or because somebody does not want it any
more.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Mapping
from datetime import UTC, datetime

import msgspec
from django.conf import settings
from django.db import IntegrityError, transaction

from accounts.models import ERROR
from accounts.notifications import notify
from core import metrics
from tasks import blobs, event_log, events, states
from tasks.models import (
    MESSAGE_MAX,
    TRACEBACK_MAX,
    Contribution,
    SubtaskFailure,
    Task,
    TaskHistory,
    Worker,
)
from tasks.queue import history, lifecycle
from tasks.queue.progress import Blame, Work, progress_of

INPUT_LOST = ("input_lost", "The input is no longer held: submit again.")


def close_task(task: Task, reason: str) -> None:
    """Tell who watches that a task is over, drop what Redis holds of it, and stop its workers.

    The input of one that failed is set aside for a while: a moderator may submit it again.
    """
    events.announce(task, final=True)
    if reason == states.FAILED:
        blobs.keep_failed_input(task.group_id, task.pk)
    held = lifecycle.close(task.group_id, task.pk).now()
    if held:
        events.tell(events.cancel(held, reason))


def fail_task(task: Task, code: str, message: str, *, among: Collection[str] = states.LIVE) -> bool:
    """End a live task with an error, and leave its creator word.

    False if it is in none of these states any more.
    """
    ended = _end(task, states.FAILED, {"error_code": code, "error_message": message[:2000]}, among)
    if ended:
        tell_creator(task, "task_failed", ERROR, f"{task.title} failed. {message}")
    return ended


def tell_creator(task: Task, code: str, level: str, text: str) -> None:
    if task.creator_id:
        notify(
            [task.creator_id], code=code, level=level, text=text, group=task.group_id, task=task.pk
        )


def cancel_task(task: Task, *, among: Collection[str] = states.LIVE) -> bool:
    """End a live task because nobody wants it; False if it is in none of these states any more.

    One that is being concluded gives no result.
    """
    return _end(task, states.CANCELLED, {}, among)


def _end(task: Task, finish: str, changes: dict[str, object], among: Collection[str]) -> bool:
    progress = progress_of(task.group_id, task.pk).now()
    if progress:
        changes |= {"subtasks": progress.split, "done": progress.done, "failed": progress.failed}
        record_work(task, progress.work, progress.done)  # who sees the end sees it too
    starts = [start for start in states.starts_of(finish) if start in among]
    moved = Task.objects.filter(pk=task.pk).move_from(starts, finish, **changes) == 1
    if moved:
        metrics.count("tasks_ended", 1, finish)
        close_task(task, finish)
    return moved


def record_work(task: Task, work: Mapping[str, Work], done: int) -> None:
    """Contributions, failures and history as rows: a second run changes nothing, one at the same
    time does no harm.
    """
    failures = history.failures(task.group_id, task.pk)
    workers = {*work, *(failure.worker for failure in failures)}
    known = {str(pk) for pk in Worker.objects.filter(pk__in=workers).values_list("pk", flat=True)}
    _record_history(task)
    _record_contributions(
        task, {worker: _values(row, done) for worker, row in work.items() if worker in known}
    )
    _record_failures(task, failures, known)


def _record_contributions(task: Task, values: Mapping[str, dict[str, object]]) -> None:
    # Rows of a conclusion that came to nothing: Redis may have gone back since, and others have
    # done the work again.
    Contribution.objects.filter(task=task).exclude(worker__in=list(values)).delete()
    rows = [Contribution(task=task, worker_id=worker, **row) for worker, row in values.items()]
    try:
        with transaction.atomic():
            Contribution.objects.bulk_create(rows)
    except IntegrityError:  # some are there: another conclusion wrote them, or died after it had
        for worker, row in values.items():
            Contribution.objects.update_or_create(task=task, worker_id=worker, defaults=row)


def _record_history(task: Task) -> None:
    entries = history.log(task.group_id, task.pk)
    bars = event_log.thinned(event_log.bars(entries), settings.HISTORY_BARS_MAX)
    latest = entries[-settings.HISTORY_EVENTS_MAX :] if settings.HISTORY_EVENTS_MAX else []
    values = {"entries": msgspec.to_builtins(latest), "bars": msgspec.to_builtins(bars)}
    TaskHistory.objects.update_or_create(task=task, defaults=values)


def _record_failures(task: Task, failures: list[Blame], known: set[str]) -> None:
    if not failures:  # mostly: no transaction for nothing
        return
    kept = set(SubtaskFailure.objects.filter(task=task).values_list("number", flat=True))
    rows = [
        _failure(task, number, failure, known)
        for number, failure in enumerate(failures)
        if number not in kept
    ]
    with (
        contextlib.suppress(IntegrityError),
        transaction.atomic(),
    ):  # another conclusion wrote them just now
        SubtaskFailure.objects.bulk_create(rows)


def _failure(task: Task, number: int, failure: Blame, known: set[str]) -> SubtaskFailure:
    return SubtaskFailure(
        task=task,
        number=number,
        subtask=failure.subtask,
        worker_id=failure.worker if failure.worker in known else None,
        error=failure.error[:200],
        message=failure.message[:MESSAGE_MAX],
        traceback=failure.traceback[-TRACEBACK_MAX:],
        at=datetime.fromtimestamp(failure.at / 1000, UTC),
        final=failure.final,
    )


def _values(row: Work, done: int) -> dict[str, object]:
    return {
        "status": "done" if row.subtasks else "failed" if row.failures else "lost",
        "started": _moment(row.first),
        "finished": _moment(row.last),
        "subtasks": row.subtasks,
        "share": 100.0 * row.subtasks / done if done else 0.0,
        "compute_seconds": row.seconds,
        "failures": row.failures,
        "copies": row.copies,
        "saved_seconds": row.saved,
        "wasted_seconds": row.wasted,
    }


def _moment(ms: int) -> datetime | None:
    return datetime.fromtimestamp(ms / 1000, UTC) if ms else None
