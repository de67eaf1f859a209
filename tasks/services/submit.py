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
from core import metrics, quotas, throttling
from core.errors import Conflict, Forbidden, Invalid, TooMany
from firmlight_client import kinds
from groups import selectors as group_selectors
from groups.errors import MayNotSubmit
from groups.models import Membership
from tasks import blobs, events, file_store, states
from tasks.models import Task
from tasks.queue import lifecycle
from tasks.services import files, room
from tasks.services.inputs import find_kind, read_params
from tasks.verification import raised

RETRY_SECONDS = 10.0  # tasks end all the time; clients wait so long and try again


class TooManyTasks(TooMany):
    """The user, or the group, has as many tasks as may be under way; it ends when some end."""

    code = "too_many_tasks"


class TooManyTasksToday(TooMany):
    """The user has submitted TASKS_PER_DAY_MAX tasks today."""

    code = "too_many_tasks_today"
    message = "You have submitted as many tasks as one user may in a day. Go on tomorrow."


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
    verify: str = "",
    key: str = "",
) -> Task:
    """Accept a task: the input into Redis or a file, then the row, then the job.

    In this order, because a row without input would be a lost task. `key` names this submission
    among the author's: a second submission with the same key returns the task of the first.
    `verify` is one of verification.VERIFY, or "" for the group's; the group may raise it. Raises
    Invalid or InputTooHard with the field that is wrong (before anything is stored), MayNotSubmit,
    Forbidden, KeyUsed, TooManyTasks, TooManyTasksToday, QuotaUsed, NoRoom and Busy.
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
    # What is too much is refused before the input is read, which costs most.
    check_room(author, membership.group_id)
    size = (file.size or 0) if file is not None else 0
    files.check_quotas(author, membership.group_id, size)
    if size:
        room.check(size)
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
        verify=raised(verify, membership.group.verify_default),
        verify_asked=verify,
    )
    throttling.spend("task", author.pk, TooManyTasksToday)
    stored = False
    try:
        data = read_params(chosen, params, file, author=author)
        patient = has_backlog(author)  # before this task counts itself
        stored = store(task, data)
    finally:
        if not stored:
            throttling.give_back("task", str(author.pk))
    if not stored:
        return same_submission(stored_before(pk), membership, chosen)
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

    The input stays then, because that row needs it. Raises NoRoom, QuotaUsed and TooManyTasks, and
    leaves nothing behind then.
    """
    attempt = uuid4().hex
    blobs.begin_input(task.group_id, task.pk, attempt)
    try:
        room.reserve(task, len(data))
        _store_input(task, data)
        with transaction.atomic():
            task.save(force_insert=True)
    except Exception:
        if Task.objects.filter(pk=task.pk).exists():
            blobs.end_input(task.group_id, task.pk, attempt)
            return False
        _forget(task, attempt)
        raise
    _keep_within_limits(task, attempt)
    return True


def _store_input(task: Task, data: bytes) -> None:
    file = blobs.input_file(data)
    if file:
        files.reserve(task, file, len(data))
    try:
        is_stored = blobs.put_input(task.group_id, task.pk, data, file)
    except file_store.FilesUnavailable:
        files.forget(file)
        raise
    if file and not is_stored:  # the task keeps the input of another attempt
        files.drop_file(file)


def _keep_within_limits(task: Task, attempt: str) -> None:
    """Count a task that was stored, and forget it again if it is one too many.

    Of racing submissions each sees the rows of those before it (`core.quotas`). Workers cannot have
    seen the task yet, because its split has not been asked for. Raises TooManyTasks.
    """
    try:
        _check_room(task.creator_id, task.group_id, further=0)
    except TooManyTasks:
        Task.objects.filter(pk=task.pk).delete()
        _forget(task, attempt)
        raise


def _forget(task: Task, attempt: str) -> None:
    """Drop what an attempt has stored for a task that has no row.

    Another attempt with the same key may have found its input and be about to make the row: then
    that one has it, and room and files with it. What one stores that begins now is its own, except
    for the room, which its split reserves again.
    """
    stored = files.of_task(task.pk)
    if lifecycle.abandon(task.group_id, task.pk, attempt).now():
        room.release([task.pk])
        files.drop(stored)


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


def stored_before(pk: UUID) -> Task:
    """The task that the same submission stored. Raises Conflict if it was one too many."""
    task = Task.objects.filter(pk=pk).first()
    if task is None:
        raise Conflict
    return task


def check_room(author: User, group: UUID) -> None:
    """Raise TooManyTasks if no further task of this user, or of this group, may be under way."""
    _check_room(author.pk, group, further=1)


def _check_room(author: UUID | None, group: UUID, *, further: int) -> None:
    live = Task.objects.filter(status__in=list(states.LIVE))
    limits = (
        (live.filter(creator=author), settings.TASKS_LIVE_PER_USER_MAX, "You have"),
        (live.filter(group=group), settings.TASKS_LIVE_PER_GROUP_MAX, "This group has"),
    )
    for rows, most, who in limits:
        if quotas.is_full(rows, most + 1 - further):
            text = f"{who} {most} tasks under way, the maximum. Wait until one ends, or cancel one."
            raise TooManyTasks(RETRY_SECONDS, text)


def has_backlog(author: User) -> bool:
    """Whether so many tasks of this user wait to be split that those of others come first."""
    most = settings.SPLIT_BACKLOG_MAX
    waiting = Task.objects.filter(status=states.QUEUED, creator=author).order_by()
    return len(waiting.values_list("pk", flat=True)[: most + 1]) > most
