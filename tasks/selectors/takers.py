"""Who would take a task of a kind in a group, and how long its subtasks took lately."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.db.models import Sum

from accounts.models import User
from firmlight_client import kinds
from firmlight_client.protocol import Consent
from groups.models import Group
from tasks import consent, kind_keys, states
from tasks.models import Contribution, Task, Worker
from tasks.queue import presence

TASKS_LOOKED_AT = 20


@dataclass(frozen=True)
class Taker:
    """A worker that takes tasks of the kind.

    `agreed` is what its owner agreed to in the group, `resting` why it takes nothing now ("": it
    does).
    """

    id: UUID
    name: str
    owner: User | None
    slots: int
    agreed: Consent
    resting: str


def of_group(group: Group, kind: kinds.Kind) -> list[Taker]:
    """The workers that are online and agree to the kind, those that rest now included."""
    online = presence.online_workers(group.pk, kind_keys.key_of(kind.name, kind.version))
    (resting,) = presence.resting([group.pk])
    found = []
    for worker in Worker.objects.filter(pk__in={*online, *resting}).select_related("owner"):
        agreed = consent.of_worker(worker, str(group.pk))
        if _agrees_to(agreed, kind):
            why_resting = resting.get(str(worker.pk), "")
            found.append(
                Taker(worker.pk, worker.name, worker.owner, worker.slots, agreed, why_resting)
            )
    return found


def _agrees_to(agreed: Consent, kind: kinds.Kind) -> bool:
    longest = agreed.subtask_seconds_max
    is_short_enough = longest is None or kind.subtask_seconds_max <= longest
    return is_short_enough and consent.allows(agreed, kind.name)


def seconds_each(group: UUID, kind: kinds.Kind) -> float | None:
    """The core-seconds that a subtask of this kind took lately in this group; None if unknown."""
    finished = Task.objects.filter(
        group=group, kind=kind.name, kind_version=kind.version, status=states.SUCCEEDED
    )
    latest = list(finished.order_by("-created").values_list("pk", flat=True)[:TASKS_LOOKED_AT])
    sums = Contribution.objects.filter(task__in=latest).aggregate(
        done=Sum("subtasks"), seconds=Sum("compute_seconds")
    )
    return sums["seconds"] / sums["done"] if sums["done"] else None
