"""Save what was done for a task: contributions, failures and history."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence

import msgspec
from django.conf import settings
from django.db import IntegrityError, transaction

from tasks import event_log
from tasks.models import Contribution, SubtaskFailure, Task, TaskHistory
from tasks.queue import task_log
from tasks.queue.progress import Work
from tasks.selectors import contributions, parts
from tasks.selectors.visibility import workers_by_id

# What identifies a contribution; all else is what it says.
KEYS = {"id", "task", "worker"}


def record_work(task: Task, work: Mapping[str, Work], done: int) -> None:
    """Save contributions, failures and history as rows.

    A second run changes nothing, and one at the same time does no harm.
    """
    workers = workers_by_id(work)
    _record_history(task)
    _record_contributions(task, contributions.unsaved(task, work, done, workers, is_over=True))
    _record_failures(task, contributions.unsaved_failures(task, workers=workers))


def _record_contributions(task: Task, rows: Sequence[Contribution]) -> None:
    # Rows of a conclusion that came to nothing: Redis may have gone back since, and others have
    # done the work again.
    stale = Contribution.objects.filter(task=task).exclude(worker__in=[r.worker_id for r in rows])
    stale.delete()
    try:
        with transaction.atomic():
            Contribution.objects.bulk_create(rows)
    except IntegrityError:  # some are there: another conclusion wrote them, or died after it had
        for row in rows:
            Contribution.objects.update_or_create(
                task=task, worker_id=row.worker_id, defaults=_values(row)
            )


def _values(row: Contribution) -> dict[str, object]:
    """What the row says, by field."""
    names = [field.name for field in Contribution._meta.fields if field.name not in KEYS]
    return {name: getattr(row, name) for name in names}


def _record_history(task: Task) -> None:
    entries = task_log.log(task.group_id, task.pk)
    bars = event_log.thinned(event_log.bars(entries), settings.HISTORY_BARS_MAX)
    latest = entries[-settings.HISTORY_EVENTS_MAX :] if settings.HISTORY_EVENTS_MAX else []
    values = {
        "entries": msgspec.to_builtins(latest),
        "bars": msgspec.to_builtins(bars),
        "parts": msgspec.to_builtins(parts.unsaved(task, entries)),
    }
    TaskHistory.objects.update_or_create(task=task, defaults=values)


def _record_failures(task: Task, rows: Sequence[SubtaskFailure]) -> None:
    if not rows:  # mostly: no transaction for nothing
        return
    kept = set(SubtaskFailure.objects.filter(task=task).values_list("number", flat=True))
    missing = [row for row in rows if row.number not in kept]
    # Another conclusion may write them just now.
    with contextlib.suppress(IntegrityError), transaction.atomic():
        SubtaskFailure.objects.bulk_create(missing)
