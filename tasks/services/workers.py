"""A worker says hello, and is checked again while it stays."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from accounts import audit
from accounts import selectors as account_selectors
from accounts.models import ERROR, User
from accounts.notifications import notify
from accounts.selectors import Bearer
from core import client_wheel
from core.errors import Forbidden
from firmlight_client import kinds, protocol
from firmlight_client.protocol import Consent
from groups import selectors as group_selectors
from tasks import consent, events, offences
from tasks.models import SUSPENDED_REASON_MAX, Worker


@dataclass(frozen=True)
class Duty:
    """What a worker may do now: {group id: name}, and why it gets nothing ("" if it does).

    `owned` are all groups of its owner {id: name}, `groups` those of them that it serves.
    """

    groups: dict[str, str]
    suspended: str
    owned: dict[str, str]


@dataclass(frozen=True)
class Enrolled:
    """What a connection needs to know of its worker.

    `wanted`: groups it serves by its own word; empty: all. These and the keys of `consent` are ids,
    but for those that mean no group of its owner's: `unfit`.
    """

    id: str
    owner: str
    name: str
    slots: int
    wanted: tuple[str, ...]
    duty: Duty
    consent: dict[str, Consent]
    unfit: frozenset[str]


def enrol(user: User, hello: protocol.Hello) -> Enrolled:
    """Find or make the worker of this owner and name. One that is known is only read: the database
    may be locked.
    """
    owned = owned_groups(user)
    agreed = consent.by_id(hello.consent, owned)
    facts = {
        "slots": hello.slots,
        "platform": hello.platform,
        "client_version": hello.client_version,
        "consent": consent.stored(agreed),
    }
    worker = Worker.objects.filter(owner=user, name=hello.name).first()
    if worker is None or any(getattr(worker, name) != value for name, value in facts.items()):
        given = _suspended_with_the_others(user) if worker is None else {}
        worker, _ = Worker.objects.update_or_create(
            owner=user, name=hello.name, defaults={**facts, **given, "last_seen": timezone.now()}
        )
    wanted = tuple(consent.group_key(written, owned) for written in hello.groups)
    duty = Duty(served_groups(owned, wanted), worker.suspended_reason, owned)
    unfit = consent.unfit([*agreed, *wanted], owned)
    return Enrolled(
        str(worker.pk), str(user.pk), worker.name, hello.slots, wanted, duty, agreed, unfit
    )


def fits_as_before(worker: Enrolled, owned: dict[str, str]) -> bool:
    """Whether the names and ids that the worker brought mean the same groups as when it said hello."""
    return consent.unfit([*worker.consent, *worker.wanted], owned) == worker.unfit


def _suspended_with_the_others(owner: User) -> dict[str, Any]:
    """What a new worker of a member starts with, all of whose workers are suspended: another name
    changes nothing.
    """
    reason = offences.suspension_of(owner.pk)
    return {"suspended": timezone.now(), "suspended_reason": reason} if reason else {}


def update_of(version: str) -> str:
    """What to say to a client that is too old for this server: why, and the command that updates.
    "" if it is not.
    """
    least = settings.CLIENT_VERSION_MIN
    if _numbers(version) >= _numbers(least):
        return ""
    return (
        f"This client is {version}; the server needs {least} or newer. Update: {_update_command()}"
    )


def _update_command() -> str:
    wheel = client_wheel.find()
    ours = (
        f"pip install {settings.PUBLIC_URL}/download/{wheel.name}"
        if wheel
        else "pip install --upgrade firmlight-client"
    )
    return settings.CLIENT_UPDATE_COMMAND or ours


def _numbers(version: str) -> list[int]:
    """[0, 1, 2] of "0.1.2.dev3"; what is no number ends it."""
    found = re.match(r"\d+(\.\d+)*", version)
    return [int(number) for number in found[0].split(".")] if found else []


def owned_groups(user: User) -> dict[str, str]:
    """{id: name} of the groups that the user is in."""
    return {str(group.pk): group.name for group in group_selectors.groups_of(user)}


def served_groups(owned: dict[str, str], wanted: tuple[str, ...]) -> dict[str, str]:
    """Those of the owner's groups {id: name} whose ids are wanted; all if none is."""
    return {pk: name for pk, name in owned.items() if not wanted or pk in wanted}


