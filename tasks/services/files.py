"""Which files tasks hold: counted against quotas, and deleted when no task needs them any more."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db.models import Q, Sum
from django.utils import timezone

from accounts.models import User
from core.errors import FirmlightError
from tasks import file_store, states
from tasks.file_store import INPUTS, RESULTS
from tasks.models import StoredFile, Task


class QuotaUsed(FirmlightError):
    """A member or a group holds as many bytes of inputs and results as it may."""

    code, status = "quota_used", 507


def note(task: Task, area: str, digest: str, size: int) -> None:
    """Note that this task's input or result is in a file of `size` bytes."""
    StoredFile.objects.create(
        task_id=task.pk,
        group_id=task.group_id,
        owner_id=task.creator_id,
        area=area,
        digest=digest,
        size=size,
    )


def check_quotas(author: User, group: UUID, size: int) -> None:
    """Refuse `size` more bytes beyond the quota of the member or of the group. Raises QuotaUsed."""
    mine = _held(owner=author.pk)
    if mine + size > settings.MEMBER_BYTES_MAX:
        raise QuotaUsed(_sentence("Your inputs and results", mine, size, settings.MEMBER_BYTES_MAX))
    all_of_group = _held(group=group)
    if all_of_group + size > settings.GROUP_BYTES_MAX:
        what = "The inputs and results of this group"
        raise QuotaUsed(_sentence(what, all_of_group, size, settings.GROUP_BYTES_MAX))


def _sentence(what: str, held: int, size: int, most: int) -> str:
    return (
        f"{what} take {held:,} of {most:,} bytes, and this task would add {size:,}. "
        "Cancel tasks that you no longer need, or wait until results expire."
    )


def _held(**whose: UUID) -> int:
    """The bytes in files of a member or a group that are still needed."""
    found = StoredFile.objects.filter(_needed(), **whose).aggregate(bytes=Sum("size"))
    return found["bytes"] or 0


def _needed() -> Q:
    """An input until its task ends, or as long as it can be submitted again; a result its time."""
    now = timezone.now()
    failed_since = now - timedelta(hours=settings.FAILED_INPUT_HOURS)
    result_since = now - timedelta(hours=settings.RESULT_TTL_HOURS)
    is_live = Q(area=INPUTS, task__status__in=list(states.LIVE))
    may_come_back = Q(area=INPUTS, task__status=states.FAILED, task__finished__gt=failed_since)
    return is_live | may_come_back | Q(area=RESULTS, created__gt=result_since)


def carry_over(failed: Task, again: Task) -> None:
    """Note for a new task the file of the input that it takes over from a failed one."""
    for row in StoredFile.objects.filter(task=failed.pk, area=INPUTS):
        note(again, INPUTS, row.digest, row.size)


def purge() -> None:
    """Forget what no task needs any more, then delete the files.

    Nothing younger than FILE_GRACE_HOURS goes: its task may not have a row yet.
    """
    grace = settings.FILE_GRACE_HOURS
    _forget(timezone.now() - timedelta(hours=grace))
    inputs = StoredFile.objects.filter(area=INPUTS).order_by()
    kept = set(inputs.values_list("digest", flat=True).distinct().iterator())
    file_store.purge(INPUTS, grace, kept)
    file_store.purge(RESULTS, settings.RESULT_TTL_HOURS + grace)


def _forget(before: datetime) -> None:
    """Delete the rows written before then that no task needs."""
    needed = StoredFile.objects.filter(_needed()).order_by().values_list("pk", flat=True)
    old = StoredFile.objects.filter(created__lt=before).order_by().values_list("pk", flat=True)
    candidates = set(old)
    unneeded = list(candidates - set(needed))
    for start in range(0, len(unneeded), settings.PURGE_ROWS_MAX):
        some = unneeded[start : start + settings.PURGE_ROWS_MAX]
        StoredFile.objects.filter(pk__in=some).delete()
