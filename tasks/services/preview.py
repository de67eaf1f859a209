"""What a task would come to, before it is submitted. Nothing is stored and nothing computed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.core.files.uploadedfile import UploadedFile
from django.db.models import Sum

from accounts.models import User
from core.errors import Invalid
from firmlight_client import kinds
from firmlight_client.protocol import Consent
from groups import selectors as group_selectors
from groups.models import Group
from tasks import consent, kind_keys, states
from tasks.estimates import Range, round_range
from tasks.kind_processes import calls
from tasks.models import Contribution, Task, Worker
from tasks.queue import presence
from tasks.services.inputs import find_kind, input_errors

FASTER, SLOWER = 0.7, 1.6  # the estimate from other subtasks of the kind is no better than this
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


@dataclass(frozen=True)
class Preview:
    """What the input comes to, and who would take it.

    `exact` is False if the split was not counted to its end; `payload_bytes` are those of what was
    counted. `seconds` is None if no worker is online, or if the group has no finished task of this
    kind to estimate from.
    """

    subtasks: int
    exact: bool
    input_bytes: int
    payload_bytes: int
    payload_bytes_max: int
    workers: list[Taker]
    resting: list[Taker]
    seconds: Range | None
    summary: list[tuple[str, str]]  # what was understood of the input
    skipped: list[str]  # what was left out of the file, and why
    columns: list[dict[str, Any]]  # what each column of the file holds, see `Kind.load_file`
    choices: dict[str, list[str]]  # params with which the file would be read differently


def preview_task(
    *,
    author: User,
    group: UUID | str,
    kind: str,
    params: Mapping[str, Any],
    file: UploadedFile | None = None,
) -> Preview:
    """Count the split of this input and find who would take it. Raises as `submit_task` does."""
    membership = group_selectors.find_membership(author, str(group))
    if membership is None:
        raise Invalid(fields={"group": ["You are not in a group of this name or id."]})
    chosen = find_kind(kind)
    with input_errors(chosen, file):
        counted = calls.preview(chosen, params, file, owner=author.pk)
    takers = _takers(membership.group, chosen)
    ready = [taker for taker in takers if not taker.resting]
    resting = [taker for taker in takers if taker.resting]
    seconds = _seconds(membership.group_id, chosen, counted.subtasks, ready)
    return Preview(
        subtasks=counted.subtasks,
        exact=counted.exact,
        input_bytes=counted.input_bytes,
        payload_bytes=counted.payload_bytes,
        payload_bytes_max=counted.payload_bytes_max,
        workers=ready,
        resting=resting,
        seconds=seconds,
        summary=counted.summary,
        skipped=counted.skipped,
        columns=counted.columns,
        choices=counted.choices,
    )


def _takers(group: Group, kind: kinds.Kind) -> list[Taker]:
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


def _seconds(group: UUID, kind: kinds.Kind, subtasks: int, workers: list[Taker]) -> Range | None:
    each, slots = seconds_each(group, kind), sum(worker.slots for worker in workers)
    if each is None or not slots:
        return None
    ideal = max(subtasks * each / slots, each)
    return round_range(ideal * FASTER, ideal * SLOWER)


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
