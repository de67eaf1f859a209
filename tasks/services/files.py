"""Which files tasks hold: counted against quotas until they are deleted.

A row is written before its file and deleted after it, so there is no file that nobody counts. The
input of a cancelled task goes at once, all others go when their task does not need them any more.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db.models import Q, Sum
from django.utils import timezone

from accounts.models import User
from core.errors import FirmlightError
from tasks import file_store, states
from tasks.file_store import INPUTS, RESULTS, FilesUnavailable
from tasks.models import StoredFile, Task
from tasks.queue import lifecycle

SLACK_HOURS = 1  # a file stays longer than the key in Redis that names it
ROWS_AT_ONCE = 100


class QuotaUsed(FirmlightError):
    """A member or a group holds as many bytes of inputs and results as it may."""

    code, status = "quota_used", 507


def note(task: Task, file: str, size: int) -> StoredFile:
    """Count a file of `size` bytes for a task's member and group, before it is written."""
    return StoredFile.objects.create(
        task_id=task.pk,
        group_id=task.group_id,
        owner_id=task.creator_id,
        area=file.partition("/")[0],
        name=file,
        size=size,
    )


def reserve(task: Task, file: str, size: int) -> None:
    """Count the file of an input unless it is too much. Raises QuotaUsed.

    The row is written before it is counted: of racing submissions each counts those before it, so
    they do not pass the quota together (`core.quotas`). The file must not be written yet.
    """
    row = note(task, file, size)
    try:
        _check(task.creator, task.group_id, size, counted=size)
    except QuotaUsed:
        row.delete()
        raise


def note_result(task: Task, file: str, size: int) -> None:
    """Count the file of a result. Raises QuotaUsed if its member is beyond the quota already.

    A result may go beyond it, since its work is done. But without an end, tasks that were submitted
    before the first of them ended could fill the disk. What others of the group hold is no reason.
    """
    row = note(task, file, size)
    held = _held(owner=task.creator) - size if task.creator else 0
    if held > settings.MEMBER_BYTES_MAX:
        row.delete()
        raise QuotaUsed(
            f"The inputs and results of its submitter take {held:,} bytes, more than "
            f"{settings.MEMBER_BYTES_MAX:,}, and this result would add {size:,}. "
            "Submit it again when some have expired."
        )


def check_quotas(author: User, group: UUID, size: int) -> None:
    """Refuse `size` more bytes beyond the quota of the member or of the group. Raises QuotaUsed."""
    _check(author, group, size)


def _check(author: User | None, group: UUID, size: int, counted: int = 0) -> None:
    """Refuse `size` more bytes, of which so many are counted already. Raises QuotaUsed."""
    mine = _held(owner=author) - counted if author else 0
    if mine + size > settings.MEMBER_BYTES_MAX:
        raise QuotaUsed(_sentence("Your inputs and results", mine, size, settings.MEMBER_BYTES_MAX))
    all_of_group = _held(group=group) - counted
    if all_of_group + size > settings.GROUP_BYTES_MAX:
        what = "The inputs and results of this group"
        raise QuotaUsed(_sentence(what, all_of_group, size, settings.GROUP_BYTES_MAX))


def _sentence(what: str, held: int, size: int, most: int) -> str:
    return (
        f"{what} take {held:,} of {most:,} bytes, and this task would add {size:,}. "
        "Cancel tasks that you no longer need, or wait until those that have ended expire."
    )


def _held(**whose: User | UUID) -> int:
    """The bytes in files of a member or a group, until they are deleted."""
    found = StoredFile.objects.filter(**whose).aggregate(bytes=Sum("size"))
    return found["bytes"] or 0


def of_task(task: UUID) -> list[StoredFile]:
    return list(StoredFile.objects.filter(task=task))


def move_input(failed: Task, again: Task) -> None:
    """Let a new task have the file of the input that it takes over from a failed one."""
    rows = StoredFile.objects.filter(task=failed.pk, area=INPUTS)
    rows.update(task=again.pk, created=timezone.now())


