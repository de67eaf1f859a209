"""Deliver the result of a task, until it expires."""

import json

from core.errors import FirmlightError
from tasks import blobs, states
from tasks.models import Task

VERIFICATION_HEADER = "Firmlight-Verification"


class ResultNotReady(FirmlightError):
    """The task is not finished yet."""

    code, status, message = "result_not_ready", 409, "The result is not ready yet."


class ResultWithdrawn(FirmlightError):
    """There was a result, but a part of it was wrong, and another one is being made."""

    code, status = "result_withdrawn", 409
    message = "The result was withdrawn: a part of it was wrong. It is being computed again."


class ResultExpired(FirmlightError):
    """There was a result, but it is no longer kept."""

    code, status, message = "result_expired", 410, "The result has expired: submit the task again."


class TaskFailed(FirmlightError):
    """There will be no result."""

    code, status, message = "task_failed", 409, "The task failed."


class TaskCancelled(FirmlightError):
    """There will be no result."""

    code, status, message = "task_cancelled", 409, "The task was cancelled."


def result_of(task: Task) -> bytes:
    """The result as JSON.

    Raises ResultNotReady, ResultWithdrawn, ResultExpired, TaskFailed or TaskCancelled.
    """
    if task.status == states.FAILED:
        raise TaskFailed(task.error_message)
    if task.status == states.CANCELLED:
        raise TaskCancelled
    if task.status != states.SUCCEEDED and task.withdrawn:
        raise ResultWithdrawn
    if task.status != states.SUCCEEDED:
        raise ResultNotReady(f"The task is {task.status}.")
    result = blobs.get_result(task.group_id, task.pk)
    if result is None:
        raise ResultExpired
    return result


def headers_of(task: Task) -> dict[str, str]:
    """What is said of a result beside it: how it was checked, as the API has it in `verification`.

    The result itself stays as the kind made it.
    """
    if task.checked is None:
        return {}
    return {VERIFICATION_HEADER: json.dumps(task.checked.shown())}
