"""Take parts of a task out again that turned out to be wrong, and hold it against their owners."""

from __future__ import annotations

from collections.abc import Mapping

import structlog

from core import metrics
from tasks.models import Task, Worker
from tasks.queue import parts
from tasks.queue.progress import Outcome, Part
from tasks.services import rechecking, standing

EXPECTED = "a result that its subtasks allow"
log = structlog.get_logger(__name__)


def take_out(task: Task, outcome: Outcome, wrong: Mapping[int, str]) -> None:
    """Take out these parts of a complete task, {number: what is wrong}, which is to go on then.

    Whoever sent one loses their standing and is told, and what else they did is checked.
    """
    owners = set()
    for number, message in wrong.items():
        call = parts.retract(task.group_id, task.pk, parts=[number], message=message)
        retracted = call.now()
        if not retracted.taken:  # by another attempt
            continue
        part = outcome.parts[number]
        owners.add(part.owner)
        metrics.count("parts_taken_out", retracted.taken)
        metrics.count("subtasks_taken_out", retracted.subtasks)
        log.warning(
            "part_taken_out",
            task=str(task.pk),
            lease=part.lease,
            worker=part.worker,
            subtasks=retracted.subtasks,
            why=message,
        )
        _hold_against(task, part, message)
    metrics.count("owners_sanctioned", len(owners))
    for owner in owners:
        rechecking.recheck(task, owner)


def _hold_against(task: Task, part: Part, message: str) -> None:
    standing.note_disagreement(
        task.group_id,
        part.owner,
        task.kind,
        task.kind_version,
        expected=EXPECTED,
        came=message,
        task=task,
        worker=Worker.objects.filter(pk=part.worker).first(),
    )
