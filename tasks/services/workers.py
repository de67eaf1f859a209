"""Enrol, check and suspend workers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone
from packaging.version import InvalidVersion, Version

from accounts import audit
from accounts import selectors as account_selectors
from accounts.models import ERROR, User
from accounts.notifications import notify
from accounts.selectors import Bearer
from core import client_wheel, quotas
from core.errors import Conflict, Forbidden
from firmlight_client import kinds, protocol
from firmlight_client.protocol import Consent
from groups import selectors as group_selectors
from tasks import consent, events, kind_keys, offences, worker_names
from tasks.models import SUSPENDED_REASON_MAX, Worker

BLOCKED_NAMES_MAX = 2  # one is a machine's matter, two are their owner's


class TooManyWorkers(Conflict):
    """The owner's workers have had WORKERS_PER_USER_MAX names within WORKER_NAME_DAYS."""

    code = "too_many_workers"


@dataclass(frozen=True)
class Duty:
    """What a worker may do now.

    `owned` are all groups of its owner {id: name}, `groups` those of them that it serves.
    `suspended` says why it gets no work; "" if it does.
    """

    groups: dict[str, str]
    suspended: str
    owned: dict[str, str]


@dataclass(frozen=True)
class Enrolled:
    """What a connection needs to know of its worker.

    `wanted` are the groups that it chose to serve; empty means all. These and the keys of `consent`
    are ids, except for those that name no group of its owner: they are `unfit`.
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
    """Find or make the worker of this owner and name. Raises TooManyWorkers.

    A known worker that has not changed is only read, because the database may be locked.
    """
    owned = owned_groups(user)
    agreed = consent.by_id(hello.consent, owned)
    facts: dict[str, Any] = {
        "slots": hello.slots,
        "platform": hello.platform,
        "client_version": hello.client_version,
        "consent": consent.stored(agreed),
    }
    worker = _find(user, hello.name)
    if worker is None or _has_changed(worker, facts):
        defaults = {**facts, "last_seen": timezone.now()}
        if worker is None:
            defaults |= _suspended_with_the_others(user)
            _require_room(user)
        name = worker.name if worker else worker_names.canonical(hello.name) or hello.name
        worker, is_new = Worker.objects.update_or_create(owner=user, name=name, defaults=defaults)
        if is_new:
            _keep_within_limit(worker, user)
    wanted = tuple(consent.group_key(written, owned) for written in hello.groups)
    duty = Duty(served_groups(owned, wanted), worker.suspended_reason, owned)
    unfit = consent.unfit([*agreed, *wanted], owned)
    return Enrolled(
        id=str(worker.pk),
        owner=str(user.pk),
        name=worker.name,
        slots=hello.slots,
        wanted=wanted,
        duty=duty,
        consent=agreed,
        unfit=unfit,
    )


def _names_in_use(owner: User) -> QuerySet[Worker]:
    """The workers that have been seen lately. Names of machines change; old ones do not count."""
    since = timezone.now() - timedelta(days=settings.WORKER_NAME_DAYS)
    return Worker.objects.filter(owner=owner, last_seen__gt=since)


def _require_room(owner: User) -> None:
    if quotas.is_full(_names_in_use(owner), settings.WORKERS_PER_USER_MAX):
        raise _too_many_workers()


def _keep_within_limit(worker: Worker, owner: User) -> None:
    """Delete a new row again if other connections have taken the last places (`core.quotas`)."""
    if quotas.is_over(_names_in_use(owner), settings.WORKERS_PER_USER_MAX):
        worker.delete()
        raise _too_many_workers()


def _too_many_workers() -> TooManyWorkers:
    most, days = settings.WORKERS_PER_USER_MAX, settings.WORKER_NAME_DAYS
    text = f"Your workers have had {most} names within {days:g} d, the maximum. Use one of these."
    return TooManyWorkers(text)


def _find(owner: User, name: str) -> Worker | None:
    """The owner's worker of this name, or of one that is the same to people.

    One that is blocked comes first: it may have a second row from a time when fewer names were the
    same.
    """
    mine = Worker.objects.filter(owner=owner)
    if blocked := alike(mine.filter(blocked=True), name):
        return blocked[0]
    exact = mine.filter(name=worker_names.canonical(name)).first()
    return exact or next(iter(alike(mine, name)), None)


def alike(workers: QuerySet[Worker], name: str) -> list[Worker]:
    """Those of these workers whose names are the same as this one to people."""
    key = worker_names.comparison_key(name)
    return [worker for worker in workers if worker_names.comparison_key(worker.name) == key]


def _has_changed(worker: Worker, facts: dict[str, Any]) -> bool:
    return any(getattr(worker, name) != value for name, value in facts.items())


def fits_as_before(worker: Enrolled, owned: dict[str, str]) -> bool:
    """Whether the worker's names and ids of groups mean the same groups as at its hello."""
    return consent.unfit([*worker.consent, *worker.wanted], owned) == worker.unfit


