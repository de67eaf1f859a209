"""What moderators do to other people's tasks and workers. Who may is settled at the door, and
recorded there.
"""

from __future__ import annotations

from uuid import uuid4

from django.utils import timezone

from accounts.models import ERROR, INFO, WARNING
from accounts.notifications import notify
from core.errors import Conflict
from firmlight_client import kinds
from groups import selectors as group_selectors
from tasks import blobs, events, states
from tasks.models import Task, Worker
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
)


def cancel(task: Task, reason: str = "") -> None:
    """End a live task and tell its creator. Raises Conflict if it is over."""
    if not cancel_task(task):
        task.refresh_from_db()
        raise Conflict(f"The task is {task.status} already.")
    tell_creator(
        task,
        "task_cancelled",
        WARNING,
        _with(f"{task.title} was cancelled by a moderator.", reason),
    )


def submit_again(task: Task) -> Task:
    """A new task with the input of one that failed, without its deadline. Raises Conflict, saying
    why it cannot be.

    The input moves from the old task to the new one, so of two callers one submits.
    """
    _refuse_unfit(task)
    again = Task(id=uuid4(), **{name: getattr(task, name) for name in CARRIED_OVER})
    if not blobs.take_failed_input(task.group_id, task.pk, again.pk):
        raise Conflict(
            "Its input is no longer held, or it was submitted again before. Its creator can submit it anew."
        )
    try:
        again.save(force_insert=True)
    except Exception:
        blobs.drop_input(again.group_id, again.pk)
        raise
    events.split(again.pk)
    tell_creator(
        again, "task_submitted_again", INFO, f"A moderator has submitted {again.title} again."
    )
    return again


def _refuse_unfit(task: Task) -> None:
    if task.status != states.FAILED:
        raise Conflict(
            f"Only a task that failed can be submitted again; this one is {task.status}."
        )
    if task.creator is None or not task.creator.is_active:
        raise Conflict("Its creator has no account any more, or is blocked.")
    membership = group_selectors.membership(task.creator, task.group_id)
    if membership is None or not membership.may_submit:
        raise Conflict("Its creator has left the group, or may no longer submit to it.")
    offered = kinds.installed().get(task.kind)
    if offered is None or offered.version != task.kind_version:
        raise Conflict(f"This server has no {task.kind} {task.kind_version} any more.")


def block_worker(worker: Worker, reason: str = "") -> None:
    """Give it nothing until a moderator lets it back: its owner cannot. Raises Conflict if it is
    blocked already.
    """
    why = _with("A moderator has blocked it.", reason)[:300]
    row = Worker.objects.filter(pk=worker.pk, blocked=False)
    if not row.update(blocked=True, suspended=timezone.now(), suspended_reason=why):
        raise Conflict("It is blocked already.")
    events.tell(events.workers_changed([worker.pk]))
    text = _with(
        f"A moderator has blocked your worker {worker.name}: it gets no more work.", reason
    )
    notify(filter(None, [worker.owner_id]), code="worker_blocked", level=ERROR, text=text)


def unblock_worker(worker: Worker) -> None:
    """Trust it again. Raises Conflict if no moderator has blocked it."""
    row = Worker.objects.filter(pk=worker.pk, blocked=True)
    if not row.update(blocked=False, suspended=None, suspended_reason=""):
        raise Conflict("No moderator has blocked it.")
    events.tell(events.workers_changed([worker.pk]))
    text = f"Your worker {worker.name} gets work again: it is no longer blocked."
    notify(filter(None, [worker.owner_id]), code="worker_unblocked", level=INFO, text=text)


def _with(sentence: str, reason: str) -> str:
    return f"{sentence} Reason: {reason}" if reason else sentence