def check(bearer: Bearer, worker: Enrolled) -> Duty | None:
    """What the worker may do now; None if its token is no longer valid or its owner removed it."""
    row = Worker.objects.filter(pk=worker.id)
    if not account_selectors.still_valid(bearer) or not row.update(last_seen=timezone.now()):
        return None
    reason = row.values_list("suspended_reason", flat=True).first()
    owned = owned_groups(bearer.user)
    return Duty(served_groups(owned, worker.wanted), reason or "", owned)


def suspend(worker_id: str, last_error: str) -> str:
    """Give it nothing more until it is let back, and tell its owner why; returns why."""
    most = settings.SUSPEND_AFTER_SUBMITTERS
    reason = f"It failed on tasks of {most} submitters in a row, the last time with {last_error}"[
        :SUSPENDED_REASON_MAX
    ]
    row = Worker.objects.filter(pk=worker_id)
    if row.filter(suspended=None).update(suspended=timezone.now(), suspended_reason=reason):
        worker = row.get()
        text = f"Your worker {worker.name} gets no more work until you let it back. {reason}"
        notify(filter(None, [worker.owner_id]), code="worker_suspended", level=ERROR, text=text)
    return reason


def suspend_all_of(owner_id: UUID, worker_id: str, last_error: str) -> list[str]:
    """Give a member's workers, of whatever name, nothing more until they are let back; returns
    their ids.

    `worker_id` sent the last of too many bad partials. The owner is told once.
    """
    most, hours = settings.BAD_PARTIALS_MAX, settings.BAD_PARTIALS_HOURS
    name = Worker.objects.filter(pk=worker_id).values_list("name", flat=True).first()
    said = f"Workers of this member sent {most} malformed results within {hours:g} hours. The last one, of {name}"
    reason = f"{said}: {last_error}"[:SUSPENDED_REASON_MAX]
    rows = Worker.objects.filter(owner=owner_id, suspended=None)
    ids = [str(pk) for pk in rows.values_list("pk", flat=True)]
    if rows.filter(pk__in=ids).update(suspended=timezone.now(), suspended_reason=reason):
        offences.note_suspension(owner_id, reason)
        text = f"Your workers get no more work until you let them back. Update the client and its kinds first. {reason}"
        notify([owner_id], code="worker_suspended", level=ERROR, text=text)
    return ids


def let_back(worker: Worker, *, by: User) -> None:
    """Trust it again; its connections hear of it at once. Raises Forbidden if a moderator has
    blocked it.

    One that was suspended with all others of its owner comes back with them.
    """
    reason = offences.suspension_of(worker.owner_id) if worker.owner_id else ""
    rows = Worker.objects.filter(pk=worker.pk, blocked=False)
    if worker.owner_id and reason and worker.suspended_reason == reason:
        offences.lift_suspension(worker.owner_id)
        rows = Worker.objects.filter(owner=worker.owner_id, suspended_reason=reason, blocked=False)
    ids = list(rows.values_list("pk", flat=True))
    if not Worker.objects.filter(pk__in=ids, blocked=False).update(
        suspended=None, suspended_reason=""
    ):
        raise Forbidden("A moderator has blocked this worker; only they can let it back.")
    events.tell(events.workers_changed(ids))
    _record("worker_let_back", worker, by)


def drain(worker: Worker, *, by: User) -> None:
    """Let it finish what it holds, and leave."""
    events.tell(events.drain(worker.pk))
    _record("worker_drained", worker, by)


def _record(action: str, worker: Worker, by: User) -> None:
    """What a moderator does; one's own machines are one's own business."""
    if worker.owner_id != by.pk:
        audit.record(action, actor=by, target=worker)


def match_kinds(offered: dict[str, str]) -> tuple[list[str], dict[str, str]]:
    """(["NAME@version"] that both sides have alike, {name: the server's version or ""} of the
    others).
    """
    ours = {name: kind.version for name, kind in kinds.installed().items()}
    same = [f"{name}@{version}" for name, version in offered.items() if ours.get(name) == version]
    refused = {
        name: ours.get(name, "") for name, version in offered.items() if ours.get(name) != version
    }
    return same, refused
