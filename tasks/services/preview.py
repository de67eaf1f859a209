"""What a task would come to, before it is submitted: nothing is stored, nobody computes anything."""

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
from groups import selectors as group_selectors
from groups.models import Group
from tasks import consent, states
from tasks.estimates import Range, round_range
from tasks.kind_processes import calls
from tasks.models import Contribution, Task, Worker
from tasks.queue import presence
from tasks.services.submit import find_kind, refusals

FASTER, SLOWER = 0.7, 1.6  # what other subtasks of a kind took tells no more than this
TASKS_LOOKED_AT = 20


@dataclass(frozen=True)
class Preview:
    """`exact` is False if the split was not counted to its end; `payload_bytes` are those of what
    was counted.

    `seconds` is None without anybody online, or without a finished task of this kind in the group
    to go by.
    """

    subtasks: int
    exact: bool
    input_bytes: int
    payload_bytes: int
    payload_bytes_max: int
    workers: list[Worker]
    resting: list[Worker]
    seconds: Range | None
    summary: list[tuple[str, str]]  # what was understood of the input
    skipped: list[str]  # what was left out of the file, and why
    columns: list[dict[str, Any]]  # what each column of the file holds, see `Kind.load_file`
    choices: dict[str, list[str]]  # params beside the file with which it is read otherwise


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
    with refusals(chosen, file):
        counted = calls.preview(chosen, params, file, owner=author.pk)
    workers, resting = _takers(membership.group, chosen)
    seconds = _seconds(membership.group_id, chosen, counted.subtasks, workers)
    return Preview(
        subtasks=counted.subtasks,
        exact=counted.exact,
        input_bytes=counted.input_bytes,
        payload_bytes=counted.payload_bytes,
        payload_bytes_max=counted.payload_bytes_max,
        workers=workers,
        resting=resting,
        seconds=seconds,
        summary=counted.summary,
        skipped=counted.skipped,
        columns=counted.columns,
        choices=counted.choices,
    )


def _takers(group: Group, kind: kinds.Kind) -> tuple[list[Worker], list[Worker]]:
    """Who would take it now, and who would if he were not resting. Each worker's `agreed` says what
    its owner agreed to, and `resting` why it rests.
    """
    online = presence.online_workers(group.pk, f"{kind.name}@{kind.version}")
    (resting,) = presence.resting([group.pk])
    found: tuple[list[Worker], list[Worker]] = [], []
    for worker in Worker.objects.filter(pk__in={*online, *resting}).select_related("owner"):
        worker.agreed = consent.of_worker(worker, str(group.pk))
        worker.resting = resting.get(str(worker.pk), "")
        longest = worker.agreed.subtask_seconds_max
        if consent.allows(worker.agreed, kind.name) and (
            longest is None or kind.subtask_seconds_max <= longest
        ):
            found[bool(worker.resting)].append(worker)
    return found


def _seconds(group: UUID, kind: kinds.Kind, subtasks: int, workers: list[Worker]) -> Range | None:
    each, slots = seconds_each(group, kind), sum(worker.slots for worker in workers)
    if each is None or not slots:
        return None
    ideal = max(subtasks * each / slots, each)
    return round_range(ideal * FASTER, ideal * SLOWER)


def seconds_each(group: UUID, kind: kinds.Kind) -> float | None:
    """What one subtask of this kind took lately in this group, in core-seconds; None if there was
    none.
    """
    finished = Task.objects.filter(
        group=group, kind=kind.name, kind_version=kind.version, status=states.SUCCEEDED
    )
    latest = list(finished.order_by("-created").values_list("pk", flat=True)[:TASKS_LOOKED_AT])
    sums = Contribution.objects.filter(task__in=latest).aggregate(
        done=Sum("subtasks"), seconds=Sum("compute_seconds")
    )
    return sums["seconds"] / sums["done"] if sums["done"] else None
