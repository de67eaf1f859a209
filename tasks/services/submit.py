"""A member submits a task to a group."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4, uuid5

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.utils import timezone

from accounts.models import User
from core import metrics
from core.errors import Conflict, Forbidden, Invalid
from firmlight_client import kinds
from groups import selectors as group_selectors
from groups.errors import MayNotSubmit
from groups.models import Membership
from tasks import blobs, events, file_store, states
from tasks.models import Task
from tasks.services import files, room
from tasks.services.inputs import find_kind, read_params


class KeyUsed(Conflict):
    """A key names one submission, and this is another one."""

    code, message = "key_used", "You have used this key for another submission."


def submit_task(
    *,
    author: User,
    group: UUID | str,
    kind: str,
    params: Mapping[str, Any],
    file: UploadedFile | None = None,
    title: str = "",
    description: str = "",
    priority: str = states.NORMAL,
    allow_partial: bool = False,
    deadline: datetime | None = None,
    subtask_seconds_max: float | None = None,
    key: str = "",
) -> Task:
    """Accept a task: the input into Redis or a file, then the row, then the job.

    In this order, because a row without input would be a lost task. `key` names this submission
    among the author's: a second submission with the same key returns the task of the first. Raises
    Invalid or InputTooHard with the field that is wrong (before anything is stored), MayNotSubmit,
    Forbidden, KeyUsed and Busy, NoRoom and QuotaUsed.
    """
    membership = group_selectors.find_membership(author, str(group))
    if membership is None:
        raise Invalid(fields={"group": ["You are not in a group of this name or id."]})
    if not membership.may_submit:
        raise MayNotSubmit
    check_priority(membership, priority)
    chosen = find_kind(kind)
    pk = task_id(author, key)
    if key and (earlier := Task.objects.filter(pk=pk).first()):
        return same_submission(earlier, membership, chosen)
    check_times(chosen, deadline, subtask_seconds_max)
    if file is not None:
        files.check_quotas(author, membership.group_id, file.size or 0)
        room.check(file.size or 0)
    data = read_params(chosen, params, file, author=author)
    task = Task(
        id=pk,
        group_id=membership.group_id,
        creator=author,
        kind=chosen.name,
        kind_version=chosen.version,
        title=title or chosen.title,
        description=description,
        priority=priority,
        allow_partial=allow_partial,
        deadline=deadline,
        subtask_seconds_max=subtask_seconds_max,
    )
    patient = has_backlog(author)  # before this task counts itself
    if not store(task, data):
        return same_submission(Task.objects.get(pk=pk), membership, chosen)
    metrics.count("tasks_submitted")
    events.split(task.pk, patient=patient)
    events.announce(task)
    return task


def task_id(author: User, key: str) -> UUID:
    """A random id, or one made from the key: then the database itself keeps the task unique."""
    return uuid5(author.pk, key) if key else uuid4()


def same_submission(task: Task, membership: Membership, kind: kinds.Kind) -> Task:
    """The task that this key made before, if it is the same submission. Raises KeyUsed."""
    if (task.group_id, task.kind) != (membership.group_id, kind.name):
        raise KeyUsed
    return task


def store(task: Task, data: bytes) -> bool:
    """Store input and row; False if the same submission has made the row meanwhile.

    The input stays then, because that row needs it. Raises NoRoom and QuotaUsed.
    """
    if task.creator:
        files.check_quotas(task.creator, task.group_id, len(data))
    room.reserve(task, len(data))
    try:
        digest = blobs.put_input(task.group_id, task.pk, data)
        with transaction.atomic():
            if digest:  # first, because a file without a row is purged some day
                files.note(task, file_store.INPUTS, digest, len(data))
            task.save(force_insert=True)
    except Exception:
        if Task.objects.filter(pk=task.pk).exists():
            return False
        room.release([task.pk])
        blobs.drop_input(task.group_id, task.pk)
        raise
    return True


def check_priority(membership: Membership, priority: str) -> None:
    if priority == states.HIGH and not membership.leads:
        raise Forbidden("Only the group's owner and its moderators may raise the priority.")


def check_times(
    kind: kinds.Kind, deadline: datetime | None, subtask_seconds_max: float | None
) -> None:
    """A submitter may ask for less than the kind allows, never for more of other people's time."""
    if deadline is not None and deadline <= timezone.now():
        raise Invalid(fields={"deadline": ["This time has passed already."]})
    most = kind.subtask_seconds_max
    if subtask_seconds_max is not None and subtask_seconds_max > most:
        message = f"{kind.name} allows at most {most:g} s."
        raise Invalid(fields={"subtask_seconds_max": [message]})


def has_backlog(author: User) -> bool:
    """Whether so many tasks of this user wait to be split that those of others come first."""
    most = settings.SPLIT_BACKLOG_MAX
    waiting = Task.objects.filter(status=states.QUEUED, creator=author).order_by()
    return len(waiting.values_list("pk", flat=True)[: most + 1]) > most
