"""What the jobs share that run a task's kind in a child process."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import connection
from django.utils import timezone

from core import databases
from firmlight_client import kinds
from tasks.models import Task
from tasks.verification import NONE


class KindGone(Exception):
    """The server no longer has the kind that the task was submitted for.

    The message is for the task's members.
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


def recomputation(task: Task, kind: kinds.Kind) -> str:
    """How much of the task others compute again, one of verification.VERIFY.

    Nothing of a kind that proves its results, or whose results cannot be compared.
    """
    return task.verify if not kind.proves and kinds.is_comparable(kind) else NONE


class StillWanted:
    """Whether a task is still in this state, asked repeatedly while a child works for it.

    Now and then it notes on the row that somebody works on the task, so that the sweep does not
    start the same work again.
    """

    def __init__(self, task: Task, status: str, **facts: Any) -> None:
        self.row = Task.objects.filter(pk=task.pk, status=status, **facts)
        self.every = min(settings.AGGREGATING_SECONDS_MAX, settings.SPLIT_QUIET_SECONDS_MAX) / 4
        self.noted = time.monotonic()

    def __call__(self) -> bool:
        try:
            return self._ask()
        except databases.lost():
            # Nobody can cancel the task either while the database is unreachable, so what the
            # child has computed so far need not be thrown away.
            drop_broken_connection()
            return True

    def _ask(self) -> bool:
        if time.monotonic() - self.noted < self.every:
            return self.row.exists()
        self.noted = time.monotonic()
        return bool(self.row.update(changed=timezone.now()))


def drop_broken_connection() -> None:
    """Let the next query open a new connection to the database if this one is broken."""
    if not connection.in_atomic_block:
        connection.close_if_unusable_or_obsolete()


def is_quiet(task: Task, seconds: float) -> bool:
    """Whether nothing has been noted on the task's row for so long."""
    return _age_seconds(task.changed) > seconds


def _age_seconds(moment: datetime) -> float:
    return (timezone.now() - moment).total_seconds()
