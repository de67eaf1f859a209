"""How fast groups and the whole system work, for people to look at.

Connections of workers note here what they settled; once in a few seconds it goes to Redis in one
write, because the way of a result is worth every tenth of a millisecond. What a crash takes along
is a few seconds of a chart.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from datetime import date, datetime, timedelta
from uuid import UUID
from weakref import WeakKeyDictionary

import structlog
from django.conf import settings
from django.db.models import Count, Sum
from django.db.models.functions import TruncDate
from redis.exceptions import RedisError

from tasks import states
from tasks.models import Contribution, SubtaskFailure, Task, Worker
from tasks.queue import throughput

WRITE_SECONDS = 5.0
log = structlog.get_logger(__name__)
_noted: WeakKeyDictionary[asyncio.AbstractEventLoop, Counter[tuple[str, int]]] = WeakKeyDictionary()
_writes: set[asyncio.Task[None]] = set()  # asyncio itself keeps no task alive


def note_done(group: str, subtasks: int) -> None:
    """So many more subtasks of this group are done now. From the event loop."""
    loop = asyncio.get_running_loop()
    if loop not in _noted:
        _noted[loop] = Counter()
        loop.call_later(WRITE_SECONDS, _start_writing, loop)
    _noted[loop][group, this_minute()] += subtasks


def _start_writing(loop: asyncio.AbstractEventLoop) -> None:
    write = loop.create_task(write_noted())
    _writes.add(write)
    write.add_done_callback(_writes.discard)


async def write_noted() -> None:
    """Write what was noted on this event loop."""
    counts = _noted.pop(asyncio.get_running_loop(), None)
    try:
        if counts:
            await throughput.add_done(counts)
    except RedisError:
        log.warning("pace_not_written", subtasks=counts and counts.total(), exc_info=True)


def this_minute() -> int:
    """Minutes since the epoch."""
    return int(time.time() // 60)


def pace(minutes: int, group: UUID | None = None) -> list[int]:
    """Subtasks done in each of the last `minutes` minutes, the present one last; in this group, or
    in all.
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
    """{status: how many} of the tasks that live; (group, task) of `most` under way, oldest first;
    how many more.
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
    """Workers whose connection was checked lately: an open one is, every MEMBERSHIP_CHECK_SECONDS."""
    return Worker.objects.filter(last_seen__gte=seen_since(now)).count()


def seen_since(now: datetime) -> datetime:
    """Who was seen since then counts as online."""
    return now - timedelta(seconds=2 * settings.MEMBERSHIP_CHECK_SECONDS)


def computed(group: UUID, since: datetime) -> dict[UUID, dict[date, float]]:
    """{member: {day, UTC: seconds of computing}} of the group's tasks that ended since then. One
    query.

    What former members computed is left out; a contribution counts on the day on which its task
    ended.
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
