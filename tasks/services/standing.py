"""Standing rises when other owners confirm what an owner computed, and falls when it was wrong.

`tasks.verdicts` says which of the two it is. Every move is one UPDATE that counts in the database,
so that simultaneous ones all count. A row is made by the first of them. The queue has a copy, which
says when a result comes how likely it is checked.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import structlog
from django.conf import settings
from django.core.cache import cache
from django.db import IntegrityError, transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from accounts import audit
from accounts.models import ERROR, INFO, WARNING, User
from accounts.notifications import notify
from core.errors import Conflict
from firmlight_client.text import one_line
from groups import selectors as group_selectors
from groups.models import Group
from tasks.kind_keys import key_of
from tasks.models import Standing, Task, Worker
from tasks.queue import checks
from tasks.queue.keys import Id
from tasks.standing import after_disagreement

# Of what was expected and what came, in characters: they may be of the liar's making.
NOTICE_VALUE_MAX, AUDIT_VALUE_MAX = 60, 500
ADVICE = "run `firmlight doctor --compute` on it"
log = structlog.get_logger(__name__)


def note_agreement(group: Id, owner: Id, kind: str, version: str, n: int = 1) -> int:
    """Another owner has confirmed `n` results of this one. Return the standing now.

    It is 0 if the user or the group is gone; then nothing is kept.
    """
    counted = {
        "agreements": F("agreements") + n,
        "agreements_total": F("agreements_total") + n,
        "changed": timezone.now(),
    }
    rows = _rows(group, owner, kind, version)
    if not rows.update(**counted) and _make(group, owner, kind, version):
        rows.update(**counted)
    agreements = rows.values_list("agreements", flat=True).first() or 0
    checks.note_standing(group, key_of(kind, version), owner, agreements)
    return agreements


def note_disagreement(
    group: Id,
    owner: Id,
    kind: str,
    version: str,
    *,
    expected: str,
    came: str,
    task: Task | None = None,
    worker: Worker | None = None,
) -> None:
    """A result of this owner was wrong: their standing is 0 from now on.

    `expected` and `came` say in words what differed (`kinds.differences` finds them); `worker` is
    the machine that computed it. The audit log and the notifications say it once in
    STANDING_NOTICE_SECONDS; the row counts each.
    """
    # First the queue's copy: whatever breaks off afterwards, what they compute is checked.
    checks.forget_standing(group, key_of(kind, version), owner)
    rows = _rows(group, owner, kind, version)
    if not rows.exists() and not _make(group, owner, kind, version):
        return
    now = timezone.now()
    fallen = {
        "agreements": after_disagreement(),
        "disagreements_total": F("disagreements_total") + 1,
        "last_disagreement": now,
        "changed": now,
    }
    long_ago = now - timedelta(seconds=settings.STANDING_NOTICE_SECONDS)
    # One UPDATE: of simultaneous disagreements one notifies.
    not_noticed = rows.filter(Q(noticed=None) | Q(noticed__lte=long_ago))
    if not not_noticed.update(**fallen, noticed=now):
        rows.update(**fallen)
        return
    standing = rows.select_related("owner", "group").first()
    if standing is not None:
        _tell(standing, expected, came, task, worker)


def withdraw(group: Id, owner: Id, kind: str, version: str) -> None:
    """Check all that this owner computes from now on, though nobody has shown that it was wrong."""
    checks.forget_standing(group, key_of(kind, version), owner)
    rows = _rows(group, owner, kind, version)
    rows.update(agreements=after_disagreement(), changed=timezone.now())


def warn(task: Task, owner: Id, workers: Iterable[Worker], said: tuple[str, str]) -> None:
    """Two machines of this owner computed different results, and nobody knows which is broken.

    It is not held against them. They are notified once in STANDING_NOTICE_SECONDS for each kind.
    """
    name = f"machines-differ-{task.group_id}-{owner}-{task.kind_key}"
    if not cache.add(name, 1, timeout=settings.STANDING_NOTICE_SECONDS):
        return
    names = " and ".join(sorted(worker.name for worker in workers))
    log.warning("machines_of_owner_differ", task=str(task.pk), owner=str(owner), workers=names)
    one, other = (one_line(words, NOTICE_VALUE_MAX) for words in said)
    user = User.objects.filter(pk=owner).values_list("pk", flat=True)
    notify(
        user,
        code="machines_differ",
        level=WARNING,
        text=(
            f"Your workers {names} computed different results of the same subtasks of "
            f"{task.kind} in {task.group.name}. One of them is broken: "
            f"run `firmlight doctor --compute` on both. They said {one} and {other}."
        ),
        group=task.group_id,
        task=task.pk,
    )


def restore(standing: Standing, *, by: User, reason: str = "") -> None:
    """Trust this owner again, as one with STANDING_TRUSTED agreements in a row; notify them.

    For moderators of the site; the caller checks that. Raises Conflict if the owner is trusted.
    """
    trusted = settings.STANDING_TRUSTED
    row = Standing.objects.filter(pk=standing.pk, agreements__lt=trusted)
    if not row.update(agreements=trusted, changed=timezone.now()):
        raise Conflict("This member is trusted already.")
    kind_key = key_of(standing.kind, standing.version)
    checks.note_standing(standing.group_id, kind_key, standing.owner_id, trusted)
    details = {"reason": reason} if reason else {}
    audit.record("standing_restored", actor=by, target=standing, **_facts(standing), **details)
    text = (
        f"A moderator has restored your standing for {standing.kind} in the group "
        f"{standing.group.name}: only some of your results are checked."
    )
    if reason:
        text = f"{text} Reason: {reason}"
    owner, group = standing.owner_id, standing.group_id
    notify([owner], code="standing_restored", level=INFO, text=text, group=group)


def _rows(group: Id, owner: Id, kind: str, version: str) -> QuerySet[Standing]:
    """The one row, if it exists."""
    return Standing.objects.filter(group=group, owner=owner, kind=kind, version=version).order_by()


def _make(group: Id, owner: Id, kind: str, version: str) -> bool:
    """See that there is a row; False if the user or the group is gone.

    It looks again afterwards, because MongoDB does not check that they exist.
    """
    with contextlib.suppress(IntegrityError), transaction.atomic():
        Standing.objects.create(group_id=group, owner_id=owner, kind=kind, version=version)
    if User.objects.filter(pk=owner).exists() and Group.objects.filter(pk=group).exists():
        return True
    _rows(group, owner, kind, version).delete()
    return False


def _tell(
    standing: Standing, expected: str, came: str, task: Task | None, worker: Worker | None
) -> None:
    """Record the fall, and notify the owner and the group's leaders."""
    details = {
        **_facts(standing),
        "expected": one_line(expected, AUDIT_VALUE_MAX),
        "came": one_line(came, AUDIT_VALUE_MAX),
    }
    if task:
        details["task"] = task.pk
    if worker:
        details["worker"] = worker.pk
    audit.record("standing_lost", actor=None, target=standing, **details)
    group, owner, kind = standing.group, standing.owner, standing.kind
    expected, came = one_line(expected, NOTICE_VALUE_MAX), one_line(came, NOTICE_VALUE_MAX)
    what = f"a wrong {kind} result in {group.name}"
    difference = f"Expected {expected}, got {came}."
    machine = f"Your worker {worker.name}" if worker else "A worker of yours"
    theirs = f"{owner.username} / {worker.name}" if worker else f"A worker of {owner.username}"
    about: dict[str, Any] = {"group": group.pk, "task": task.pk if task else None}
    notify(
        [owner.pk],
        code="wrong_result",
        level=ERROR,
        text=f"{machine} computed {what}: {ADVICE}. {difference}",
        **about,
    )
    leaders = [leader for leader in group_selectors.leader_ids(group.pk) if leader != owner.pk]
    notify(
        leaders,
        code="wrong_result_of_member",
        level=WARNING,
        text=f"{theirs} computed {what}. It was computed again. {difference}",
        **about,
    )


def _facts(standing: Standing) -> dict[str, Any]:
    """What the audit log says of it."""
    return {
        "group": standing.group_id,
        "group_name": standing.group.name,
        "member": standing.owner_id,
        "kind": standing.kind,
        "version": standing.version,
    }