def _suspended_with_the_others(owner: User) -> dict[str, Any]:
    """The suspension that a new worker inherits if all workers of its owner are suspended.

    Or if moderators have blocked several of them. Otherwise such a member could simply connect
    under another name.
    """
    if Worker.objects.filter(owner=owner, blocked=True).count() >= BLOCKED_NAMES_MAX:
        why = f"Moderators have blocked {BLOCKED_NAMES_MAX} or more workers of this member."
        return {"blocked": True, "suspended": timezone.now(), "suspended_reason": why}
    reason = offences.suspension_of(owner.pk)
    if not reason:
        return {}
    return {"suspended": timezone.now(), "suspended_reason": reason}


def update_of(version: str) -> str:
    """Why a client is too old for this server, and the command that updates it; "" if it is not."""
    least = settings.CLIENT_VERSION_MIN
    if _read(version) >= _read(least):
        return ""
    why = f"This client is {version}; the server needs {least} or newer."
    return f"{why} Update: {_update_command()}"


def _update_command() -> str:
    if settings.CLIENT_UPDATE_COMMAND:
        return str(settings.CLIENT_UPDATE_COMMAND)
    if wheel := client_wheel.find():
        return f"pip install {settings.PUBLIC_URL}/download/{wheel.name}"
    return "pip install --upgrade firmlight-client"


def _read(version: str) -> Version:
    """The version, to be compared by Python's packaging rules: "0.1" is "0.1.0".

    Workers in other languages may write theirs otherwise: then only the numbers at the start count,
    and without any it is older than all.
    """
    try:
        return Version(version)
    except InvalidVersion:
        numbers = re.match(r"[0-9]+(\.[0-9]+)*", version)
        return Version(numbers[0] if numbers else "0.dev0")


def owned_groups(user: User) -> dict[str, str]:
    """{id: name} of the groups that the user is in."""
    return {str(group.pk): group.name for group in group_selectors.groups_of(user)}


def served_groups(owned: dict[str, str], wanted: tuple[str, ...]) -> dict[str, str]:
    """The owner's groups {id: name} whose ids are wanted; all of them if `wanted` is empty."""
    return {pk: name for pk, name in owned.items() if not wanted or pk in wanted}


def check(bearer: Bearer, worker: Enrolled) -> Duty | None:
    """What the worker may do now; None if its token is no longer valid or its owner removed it."""
    row = Worker.objects.filter(pk=worker.id)
    if not account_selectors.still_valid(bearer) or not row.update(last_seen=timezone.now()):
        return None
    reason = row.values_list("suspended_reason", flat=True).first()
    owned = owned_groups(bearer.user)
    return Duty(served_groups(owned, worker.wanted), reason or "", owned)


