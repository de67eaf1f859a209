"""What the jobs share that run a task's kind in a child process."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils import timezone

from firmlight_client import kinds
from tasks.models import Task


class KindGone(Exception):
    """The server has no longer the kind that the task was submitted for; the message is for its
    members.
    """

    code = "kind_changed"


def kind_of(task: Task) -> kinds.Kind:
    """The kind in the version that the task was submitted for. Raises KindGone."""
    kind = kinds.installed().get(task.kind)
    if kind is None:
        raise KindGone(f"The server no longer has the kind {task.kind}: submit again elsewhere.")
    if kind.version != task.kind_version:
        raise KindGone(
            f"{task.kind} has changed from {task.kind_version} to {kind.version}: submit again."
        )
    return kind


class StillWanted:
    """Whether a task is still in this state, asked again and again while a child works for it.

    Now and then it notes on the row that somebody is at it, so that the sweep begins nothing a
    second time.
    """

    def __init__(self, task: Task, status: str, **facts: Any) -> None:
        self.row = Task.objects.filter(pk=task.pk, status=status, **facts)
        self.every = min(settings.AGGREGATING_SECONDS_MAX, settings.SPLIT_QUIET_SECONDS_MAX) / 4
        self.noted = time.monotonic()

    def __call__(self) -> bool:
        if time.monotonic() - self.noted < self.every:
            return self.row.exists()
        self.noted = time.monotonic()
        return bool(self.row.update(changed=timezone.now()))


def is_quiet(task: Task, seconds: float) -> bool:
    """Whether nothing has been noted on its row for so long."""
    return _age_seconds(task.changed) > seconds


def _age_seconds(moment: datetime) -> float:
    return (timezone.now() - moment).total_seconds()
