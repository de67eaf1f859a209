"""Reads: the tasks a user may see, and where a task stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from accounts.models import User
from core import databases
from groups.models import Group
from groups.selectors import group_ids_of
from tasks import states
from tasks.models import Contribution, SubtaskFailure, Task, Worker
from tasks.queue import history, presence
from tasks.queue.progress import Blame, Progress, Work, progress_of
from tasks.queue.scripts import run_all

MEMBERS_NAMED_MAX = 100


def tasks_visible_to(user: User) -> QuerySet[Task]:
    """Every task of the groups this user is in, with its creator: to look one up, in one query."""
    return Task.objects.filter(group__memberships__user=user).select_related("creator")


def task_list_of(user: User) -> QuerySet[Task]:
    """The same, to list them. Two queries: over a join a database misjudges how many there will be,
    and reads all.
    """
    return databases.related(Task.objects.filter(group__in=group_ids_of(user.pk)), "creator")


def tasks_of(group: UUID) -> QuerySet[Task]:
    """Every task of the group, with its creator. Whether the caller may know is for him to check."""
    return databases.related(Task.objects.filter(group=group), "creator")


def members_named(group: UUID) -> list[str]:
    """The names of members to choose from, by name; of a large group the first MEMBERS_NAMED_MAX."""
    members = User.objects.filter(memberships__group=group).order_by("username")
    return list(members.values_list("username", flat=True)[:MEMBERS_NAMED_MAX])


def workers_visible_to(user: User) -> QuerySet[Worker]:
    """One's own machines; moderators see all."""
    moderates = user.is_staff and user.has_perm("tasks.change_worker")
    return Worker.objects.all() if moderates else Worker.objects.filter(owner=user)


def resting_in(groups: Sequence[Group]) -> dict[str, dict[str, str]]:
    """{worker: {name of a group: why it takes nothing of it now}}."""
    found: dict[str, dict[str, str]] = {}
    for group, resting in zip(
        groups, presence.resting([group.pk for group in groups]), strict=True
    ):
        for worker, why in resting.items():
            found.setdefault(worker, {})[group.name] = why
    return found


