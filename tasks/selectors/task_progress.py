"""How far each task is, how long it may still take, and what it waits for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from tasks import states
from tasks.models import Task
from tasks.queue import presence
from tasks.queue.progress import Progress, Work, progress_of
from tasks.queue.scripts import run_all


@dataclass(frozen=True)
class TaskProgress:
    """Where a task stands.

    `progress` is 0..1; `eta_seconds` is None as long as nothing can be said.
    """

    total: int = 0
    done: int = 0
    leased: int = 0
    waiting: int = 0
    failed: int = 0
    progress: float = 0.0
    eta_seconds: float | None = None
    rate: float = 0.0  # subtasks a second since it started
    is_split: bool = True  # to its end: `total` grows no more
    work: dict[str, Work] | None = None  # by worker; None: it is in the database

    @property
    def counts(self) -> dict[str, int]:
        return {
            "total": self.total,
            "done": self.done,
            "leased": self.leased,
            "waiting": self.waiting,
            "failed": self.failed,
        }


def of_task(task: Task) -> TaskProgress:
    """From Redis while the task lives, from its row afterwards."""
    return of_tasks([task])[task.pk]


def of_tasks(tasks: Sequence[Task]) -> dict[UUID, TaskProgress]:
    """Where each of these tasks stands; one round trip for all."""
    alive = [task for task in tasks if not (task.is_final or task.status == states.QUEUED)]
    asked = [progress_of(task.group_id, task.pk) for task in alive]
    answers = run_all(asked) if asked else []
    live = {task.pk: answer for task, answer in zip(alive, answers, strict=True)}
    return {task.pk: _from_redis(task, live.get(task.pk)) for task in tasks}


def _from_redis(task: Task, live: Progress | None) -> TaskProgress:
    if live is None:
        return _recorded(task)
    live = live.as_seen()
    rate = _rate(task, live.done)
    settled = live.done + live.failed
    return TaskProgress(
        total=live.split,
        done=live.done,
        leased=live.leased,
        waiting=max(live.waiting, 0),
        failed=live.failed,
        progress=_share(settled, live.split) if live.ended else 0.0,
        eta_seconds=round(live.open / rate, 1) if live.ended and live.done else None,
        rate=rate,
        is_split=live.ended,
        work=live.work,
    )


def _recorded(task: Task) -> TaskProgress:
    """Of a task that has no state in Redis: it is queued, or it has ended."""
    succeeded = task.status == states.SUCCEEDED
    return TaskProgress(
        total=task.subtasks,
        done=task.done,
        failed=task.failed,
        progress=1.0 if succeeded else _share(task.done, task.subtasks),
        rate=_rate(task, task.done),
    )


def _share(part: int, whole: int) -> float:
    return round(part / whole, 4) if whole else 0.0


def _rate(task: Task, done: int) -> float:
    """Subtasks a second since it started, until it ended."""
    if task.started is None:
        return 0.0
    elapsed = ((task.finished or timezone.now()) - task.started).total_seconds()
    return round(done / max(elapsed, 0.001), 3)


def percent(stands: TaskProgress) -> float:
    """How many per cent of its subtasks are settled."""
    return round(100 * (stands.done + stands.failed) / max(stands.total, 1), 1)


def waiting_reason(task: Task, stands: TaskProgress) -> str:
    """Why a task that could run does not, in one sentence; "" if it runs or is over."""
    if task.status == states.PAUSED:
        return "It is paused."
    if task.status not in (states.QUEUED, states.RUNNING) or stands.leased:
        return ""
    if not presence.online_workers(task.group_id, task.kind_key):
        return f"No worker of this group that accepts {task.kind} is online."
    if stands.waiting:
        return f"All workers of this group that accept {task.kind} are busy with other tasks."
    return ""


def result_expires(task: Task) -> datetime | None:
    """When a succeeded task's result is dropped; None without one."""
    if task.status != states.SUCCEEDED or task.finished is None:
        return None
    return task.finished + timedelta(hours=settings.RESULT_TTL_HOURS)
