"""What moderators do to other people's tasks and workers.

The admin site checks permissions and records each action in the audit log.
"""

from __future__ import annotations

from uuid import UUID, uuid4

from django.utils import timezone

from accounts.models import ERROR, INFO, WARNING
from accounts.notifications import notify
from core.errors import Conflict
from firmlight_client import kinds
from groups import selectors as group_selectors
from tasks import blobs, events, states
from tasks.models import SUSPENDED_REASON_MAX, Task, Worker
from tasks.services import files, room, workers
from tasks.services.finish import cancel_task, tell_creator

CARRIED_OVER = (
    "group_id",
    "creator_id",
    "kind",
    "kind_version",
    "title",
    "description",
    "priority",
    "allow_partial",
    "subtask_seconds_max",
    "verify",
    "verify_asked",
)


def cancel(task: Task, reason: str = "") -> None:
    """End a live task and notify its creator. Raises Conflict if it is over."""
    if not cancel_task(task):
        task.refresh_from_db()
        raise Conflict(f"The task is {task.status} already.")
    text = _with_reason(f"{task.title} was cancelled by a moderator.", reason)
    tell_creator(task, "task_cancelled", WARNING, text)


def submit_again(task: Task) -> Task:
    """Submit a failed task again as a new one with the same input, without its deadline.

    The input moves from the old task to the new one, so of two callers only one submits. Raises
    Conflict, which says why it cannot be done, NoRoom and QuotaUsed.
    """
    _refuse_unfit(task)
    again = Task(id=uuid4(), **{name: getattr(task, name) for name in CARRIED_OVER})
    room.reserve(again, blobs.failed_input_bytes(task.group_id, task.pk))
    try:
        _take_over(task, again)
    except Exception:
        room.release([again.pk])
        raise
    room.release([task.pk])
    events.split(again.pk)
    text = f"A moderator has submitted {again.title} again."
    tell_creator(again, "task_submitted_again", INFO, text)
    return again


def _take_over(task: Task, again: Task) -> None:
    """Give a failed task's input to a new one, and store that. Raises Conflict if it has none."""
    if not blobs.take_failed_input(task.group_id, task.pk, again.pk):
        raise Conflict(
            "Its input is no longer held, or it was submitted again before. "
            "Its creator can submit it anew."
        )
    try:
        files.move_input(task, again)
        again.save(force_insert=True)
    except Exception:
        blobs.drop_input(again.group_id, again.pk)
        files.drop_input(again.pk)
        raise


def _refuse_unfit(task: Task) -> None:
    if task.status != states.FAILED:
        message = f"Only a task that failed can be submitted again; this one is {task.status}."
        raise Conflict(message)
    if task.creator is None or not task.creator.is_active:
        raise Conflict("Its creator has no account any more, or is blocked.")
    membership = group_selectors.membership(task.creator, task.group_id)
    if membership is None or not membership.may_submit:
        raise Conflict("Its creator has left the group, or may no longer submit to it.")
    offered = kinds.installed().get(task.kind)
    if offered is None or offered.version != task.kind_version:
        raise Conflict(f"This server has no {task.kind} {task.kind_version} any more.")


def block_worker(worker: Worker, reason: str = "") -> None:
    """Lease it nothing until a moderator unblocks it; its owner cannot.

    Workers of this owner whose names are the same to people are blocked with it. Raises Conflict
    if it is blocked already.
    """
    why = _with_reason("A moderator has blocked it.", reason)[:SUSPENDED_REASON_MAX]
    row = Worker.objects.filter(pk=worker.pk, blocked=False)
    if not row.update(blocked=True, suspended=timezone.now(), suspended_reason=why):
        raise Conflict("It is blocked already.")
    blocked = [worker.pk, *_block_alike(worker, why)]
    events.publish(events.workers_changed(blocked))
    text = _with_reason(
        f"A moderator has blocked your worker {worker.name}: it gets no more work.", reason
    )
    notify(filter(None, [worker.owner_id]), code="worker_blocked", level=ERROR, text=text)


def _block_alike(worker: Worker, why: str) -> list[UUID]:
    """Block the owner's workers of the same name to people; returns their ids."""
    if worker.owner_id is None:
        return []
    others = Worker.objects.filter(owner=worker.owner_id, blocked=False).exclude(pk=worker.pk)
    ids = [other.pk for other in workers.alike(others, worker.name)]
    now = timezone.now()
    Worker.objects.filter(pk__in=ids).update(blocked=True, suspended=now, suspended_reason=why)
    return ids


def unblock_worker(worker: Worker) -> None:
    """Trust it again. Raises Conflict if no moderator has blocked it."""
    row = Worker.objects.filter(pk=worker.pk, blocked=True)
    if not row.update(blocked=False, suspended=None, suspended_reason=""):
        raise Conflict("No moderator has blocked it.")
    events.publish(events.workers_changed([worker.pk]))
    text = f"Your worker {worker.name} gets work again: it is no longer blocked."
    notify(filter(None, [worker.owner_id]), code="worker_unblocked", level=INFO, text=text)


def _with_reason(sentence: str, reason: str) -> str:
    return f"{sentence} Reason: {reason}" if reason else sentence