@dataclass(frozen=True)
class Standing:
    """Where a task stands. `progress` is 0..1; `eta_seconds` is None as long as nothing can be
    said.
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
    work: dict[str, Work] | None = None  # None: see the task's contributions in the database

    @property
    def counts(self) -> dict[str, int]:
        return {
            name: getattr(self, name) for name in ("total", "done", "leased", "waiting", "failed")
        }


def standing(task: Task) -> Standing:
    """From Redis while the task lives, from its row afterwards."""
    return standings([task])[task.pk]


def standings(tasks: Sequence[Task]) -> dict[UUID, Standing]:
    """Of each of these tasks; one round trip for all."""
    alive = [task for task in tasks if not (task.is_final or task.status == states.QUEUED)]
    found = run_all([progress_of(task.group_id, task.pk) for task in alive]) if alive else []
    live = dict(zip((task.pk for task in alive), found, strict=True))
    return {task.pk: _standing(task, live.get(task.pk)) for task in tasks}


def _standing(task: Task, live: Progress | None) -> Standing:
    if live is None:
        progress = 1.0 if task.status == states.SUCCEEDED else _share(task.done, task.subtasks)
        return Standing(
            task.subtasks, task.done, 0, 0, task.failed, progress, rate=_rate(task, task.done)
        )
    rate = _rate(task, live.done)
    settled = live.done + live.failed
    return Standing(
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


def _share(part: int, whole: int) -> float:
    return round(part / whole, 4) if whole else 0.0


def _rate(task: Task, done: int) -> float:
    """Subtasks a second since it started, until it ended."""
    if task.started is None:
        return 0.0
    elapsed = ((task.finished or timezone.now()) - task.started).total_seconds()
    return round(done / max(elapsed, 0.001), 3)


def percent(stands: Standing) -> float:
    """Of its subtasks, how many per cent are settled."""
    return round(100 * (stands.done + stands.failed) / max(stands.total, 1), 1)


def contributions(task: Task, stands: Standing, most: int | None = None) -> list[dict[str, Any]]:
    """What each worker did, most first, all or so many; live from Redis while the task runs."""
    if stands.work is None:
        rows = Contribution.objects.filter(task=task).select_related("worker__owner")
        return [_recorded(row) for row in rows[:most]]
    leading = dict(
        sorted(stands.work.items(), key=lambda item: (-item[1].subtasks, item[0]))[:most]
    )
    workers = {
        str(row.pk): row
        for row in Worker.objects.filter(pk__in=list(leading)).select_related("owner")
    }
    return [
        _live(workers[name], work, stands.done) for name, work in leading.items() if name in workers
    ]


def contributors(task: Task, stands: Standing) -> int:
    """How many workers have a part in it."""
    return (
        len(stands.work)
        if stands.work is not None
        else Contribution.objects.filter(task=task).count()
    )


def _names(worker: Worker) -> dict[str, Any]:
    return {
        "worker": {"id": str(worker.pk), "name": worker.name},
        "member": {"id": str(worker.owner.pk), "username": worker.owner.username}
        if worker.owner
        else None,
    }


def _recorded(row: Contribution) -> dict[str, Any]:
    return {
        **_names(row.worker),
        "status": row.status,
        "started": _text(row.started),
        "finished": _text(row.finished),
        "subtasks": row.subtasks,
        "share": round(row.share, 2),
        "compute_seconds": round(row.compute_seconds, 3),
        "failures": row.failures,
        "copies": row.copies,
        "saved_seconds": round(row.saved_seconds, 3),
        "wasted_seconds": round(row.wasted_seconds, 3),
    }


def _live(worker: Worker, work: Work, done: int) -> dict[str, Any]:
    return {
        **_names(worker),
        "status": "working",
        "started": _moment(work.first),
        "finished": None,
        "subtasks": work.subtasks,
        "share": round(100 * _share(work.subtasks, done), 2),
        "compute_seconds": round(work.seconds, 3),
        "failures": work.failures,
        "copies": work.copies,
        "saved_seconds": round(work.saved, 3),
        "wasted_seconds": round(work.wasted, 3),
    }


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _moment(ms: int) -> str | None:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat() if ms else None


def failures(task: Task, stands: Standing) -> list[dict[str, Any]]:
    """The latest FAILURES_SHOWN_MAX failures of subtasks, the oldest first; live from Redis while
    the task runs.
    """
    if stands.work is None:
        rows = (
            SubtaskFailure.objects.filter(task=task)
            .select_related("worker__owner")
            .order_by("-number")
        )
        return [
            _failure(row, row.worker, row.at)
            for row in reversed(rows[: settings.FAILURES_SHOWN_MAX])
        ]
    latest = history.failures(task.group_id, task.pk)[-settings.FAILURES_SHOWN_MAX :]
    ids = {blame.worker for blame in latest}
    workers = (
        {str(w.pk): w for w in Worker.objects.filter(pk__in=ids).select_related("owner")}
        if ids
        else {}
    )
    return [
        _failure(blame, workers.get(blame.worker), datetime.fromtimestamp(blame.at / 1000, UTC))
        for blame in latest
    ]


def _failure(row: SubtaskFailure | Blame, worker: Worker | None, at: datetime) -> dict[str, Any]:
    return {
        "subtask": row.subtask,
        **(_names(worker) if worker else {"worker": None, "member": None}),
        "error": row.error,
        "message": row.message,
        "traceback": row.traceback[-settings.TRACEBACK_SHOWN_CHARS_MAX :]
        if settings.TRACEBACK_SHOWN_CHARS_MAX
        else "",
        "at": _text(at),
        "final": row.final,
    }


def waiting_reason(task: Task, stands: Standing) -> str:
    """Why a task that could run does not, in one sentence; "" if it does or is over."""
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