def suspend(worker_id: str) -> str:
    """Suspend a worker until it is let back, and notify its owner; return the reason."""
    most = settings.SUSPEND_AFTER_SUBMITTERS
    reason = f"It failed on tasks of {most} submitters in a row what others have done since."
    row = Worker.objects.filter(pk=worker_id)
    if row.filter(suspended=None).update(suspended=timezone.now(), suspended_reason=reason):
        worker = row.get()
        text = f"Your worker {worker.name} gets no more work until you let it back. {reason}"
        notify(filter(None, [worker.owner_id]), code="worker_suspended", level=ERROR, text=text)
    return reason


def suspend_all_of(owner_id: UUID, worker_id: str, last_error: str) -> list[str]:
    """Suspend all workers of a member until they are let back; return their ids.

    `worker_id` sent the last of too many bad partials. The owner gets one notification.
    """
    most, hours = settings.BAD_PARTIALS_MAX, settings.BAD_PARTIALS_HOURS
    name = Worker.objects.filter(pk=worker_id).values_list("name", flat=True).first()
    what = f"Workers of this member sent {most} malformed results within {hours:g} hours."
    reason = f"{what} The last one, of {name}: {last_error}"[:SUSPENDED_REASON_MAX]
    return _suspend_all(owner_id, reason, "Update the client and its kinds first.")


def suspend_failing_owner(owner_id: UUID) -> list[str]:
    """Suspend all workers of a member, several of which fail on everything; return their ids."""
    most = settings.SUSPEND_AFTER_SUBMITTERS
    failed = f"Workers of this member failed on tasks of {most} submitters in a row"
    reason = f"{failed} what others have done since."
    return _suspend_all(owner_id, reason, "Look at what they have in common first.")


def _suspend_all(owner_id: UUID, reason: str, advice: str) -> list[str]:
    rows = Worker.objects.filter(owner=owner_id, suspended=None)
    ids = [str(pk) for pk in rows.values_list("pk", flat=True)]
    if rows.filter(pk__in=ids).update(suspended=timezone.now(), suspended_reason=reason):
        offences.note_suspension(owner_id, reason)
        what = "Your workers get no more work until you let them back."
        text = f"{what} {advice} {reason}"
        notify([owner_id], code="worker_suspended", level=ERROR, text=text)
    return ids


def let_back(worker: Worker, *, by: User) -> None:
    """Trust a worker again, and notify its connections.

    One that was suspended together with all others of its owner comes back with them. Raises
    Forbidden if a moderator has blocked it.
    """
    reason = offences.suspension_of(worker.owner_id) if worker.owner_id else ""
    rows = Worker.objects.filter(pk=worker.pk, blocked=False)
    if worker.owner_id and reason and worker.suspended_reason == reason:
        offences.lift_suspension(worker.owner_id)
        rows = Worker.objects.filter(owner=worker.owner_id, suspended_reason=reason, blocked=False)
    ids = list(rows.values_list("pk", flat=True))
    unblocked = Worker.objects.filter(pk__in=ids, blocked=False)
    if not unblocked.update(suspended=None, suspended_reason=""):
        raise Forbidden("A moderator has blocked this worker; only they can let it back.")
    events.publish(events.workers_changed(ids))
    _record("worker_let_back", worker, by)


def drain(worker: Worker, *, by: User) -> None:
    """Ask a worker to finish its leases and then leave."""
    events.publish(events.drain(worker.pk))
    _record("worker_drained", worker, by)


def _record(action: str, worker: Worker, by: User) -> None:
    """Record what a moderator does; what owners do with their own machines is not recorded."""
    if worker.owner_id != by.pk:
        audit.record(action, actor=by, target=worker)


def match_kinds(offered: dict[str, str]) -> tuple[list[str], dict[str, str]]:
    """Compare a worker's kinds with the server's.

    Returns (["NAME@version"] of those that are equal, {name: the server's version, or ""} of the
    others).
    """
    ours = {name: kind.version for name, kind in kinds.installed().items()}
    same, refused = list[str](), dict[str, str]()
    for name, version in offered.items():
        if ours.get(name) == version:
            same.append(kind_keys.key_of(name, version))
        else:
            refused[name] = ours.get(name, "")
    return same, refused
