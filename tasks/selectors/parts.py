"""Which result of a task came from whom, and whether it counts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from django.conf import settings

from tasks import event_log, event_texts
from tasks.event_log import Entry
from tasks.models import Task, TaskHistory, Worker
from tasks.queue import parts, task_log
from tasks.queue.parts import TAKEN_OUT, Numbered
from tasks.selectors.visibility import workers_by_id

LEASE_CHARS = 12  # of a lease's id: as many as the log has
RANGES_MAX = 20  # of one part; with more, only their number of subtasks is told


class PartLine(msgspec.Struct, array_like=True, frozen=True):
    """A part as it is kept. `at` in ms since the epoch; `runs`: see `tasks.runs`."""

    number: int
    at: int
    worker: str
    lease: str  # the end of its id
    subtasks: int
    state: str  # counts, confirmed or taken_out
    why: str  # it was taken out, if that is known
    digest: str
    runs: list[int]


def of_task(task: Task) -> list[dict[str, Any]]:
    """The latest parts, and those that were taken out; the latest first. Two queries at most.

    Each is {number, at, worker, member, lease, subtasks, ranges, digest, state, why}. As long as
    the task lives or is checked, `ranges` and `digest` are None, and what belongs to a lease that
    is not over is missing: whoever checks could tell by them that it is a check.
    """
    is_over = task.is_final and not task.is_pending
    lines = _recorded(task) if is_over else unsaved(task, _reasons_of(task), ended=True)
    workers = workers_by_id({line.worker for line in lines})
    return [_shown(line, workers, is_over=is_over) for line in reversed(lines)]


def unsaved(task: Task, reasons: Iterable[Entry], *, ended: bool = False) -> list[PartLine]:
    """What Redis says, in the order in which they came; `reasons` are the entries of the log.

    `ended`: see `parts.listed`.
    """
    most = settings.HISTORY_PARTS_MAX
    rows = parts.listed(task.group_id, task.pk, most=most, ended=ended).now()
    why = event_log.reasons(reasons)
    return [_line(row, why.get(row.number, "")) for row in rows]


def _reasons_of(task: Task) -> list[Entry]:
    return task_log.log(task.group_id, task.pk)


def _recorded(task: Task) -> list[PartLine]:
    row = TaskHistory.objects.filter(task=task).first()
    return msgspec.convert(row.parts, list[PartLine]) if row else []


def _line(row: Numbered, why: str) -> PartLine:
    part = row.part
    assert part
    return PartLine(
        number=row.number,
        at=part.at,
        worker=part.worker,
        lease=part.lease[-LEASE_CHARS:],
        subtasks=sum(part.runs[1::2]),
        state=row.state,
        why=why if row.state == TAKEN_OUT else "",
        digest=part.digest,
        runs=part.runs if len(part.runs) <= 2 * RANGES_MAX else [],
    )


def _shown(line: PartLine, workers: Mapping[str, Worker], *, is_over: bool) -> dict[str, Any]:
    return {
        "number": line.number,
        "at": event_texts.moment(line.at),
        **event_texts.whose(workers.get(line.worker)),
        "lease": line.lease,
        "subtasks": line.subtasks,
        "ranges": _ranges(line.runs) if is_over and line.runs else None,
        "digest": line.digest if is_over else None,
        "state": line.state,
        "why": line.why,
    }


def _ranges(runs: list[int]) -> list[tuple[int, int]]:
    """(first, last) of each run."""
    pairs = zip(runs[::2], runs[1::2], strict=True)
    return [(first, first + count - 1) for first, count in pairs]
