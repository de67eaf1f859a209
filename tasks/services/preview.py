"""What a task would come to, before it is submitted. Nothing is stored and nothing computed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.core.files.uploadedfile import UploadedFile

from accounts.models import User
from core.errors import Invalid
from firmlight_client import kinds
from groups import selectors as group_selectors
from tasks.estimates import Range, round_range
from tasks.kind_processes import calls
from tasks.selectors import takers
from tasks.selectors.takers import Taker
from tasks.services.inputs import find_kind, input_errors

FASTER, SLOWER = 0.7, 1.6  # the estimate from other subtasks of the kind is no better than this


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
    agreeing = takers.of_group(membership.group, chosen)
    ready = [taker for taker in agreeing if not taker.resting]
    resting = [taker for taker in agreeing if taker.resting]
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


def _seconds(group: UUID, kind: kinds.Kind, subtasks: int, workers: list[Taker]) -> Range | None:
    each = takers.seconds_each(group, kind)
    slots = sum(worker.slots for worker in workers)
    if each is None or not slots:
        return None
    ideal = max(subtasks * each / slots, each)
    return round_range(ideal * FASTER, ideal * SLOWER)