# Deleting


def drop(rows: Iterable[StoredFile]) -> None:
    """Delete these files, and count them no more. Where the storage fails, the purge does it."""
    for row in rows:
        try:
            file_store.delete(row.name)
        except FilesUnavailable:
            continue
        StoredFile.objects.filter(pk=row.pk).delete()


def forget(file: str) -> None:
    """Count a file no more that could not be written. Should it be there, the purge finds it."""
    with suppress(FilesUnavailable):
        file_store.delete(file)
    StoredFile.objects.filter(name=file).delete()


def drop_file(file: str) -> None:
    """Delete a file that no task names any more."""
    drop(StoredFile.objects.filter(name=file))


def drop_input(task: UUID) -> None:
    """Delete the file of a task's input, if it is in one."""
    drop(StoredFile.objects.filter(task=task, area=INPUTS))


def drop_of_group(group: UUID) -> None:
    """Delete the files of a group that is closed, but for those of tasks being concluded."""
    live = Task.objects.filter(group=group, status__in=list(states.LIVE)).order_by()
    ids = list(live.values_list("pk", flat=True))
    drop(StoredFile.objects.filter(group=group).exclude(task__in=ids))


def purge() -> None:
    """Delete the files that no task needs any more, and then those that no row names.

    Nothing younger than FILE_GRACE_HOURS goes: its task may not have a row yet.
    """
    grace = settings.FILE_GRACE_HOURS
    _drop_unneeded(timezone.now() - timedelta(hours=grace))
    kept = set(StoredFile.objects.order_by().values_list("name", flat=True).iterator())
    file_store.purge(INPUTS, grace, kept)
    file_store.purge(RESULTS, settings.RESULT_TTL_HOURS + grace, kept)


def _drop_unneeded(before: datetime) -> None:
    """Delete the files noted before then that no task needs. None after PURGE_SECONDS_MAX."""
    ends = time.monotonic() + settings.PURGE_SECONDS_MAX
    needed = StoredFile.objects.filter(_needed()).order_by().values_list("pk", flat=True)
    old = StoredFile.objects.filter(created__lt=before).order_by().values_list("pk", flat=True)
    candidates = set(old)
    unneeded = list(candidates - set(needed))
    for start in range(0, len(unneeded), ROWS_AT_ONCE):
        if time.monotonic() > ends:
            return
        rows = StoredFile.objects.filter(pk__in=unneeded[start : start + ROWS_AT_ONCE])
        drop(_without_submission(list(rows)))


def _without_submission(rows: list[StoredFile]) -> list[StoredFile]:
    """Those of these files that no submission may still turn into a task.

    A submission that stopped before it made the task's row has left an input that names its file.
    Another one with the same key would take it, so that input goes first.
    """
    tasks = Task.objects.filter(pk__in={row.task_id for row in rows}).order_by()
    known = set(tasks.values_list("pk", flat=True))
    return [
        row
        for row in rows
        if row.task_id in known or lifecycle.abandon(row.group_id, row.task_id, "").now()
    ]


def _needed() -> Q:
    """An input until its task has ended for a while, and is checked; a result until it expires."""
    now = timezone.now()
    # A backup copies Redis first and the files last: it needs what has just ended.
    ended_since = now - timedelta(hours=settings.FILE_GRACE_HOURS)
    failed_since = now - timedelta(hours=settings.FAILED_INPUT_HOURS + SLACK_HOURS)
    result_since = now - timedelta(hours=settings.RESULT_TTL_HOURS + SLACK_HOURS)
    is_live = Q(area=INPUTS, task__status__in=list(states.LIVE))
    is_live |= Q(area=INPUTS, task__pending_until__isnull=False)  # its checks may need it
    has_just_ended = Q(area=INPUTS, task__finished__gt=ended_since)
    may_come_back = Q(area=INPUTS, task__status=states.FAILED, task__finished__gt=failed_since)
    return is_live | has_just_ended | may_come_back | Q(area=RESULTS, created__gt=result_since)
