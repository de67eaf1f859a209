"""What happened to a task: from its log while it lives, from its row afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from tasks import event_log, event_texts
from tasks.event_log import Bar, Entry
from tasks.models import Task, TaskHistory, Worker
from tasks.queue import task_log
from tasks.selectors.visibility import workers_by_id


@dataclass(frozen=True)
class History:
    """A task's events, its leases as bars, and the workers that still exist, by id."""

    entries: list[Entry]
    bars: list[Bar]
    workers: Mapping[str, Worker]


def of_task(task: Task) -> History:
    """From Redis while the task lives or is checked, from its history afterwards.

    Two queries at most.
    """
    entries, bars = recorded(task) if task.is_final and not task.is_pending else _live(task)
    ids = {entry.worker for entry in entries} | {bar.worker for bar in bars}
    return History(entries, bars, workers_by_id(ids - {""}))


def _live(task: Task) -> tuple[list[Entry], list[Bar]]:
    entries = event_log.as_seen(task_log.log(task.group_id, task.pk))
    return entries, event_log.bars(entries)


def recorded(task: Task) -> tuple[list[Entry], list[Bar]]:
    """The events and the bars that were kept of a task that has ended."""
    row = TaskHistory.objects.filter(task=task).first()
    if row is None:
        return [], []
    return msgspec.convert(row.entries, list[Entry]), msgspec.convert(row.bars, list[Bar])


def events(task: Task) -> list[dict[str, Any]]:
    """Everything that is known to have happened, the latest first.

    Each is {at, what, text, worker, member, subtasks}.
    """
    known = of_task(task)
    lines = [
        *event_texts.beginning(task),
        *(event_texts.line(entry, known.workers.get(entry.worker)) for entry in known.entries),
        *event_texts.end(task, known.entries),
    ]
    return lines[::-1]  # not by time: the clocks of Redis and of this machine may differ
