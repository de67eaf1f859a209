"""Combine the partials of a complete task into its result."""

from __future__ import annotations

from typing import Any

import msgspec
import structlog
from django.conf import settings

from accounts.models import SUCCESS
from firmlight import metrics
from firmlight_client import kinds
from tasks import events, queue, states
from tasks.models import Task
from tasks.services.end import INPUT_LOST, close_task, fail_task, record_work, tell_creator

log = structlog.get_logger(__name__)


class NotConcluded(Exception):
    """The partials do not make a result; `code` and the message say why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def conclude_task(task_id: str, *, again: bool = False) -> None:
    """Conclude a task that is complete; one caller wins RUNNING -> AGGREGATING and the others leave.

    With `again` a task that has been AGGREGATING for long is taken over: all that is written is written as values.
    """
    task = Task.objects.filter(pk=task_id).first()
    if task is None or not _take(task, again):
        return
    outcome = queue.outcome(task.group_id, task.pk).now()
    if outcome is None:
        fail_task(task, *INPUT_LOST)
    elif outcome.broken:
        fail_task(task, "subtask_failed", _blame(outcome))
    elif not outcome.complete:
        _go_on(task)
    else:
        _conclude(task, outcome)


def _take(task: Task, again: bool) -> bool:
    if Task.objects.filter(pk=task.pk).move(states.RUNNING, states.AGGREGATING):
        events.announce(task)
        return True
    return again and task.status == states.AGGREGATING


def _go_on(task: Task) -> None:
    """Incomplete after all. What completes it just now has found it AGGREGATING and left: look once more."""
    Task.objects.filter(pk=task.pk).move(states.AGGREGATING, states.RUNNING)
    events.announce(task)
    progress = queue.progress(task.group_id, task.pk).now()
    if progress and progress.complete:
        conclude_task(str(task.pk))


def _blame(outcome: queue.Outcome) -> str:
    blame = outcome.blame
    if blame is None:
        return "A subtask failed for good."
    return f"Subtask {blame.subtask} failed for good: {blame.error}: {blame.message}".rstrip(": ")


def _conclude(task: Task, outcome: queue.Outcome) -> None:
    try:
        kind, partial = _combine(task, outcome)
        if outcome.decided and outcome.done + outcome.failed < outcome.split and not kind.is_decided(partial):
            events.tell(events.wake(queue.undecide(task.group_id, task.pk).now(), task.group_id))
            return _go_on(task)
        result = _finish(task, kind, partial, outcome)
    except NotConcluded as error:
        fail_task(task, error.code, str(error))
        return None
    return _succeed(task, outcome, result)


def _combine(task: Task, outcome: queue.Outcome) -> tuple[kinds.Kind, Any]:
    if not outcome.partials:
        raise NotConcluded("subtask_failed", _blame(outcome))
    try:
        kind = kinds.get(task.kind)
        return kind, kinds.combine_all(kind, [msgspec.msgpack.decode(p) for p in outcome.partials])
    except Exception as error:  # the kind's code on what workers sent
        log.exception("combine_failed", task=str(task.pk), kind=task.kind)
        raise NotConcluded("combine_failed", f"Its partial results do not fit: {type(error).__name__}.") from error


def _finish(task: Task, kind: kinds.Kind, partial: Any, outcome: queue.Outcome) -> bytes:
    """The result as JSON; one that is not whole says so. Raises NotConcluded."""
    data = queue.get_input(task.group_id, task.pk)
    if data is None:
        raise NotConcluded(*INPUT_LOST)
    try:
        value = kind.finish(partial, msgspec.msgpack.decode(data, type=kind.Params))
        result = msgspec.json.encode(_marked(value, outcome) if outcome.failed and not outcome.decided else value)
    except Exception as error:
        log.exception("finish_failed", task=str(task.pk), kind=task.kind)
        raise NotConcluded("finish_failed", f"{kind.name} made no result of it: {error}") from error
    if len(result) > settings.RESULT_BYTES_MAX:
        raise NotConcluded(
            "result_too_large", f"The result has {len(result):,} bytes; at most {settings.RESULT_BYTES_MAX:,}."
        )
    return result


def _marked(value: Any, outcome: queue.Outcome) -> dict[str, Any]:
    """The result of a task that went on without some subtasks; `subtasks` names a thousand of them at most."""
    what = {"failed": outcome.failed, "of": outcome.split, "subtasks": sorted(outcome.missing)}
    return {**(value if isinstance(value, dict) else {"result": value}), "incomplete": what}


def _succeed(task: Task, outcome: queue.Outcome, result: bytes) -> None:
    """The result is on disk (Redis answers after its fsync) before the row says SUCCEEDED."""
    queue.put_result(task.group_id, task.pk, result)
    record_work(task, outcome.work, outcome.done)
    counts = {"subtasks": outcome.split, "done": outcome.done, "failed": outcome.failed}
    if Task.objects.filter(pk=task.pk).move(states.AGGREGATING, states.SUCCEEDED, **counts):
        metrics.count("tasks_ended", 1, states.SUCCEEDED)
        close_task(task, "decided" if outcome.decided else "succeeded")
        without = f", without {outcome.failed} of {outcome.split} subtasks" if outcome.failed else ""
        tell_creator(task, "task_finished", SUCCESS, f"{task.title} is finished{without}.")
