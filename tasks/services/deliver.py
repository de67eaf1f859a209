"""Hand the result to who asks, until it expires."""

from dataclasses import dataclass

from django.conf import settings
from django.utils import timezone

from core.errors import FirmlightError
from tasks import queue, results, selectors, states
from tasks.models import Task


class ResultNotReady(FirmlightError):
    """The task is not finished yet."""

    code, status, message = "result_not_ready", 409, "The result is not ready yet."


class ResultExpired(FirmlightError):
    """There was a result; it is not kept for ever."""

    code, status, message = "result_expired", 410, "The result has expired: submit the task again."


class TaskFailed(FirmlightError):
    """There will be no result."""

    code, status, message = "task_failed", 409, "The task failed."


class TaskCancelled(FirmlightError):
    """There will be no result."""

    code, status, message = "task_cancelled", 409, "The task was cancelled."


def result_of(task: Task) -> bytes:
    """The result as JSON. Raises ResultNotReady, ResultExpired, TaskFailed or TaskCancelled."""
    if task.status == states.FAILED:
        raise TaskFailed(task.error_message)
    if task.status == states.CANCELLED:
        raise TaskCancelled
    if task.status != states.SUCCEEDED:
        raise ResultNotReady(f"The task is {task.status}.")
    result = queue.get_result(task.group_id, task.pk)
    if result is None:
        raise ResultExpired
    return result


@dataclass(frozen=True)
class Look:
    """A finished task's result on a page. `shown` is None if it is gone, or too large: then `size` says so (bytes)."""

    shown: results.Shown | None
    size: int
    kept: str


def look(task: Task, ask: results.Ask) -> Look | None:
    """What people see of the result; None as long as there is none, and where there will be none."""
    expires = selectors.result_expires(task)
    if expires is None:
        return None
    kept = results.kept_for(expires, timezone.now())
    try:
        raw = result_of(task)
    except ResultExpired:
        return Look(None, 0, kept)
    small = len(raw) <= settings.RESULT_SHOWN_BYTES_MAX
    return Look(results.shown(task.kind, raw, ask) if small else None, len(raw), kept)
