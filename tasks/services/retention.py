"""After RETENTION_DAYS keep only the row of a task, and tallies of who did what.

Its contributions become tallies; its events and failures are deleted. A whole day is folded at a
time: first its tallies are inserted, then a row says so, then what they were made from is deleted.
Tallies are never changed, and a day that is over does not change either. So a run that died in
between, or that runs beside another one, may be repeated.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Count, QuerySet, Sum
from django.utils import timezone

from tasks.models import Contribution, FoldedDay, SubtaskFailure, Tally, Task, TaskHistory

TASKS_AT_ONCE = 200  # each has a few rows
DAY = timedelta(days=1)


def fold() -> int:
    """Fold the days that are old enough, the oldest first; return how many were finished.

    Begins no further day after PURGE_SECONDS_MAX.
    """
    ends, finished = time.monotonic() + settings.PURGE_SECONDS_MAX, 0
    while time.monotonic() < ends:
        day = _half_done() or _next()
        if day is None:
            break
        finished += _fold(day, ends)
    return finished


def _half_done() -> date | None:
    """A day whose tallies are written, but what they were made from is not all deleted."""
    found = FoldedDay.objects.filter(emptied=False).order_by("day").first()
    return found.day if found else None


def _next() -> date | None:
    """The first day after the last one on which a task ended, if it is old enough."""
    last = FoldedDay.objects.order_by("-day").first()
    since = _midnight(last.day + DAY) if last else datetime.min.replace(tzinfo=UTC)
    ended = (
        Task.objects.filter(finished__gte=since)
        .order_by("finished")
        .values_list("finished", flat=True)
        .first()
    )
    oldest_kept = (timezone.now() - timedelta(days=settings.RETENTION_DAYS)).date()
    return ended.date() if ended and ended.date() < oldest_kept else None


def _fold(day: date, ends: float) -> bool:
    """True if nothing is left to do for this day; False if there was no time for all of it."""
    if not FoldedDay.objects.filter(day=day).exists():
        _insert(list(_tallies(day)))
        FoldedDay.objects.get_or_create(day=day)
    done = _empty(day, ends)
    if done:
        FoldedDay.objects.filter(day=day).update(emptied=True)
    return done


def _midnight(day: date) -> datetime:
    return datetime.combine(day, datetime.min.time(), UTC)


def _tallies(day: date) -> Iterator[Tally]:
    """What each member did that day, for each group and kind."""
    of_day = Contribution.objects.filter(
        task__finished__gte=_midnight(day), task__finished__lt=_midnight(day + DAY)
    )
    sums = {
        f"sum_{name}": Sum(name)
        for name in ("subtasks", "compute_seconds", "failures", "wasted_seconds")
    }
    rows: QuerySet[Any] = of_day.order_by().values("task__group", "task__kind", "worker__owner")
    for row in rows.annotate(count=Count("task", distinct=True), **sums):
        group, kind, member = row["task__group"], row["task__kind"], row["worker__owner"]
        yield Tally(
            key=f"{group}:{day}:{kind}:{member or ''}",
            group_id=group,
            member_id=member,
            kind=kind,
            day=day,
            tasks=row["count"],
            **{name.removeprefix("sum_"): row[name] for name in sums},
        )


def _insert(tallies: list[Tally]) -> None:
    """Insert the tallies that are not there yet."""
    rows = Tally.objects.filter(key__in=[tally.key for tally in tallies])
    there = set(rows.values_list("key", flat=True))
    missing = [tally for tally in tallies if tally.key not in there]
    try:
        with transaction.atomic():
            Tally.objects.bulk_create(missing, batch_size=settings.PURGE_ROWS_MAX)
    except IntegrityError:
        # Another run folds this day too, or a group or a member has been deleted just now.
        for tally in missing:
            _insert_one(tally)


def _insert_one(tally: Tally) -> None:
    try:
        with transaction.atomic():
            tally.save(force_insert=True)
    except IntegrityError:
        if not Tally.objects.filter(key=tally.key).exists() and tally.member_id is not None:
            tally.member_id = None  # they have left
            _insert_one(tally)


def _empty(day: date, ends: float) -> bool:
    """Delete what the tallies were made from, some tasks at a time.

    False if there was no time for all.
    """
    of_day = Task.objects.filter(finished__gte=_midnight(day), finished__lt=_midnight(day + DAY))
    keys = list(of_day.order_by().values_list("pk", flat=True))
    for start in range(0, len(keys), TASKS_AT_ONCE):
        if time.monotonic() > ends:
            return False
        some = keys[start : start + TASKS_AT_ONCE]
        for model in (Contribution, TaskHistory, SubtaskFailure):
            model._default_manager.filter(task__in=some).delete()
    return True
