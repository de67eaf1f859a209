"""Combine the partials of a complete task into its result."""

from __future__ import annotations

from typing import Any

import structlog
from django.conf import settings
from django.utils import timezone

from accounts.models import SUCCESS
from core import metrics
from core.errors import Busy
from firmlight_client import kinds
from tasks import blobs, events, states
from tasks.kind_processes import calls
from tasks.kind_processes.outcomes import (
    KindChanged,
    KindRaised,
    KindStopped,
    NotWanted,
    OutOfMemory,
    RuleViolated,
    TimedOut,
)
from tasks.models import Task
from tasks.queue import lifecycle
from tasks.queue.progress import Outcome, outcome_of, progress_of
from tasks.services.finish import INPUT_LOST, close_task, fail_task, tell_creator
from tasks.services.record import record_work
from tasks.services.under_way import KindGone, StillWanted, kind_of

log = structlog.get_logger(__name__)


class NotConcluded(Exception):
    """The partials do not make a result; `code` and the message say why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class TryAgain(Exception):
    """This attempt came to nothing, and another one may go better. `counts`: it counts as one."""

    def __init__(self, reason: str, *, counts: bool = True) -> None:
        super().__init__(reason)
        self.counts = counts


def conclude_task(task_id: str, *, attempt: int | None = None, patient: bool = False) -> None:
    """Conclude a task that is complete; one caller wins RUNNING -> AGGREGATING and the others
    leave.

    With `attempt` a task is taken over that is AGGREGATING and whose row has counted so many
    attempts: of several callers one wins. All that is written is written as values. Without
    `patient` the kind gets CONCLUDE_QUICK_SECONDS only, so that it holds up no other task's
    conclusion; then the long queue takes it.
    """
    task = Task.objects.filter(pk=task_id).first()
    if task is None or not _take(task, attempt):
        return
    outcome = outcome_of(task.group_id, task.pk).now()
    if outcome is None:
        fail_task(task, *INPUT_LOST)
    elif outcome.broken:
        fail_task(task, "subtask_failed", _blame(outcome))
    elif not outcome.complete:
        _go_on(task)
    else:
        _conclude(task, outcome, patient)


def _take(task: Task, attempt: int | None) -> bool:
    """Whether this caller concludes it now; the row counts its attempts."""
    row = Task.objects.filter(pk=task.pk)
    if row.move(states.RUNNING, states.AGGREGATING, conclude_attempts=1):
        task.conclude_attempts = 1
        events.announce(task)
        return True
    if attempt is None or task.status != states.AGGREGATING:
        return False
    if task.conclude_attempts == attempt >= settings.CONCLUDE_ATTEMPTS_MAX:
        fail_task(
            task,
            "conclude_timed_out",
            f"Putting its results together was tried {attempt} times in vain.",
        )
        return False
    mine = row.filter(status=states.AGGREGATING, conclude_attempts=attempt)
    task.conclude_attempts = attempt + 1
    return bool(mine.update(conclude_attempts=attempt + 1, changed=timezone.now()))


def _go_on(task: Task) -> None:
    """Incomplete after all. What completes it just now has found it AGGREGATING and left: look once
    more.
    """
    Task.objects.filter(pk=task.pk).move(states.AGGREGATING, states.RUNNING, conclude_attempts=0)
    events.announce(task)
    progress = progress_of(task.group_id, task.pk).now()
    if progress and progress.complete:
        conclude_task(str(task.pk))


def _blame(outcome: Outcome) -> str:
    blame = outcome.blame
    if blame is None:
        return "A subtask failed for good."
    return f"Subtask {blame.subtask} failed for good: {blame.error}: {blame.message}".rstrip(": ")


def _conclude(task: Task, outcome: Outcome, patient: bool) -> None:
    try:
        result = _result(task, outcome, patient)
    except NotWanted:
        log.info("conclusion_not_wanted", task=str(task.pk))
    except TryAgain as error:
        _try_again(task, error)
    except (NotConcluded, KindGone) as error:
        fail_task(task, error.code, str(error))
    else:
        if result is None:
            events.tell(
                events.wake(lifecycle.undecide(task.group_id, task.pk).now(), task.group_id)
            )
            _go_on(task)
        else:
            _succeed(task, outcome, result)


def _result(task: Task, outcome: Outcome, patient: bool) -> bytes | None:
    """The result as JSON, one that is not whole says so; None if a worker claimed a decision that
    is none.

    Raises NotConcluded, KindGone, TryAgain and NotWanted.
    """
    if not outcome.partials:
        raise NotConcluded("subtask_failed", _blame(outcome))
    kind = kind_of(task)
    data = blobs.get_input(task.group_id, task.pk)
    if data is None:
        raise NotConcluded(*INPUT_LOST)
    is_last = task.conclude_attempts >= settings.CONCLUDE_ATTEMPTS_MAX
    quick = not patient and not is_last  # the last one gets all the time there is
    try:
        return calls.conclude(
            kind,
            outcome.partials,
            data,
            check_decided=outcome.decided and outcome.done + outcome.failed < outcome.split,
            incomplete=_incomplete(outcome),
            quick=quick,
            wanted=StillWanted(task, states.AGGREGATING, conclude_attempts=task.conclude_attempts),
        )
    except Busy as error:
        raise TryAgain(str(error), counts=False) from None
    except KindStopped as error:
        ran_out_of_quick_time = quick and isinstance(error, TimedOut)
        if is_last or (error.lasting and not ran_out_of_quick_time):
            raise _stopped(kind, error) from None
        raise TryAgain(str(error)) from None
    except KindChanged:
        raise KindGone(f"{kind.name} has been changed on this server: submit again.") from None
    except RuleViolated as error:
        raise NotConcluded("result_too_large", str(error)) from None
    except (KindRaised, kinds.ParamsError) as error:
        raise _raised(kind, error) from None


def _incomplete(outcome: Outcome) -> dict[str, Any] | None:
    """What the result of a task says that went on without some subtasks; it names a thousand of
    them at most.
    """
    if not outcome.failed or outcome.decided:
        return None
    return {"failed": outcome.failed, "of": outcome.split, "subtasks": sorted(outcome.missing)}


def _stopped(kind: kinds.Kind, error: KindStopped) -> NotConcluded:
    what = f"Putting its results together was given up: {error}."
    if isinstance(error, OutOfMemory):
        return NotConcluded("out_of_memory", f"{what} Submit it in smaller parts.")
    if isinstance(error, TimedOut):
        return NotConcluded("conclude_timed_out", f"{what} Submit it in smaller parts.")
    return NotConcluded("conclude_crashed", f"{what} Tell whoever made {kind.name}.")


def _raised(kind: kinds.Kind, error: KindRaised | kinds.ParamsError) -> NotConcluded:
    if isinstance(error, KindRaised) and error.stage == "combine":
        return NotConcluded("combine_failed", f"Its partial results do not fit: {error.name}.")
    return NotConcluded("finish_failed", f"{kind.name} made no result of it: {error}")


def _try_again(task: Task, error: TryAgain) -> None:
    """By another job, behind those that wait. One that does not count is asked for by the sweep,
    later.
    """
    log.warning(
        "conclude_again", task=str(task.pk), attempts=task.conclude_attempts, reason=str(error)
    )
    if error.counts:
        events.conclude(task.pk, attempt=task.conclude_attempts, patient=True)
    else:
        row = Task.objects.filter(pk=task.pk, conclude_attempts=task.conclude_attempts)
        row.update(conclude_attempts=task.conclude_attempts - 1)


def _succeed(task: Task, outcome: Outcome, result: bytes) -> None:
    """The result is on disk (Redis answers after its fsync) before the row says SUCCEEDED.

    Of a task that was cancelled meanwhile nothing is kept.
    """
    if not Task.objects.filter(pk=task.pk, status=states.AGGREGATING).exists():
        return
    blobs.put_result(task.group_id, task.pk, result)
    record_work(task, outcome.work, outcome.done)
    counts = {"subtasks": outcome.split, "done": outcome.done, "failed": outcome.failed}
    if Task.objects.filter(pk=task.pk).move(states.AGGREGATING, states.SUCCEEDED, **counts):
        metrics.count("tasks_ended", 1, states.SUCCEEDED)
        close_task(task, "decided" if outcome.decided else "succeeded")
        without = (
            f", without {outcome.failed} of {outcome.split} subtasks" if outcome.failed else ""
        )
        tell_creator(task, "task_finished", SUCCESS, f"{task.title} is finished{without}.")
    elif not Task.objects.filter(
        pk=task.pk, status=states.SUCCEEDED
    ).exists():  # by another conclusion
        blobs.drop_result(task.group_id, task.pk)
