"""A member submits a task to a group."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, BinaryIO, cast
from uuid import UUID, uuid4

import msgspec
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.utils import timezone

from accounts.models import User
from firmlight.errors import Forbidden, Invalid
from firmlight_client import kinds
from groups import selectors as group_selectors
from groups.errors import MayNotSubmit
from groups.models import Membership
from tasks import events, queue, states
from tasks.models import Task


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
) -> Task:
    """Accept a task: input into Redis, then the row, then the job; a row without input would be a lost task.

    Raises Invalid with the field that is wrong (before anything is stored), MayNotSubmit and Forbidden.
    """
    membership = group_selectors.find_membership(author, str(group))
    if membership is None:
        raise Invalid(fields={"group": ["You are not in a group of this name or id."]})
    if not membership.may_submit:
        raise MayNotSubmit
    check_priority(membership, priority)
    chosen = find_kind(kind)
    check_times(chosen, deadline, subtask_seconds_max)
    data = encode_input(read_params(chosen, params, file))
    task = Task(
        id=uuid4(),
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
    patient = has_backlog(author)
    store(task, data)
    events.split(task.pk, patient=patient)
    return task


def store(task: Task, data: bytes) -> None:
    queue.put_input(task.group_id, task.pk, data)
    try:
        task.save(force_insert=True)
    except Exception:
        queue.drop_input(task.group_id, task.pk)
        raise


def check_priority(membership: Membership, priority: str) -> None:
    if priority == states.HIGH and not membership.leads:
        raise Forbidden("Only the group's owner and its moderators may raise the priority.")


def check_times(kind: kinds.Kind, deadline: datetime | None, subtask_seconds_max: float | None) -> None:
    """A submitter may ask for less than the kind allows, never for more of other people's time."""
    if deadline is not None and deadline <= timezone.now():
        raise Invalid(fields={"deadline": ["This is over already."]})
    if subtask_seconds_max is not None and subtask_seconds_max > kind.subtask_seconds_max:
        raise Invalid(fields={"subtask_seconds_max": [f"{kind.name} allows {kind.subtask_seconds_max:g} s at most."]})


def has_backlog(author: User) -> bool:
    """Whether so many of his tasks wait to be split already that others' come first."""
    most = settings.SPLIT_BACKLOG_MAX
    waiting = Task.objects.filter(status=states.QUEUED, creator=author).order_by()
    return len(waiting.values_list("pk", flat=True)[: most + 1]) > most


def find_kind(name: str) -> kinds.Kind:
    try:
        return kinds.get(name)
    except kinds.UnknownKind:
        known = ", ".join(kinds.installed())
        raise Invalid(fields={"kind": [f"There is no kind {name!r} here; there are {known}."]}) from None


def read_params(kind: kinds.Kind, params: Mapping[str, Any], file: UploadedFile | None) -> msgspec.Struct:
    """The kind's own Params. Raises Invalid with `params.<name>`, `params` or `file` as the field."""
    try:
        if file is None:
            return kind.load(params)
        if (file.size or 0) > settings.UPLOAD_BYTES_MAX:
            raise kinds.ParamsError(f"At most {settings.UPLOAD_BYTES_MAX:,} bytes.", "file")
        return kind.load_file(cast(BinaryIO, file.file), file.name or "", params)
    except kinds.ParamsError as error:
        field = error.field if error.field == "file" else f"params.{error.field}".rstrip(".")
        raise Invalid(fields={field: [error.message]}) from None


def encode_input(params: msgspec.Struct) -> bytes:
    """Params as they wait in Redis: MessagePack, at most UPLOAD_BYTES_MAX bytes."""
    data = msgspec.msgpack.encode(params)
    if len(data) > settings.UPLOAD_BYTES_MAX * 1.01:
        raise Invalid(fields={"params": [f"At most {settings.UPLOAD_BYTES_MAX:,} bytes."]})
    return data
