"""Counts over many tasks: how fast groups and the whole system work, for people to look at."""

from __future__ import annotations

import time
from datetime import date, datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db.models import Count, Sum
from django.db.models.functions import TruncDate

from tasks import states
from tasks.models import Contribution, SubtaskFailure, Task, Worker
from tasks.queue import throughput


def this_minute() -> int:
    """Minutes since the epoch."""
    return int(time.time() // 60)


def pace(minutes: int, group: UUID | None = None) -> list[int]:
    """Subtasks done in each of the last `minutes` minutes, the present one last.

    In this group, or in all.
    """
    last = this_minute()
    return throughput.done_in(range(last - minutes + 1, last + 1), group)


def tasks_since(moment: datetime) -> dict[str, int]:
    """{status: how many} of the tasks submitted since then, every status named."""
    rows = (
        Task.objects.filter(created__gte=moment)
        .order_by()
        .values_list("status")
        .annotate(Count("pk"))
    )
    return dict.fromkeys(states.STATES, 0) | dict(rows)


def tasks_now(most: int) -> tuple[dict[str, int], list[tuple[UUID, UUID]], int]:
    """How many tasks live, and which of them are under way.

    Returns {status: how many}, (group, task) of the oldest `most` under way, and how many more are.
    """
    rows = (
        Task.objects.filter(status__in=list(states.LIVE))
        .order_by()
        .values_list("status")
        .annotate(Count("pk"))
    )
    live = dict.fromkeys(sorted(states.LIVE), 0) | dict(rows)
    begun = Task.objects.filter(status__in=[states.RUNNING, states.PAUSED, states.AGGREGATING])
    under_way = list(begun.order_by("created").values_list("group_id", "pk")[:most])
    return live, under_way, max(sum(live.values()) - live[states.QUEUED] - len(under_way), 0)


def capacity(now: datetime) -> tuple[int, int]:
    """(workers online, their slots)."""
    found = Worker.objects.filter(last_seen__gte=seen_since(now)).aggregate(
        Count("pk"), Sum("slots")
    )
    return found["pk__count"], found["slots__sum"] or 0


def failures_since(moment: datetime) -> int:
    """Failed attempts at subtasks of tasks that have ended; a task keeps its latest only."""
    return SubtaskFailure.objects.filter(at__gte=moment).count()


def failed_since(moment: datetime, most: int) -> list[Task]:
    """The latest tasks that failed."""
    return list(
        Task.objects.filter(status=states.FAILED, finished__gte=moment).order_by("-finished")[:most]
    )


def workers_online(now: datetime) -> int:
    """Workers whose connection was checked lately.

    An open connection is checked every MEMBERSHIP_CHECK_SECONDS.
    """
    return Worker.objects.filter(last_seen__gte=seen_since(now)).count()


def seen_since(now: datetime) -> datetime:
    """A worker that was seen since then counts as online."""
    return now - timedelta(seconds=2 * settings.MEMBERSHIP_CHECK_SECONDS)


def computed(group: UUID, since: datetime) -> dict[UUID, dict[date, float]]:
    """Who computed how long for the group's tasks that ended since then, in one query.

    Returns {member: {day, UTC: seconds of computing}}. What former members computed is left out. A
    contribution counts on the day on which its task ended.
    """
    rows = Contribution.objects.filter(
        task__group=group, task__finished__gte=since, worker__owner__isnull=False
    )
    by_day = (
        rows.order_by()
        .annotate(day=TruncDate("task__finished"))
        .values_list("worker__owner", "day")
    )
    found: dict[UUID, dict[date, float]] = {}
    for member, day, seconds in by_day.annotate(Sum("compute_seconds")):
        found.setdefault(member, {})[day] = seconds
    return found
