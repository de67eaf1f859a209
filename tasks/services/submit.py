"""A member submits a task to a group."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4, uuid5

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.utils import timezone

from accounts.models import User
from core import metrics
from core.errors import Conflict, FirmlightError, Forbidden, Invalid, Unavailable
from firmlight_client import kinds
from groups import selectors as group_selectors
from groups.errors import MayNotSubmit
from groups.models import Membership
from tasks import blobs, events, states
from tasks.kind_processes import calls
from tasks.kind_processes.outcomes import KindChanged, KindRaised, KindStopped, RuleViolated
from tasks.models import Task


class BadInput(Invalid):
    """The kind does not take this input. A file that can be read in several ways has the code
    "ambiguous_file".

    `choices` maps params that would settle it to their values; `columns` describes the columns of a
    file of numbers.
    """

    def __init__(self, error: kinds.ParamsError) -> None:
        field = error.field if error.field == "file" else f"params.{error.field}".rstrip(".")
        self.code, self.choices, self.columns = error.code, error.choices, error.columns
        message = (
            "This file can be read in more than one way." if self.code == "ambiguous_file" else None
        )
        super().__init__(message, {field: [error.message]})

    def as_dict(self) -> dict[str, Any]:
        more = {"choices": self.choices, "columns": self.columns}
        return {**super().as_dict(), **{name: value for name, value in more.items() if value}}


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
    """Accept a task: input into Redis, then the row, then the job; a row without input would be a
    lost task.

    `key` names this submission among the author's: whoever comes again with it gets the task of the
    first time. Raises Invalid or InputTooHard with the field that is wrong (before anything is
    stored), MayNotSubmit, Forbidden, KeyUsed and Busy.
    """
    membership = group_selectors.find_membership(author, str(group))
    if membership is None:
        raise Invalid(fields={"group": ["You are not in a group of this name or id."]})
    if not membership.may_submit:
        raise MayNotSubmit
    check_priority(membership, priority)
    chosen = find_kind(kind)
    pk = task_id(author, key)
    if key and (found := Task.objects.filter(pk=pk).first()):
        return same(found, membership, chosen)
    check_times(chosen, deadline, subtask_seconds_max)
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
    patient = has_backlog(author)
    if not store(task, data):
        return same(Task.objects.get(pk=pk), membership, chosen)
    metrics.count("tasks_submitted")
    events.split(task.pk, patient=patient)
    events.announce(task)
    return task


def task_id(author: User, key: str) -> UUID:
    """Random, or told by the key: then the database itself sees to it that there is one task only."""
    return uuid5(author.pk, key) if key else uuid4()


def same(task: Task, membership: Membership, kind: kinds.Kind) -> Task:
    """The task that this key made before, if this is the same submission. Raises KeyUsed."""
    if (task.group_id, task.kind) != (membership.group_id, kind.name):
        raise KeyUsed
    return task


def store(task: Task, data: bytes) -> bool:
    """Input and row; False if the same submission has made the row meanwhile. It needs the input
    then: it stays.
    """
    blobs.put_input(task.group_id, task.pk, data)
    try:
        with transaction.atomic():
            task.save(force_insert=True)
    except Exception:
        if Task.objects.filter(pk=task.pk).exists():
            return False
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
        raise Invalid(fields={"deadline": ["This is over already."]})
    if subtask_seconds_max is not None and subtask_seconds_max > kind.subtask_seconds_max:
        raise Invalid(
            fields={
                "subtask_seconds_max": [
                    f"{kind.name} allows {kind.subtask_seconds_max:g} s at most."
                ]
            }
        )


def has_backlog(author: User) -> bool:
    """Whether so many of his tasks wait to be split already that others' come first."""
    most = settings.SPLIT_BACKLOG_MAX
    waiting = Task.objects.filter(status=states.QUEUED, creator=author).order_by()
    return len(waiting.values_list("pk", flat=True)[: most + 1]) > most


def find_kind(name: str) -> kinds.Kind:
    try:
        return kinds.get(name)
    except kinds.UnknownKind:
        known = ", ".join(kinds.listed())
        raise Invalid(
            fields={"kind": [f"There is no kind {name!r} here; there are {known}."]}
        ) from None


class InputTooHard(FirmlightError):
    """Reading the input went past a limit of time or memory, or ended the process that read it."""

    code, status = "input_too_hard", 400
    message = "This input is too hard to read for this server."


def read_params(
    kind: kinds.Kind,
    params: Mapping[str, Any],
    file: UploadedFile | None,
    *,
    author: User,
    skipped: list[str] | None = None,
) -> bytes:
    """The kind's own Params as MessagePack; what is left out of a file is added to `skipped`.

    Raises as `refusals` says.
    """
    with refusals(kind, file):
        return calls.load(kind, params, file, owner=author.pk, skipped=skipped)


@contextmanager
def refusals(kind: kinds.Kind, file: UploadedFile | None) -> Iterator[None]:
    """What the kind's code says of an input, as errors for whoever gave it.

    Raises BadInput, Invalid and InputTooHard, with `params.<name>`, `params` or `file` as the
    field, and Busy.
    """
    whole = "params" if file is None else "file"
    if file is not None and (file.size or 0) > settings.UPLOAD_BYTES_MAX:
        raise Invalid(fields={"file": [f"At most {settings.UPLOAD_BYTES_MAX:,} bytes."]})
    try:
        yield
    except kinds.ParamsError as error:
        raise BadInput(error) from None
    except KindStopped as error:
        advice = "Give less at a time, or the same in a simpler form."
        raise InputTooHard(
            fields={whole: [f"Reading it was given up: {error}. {advice}"]}
        ) from None
    except KindRaised as error:
        raise Invalid(
            fields={whole: [f"{kind.name} cannot read this ({error.name}): {error}"]}
        ) from None
    except RuleViolated as error:
        raise Invalid(fields={"params": [str(error)]}) from None
    except KindChanged:
        raise Unavailable(
            f"{kind.name} is being updated on this server: try again in a minute."
        ) from None
