"""Combine the partials of a complete task into its result."""

from __future__ import annotations

import time
from statistics import median_low
from typing import Any

import structlog
from django.conf import settings
from django.utils import timezone
from msgspec.structs import replace

from accounts.models import SUCCESS
from core import databases, metrics, redis
from core.errors import Busy
from firmlight_client import kinds
from tasks import blobs, events, file_store, states
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
from tasks.queue.room import note_partial_bytes
from tasks.services import files, pending, retraction, verifying
from tasks.services.finish import INPUT_LOST, close_task, fail_task, record_work, tell_creator
from tasks.services.under_way import KindGone, StillWanted, drop_broken_connection, kind_of
from tasks.verification import PENDING, UNDECIDED, Verification

NO_ROOM = "NoRoom"  # what complete.lua blames if partials take too much memory
GIVE_BACK_PAUSES_SECONDS = (0, 1, 2, 4, 8)  # before each try to reach the database again
log = structlog.get_logger(__name__)


class NotConcluded(Exception):
    """The partials do not make a result; `code` and the message say why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class TryAgain(Exception):
    """This attempt gave no result, but another one may. `counts` says whether it uses one up."""

    def __init__(self, reason: str, *, counts: bool = True) -> None:
        super().__init__(reason)
        self.counts = counts


def conclude_task(task_id: str, *, attempt: int | None = None, patient: bool = False) -> None:
    """Conclude a complete task; of several callers one wins RUNNING -> AGGREGATING.

    It waits for the checks that are under way, see `verifying`. One whose result is delivered
    already has checks that went on: see `pending`.

    With `attempt`, take over a task that is AGGREGATING and whose row has counted exactly so many
    attempts: again one caller wins. Everything is written as values, so a second run changes
    nothing. Without `patient` the kind gets only CONCLUDE_QUICK_SECONDS, so that it does not hold
    up the conclusion of other tasks; if that is not enough, the long queue takes the task.

    An attempt that fails because Redis, the database or the file storage is unreachable is not
    counted.
    """
    task = Task.objects.filter(pk=task_id).first()
    if task and task.is_pending:
        pending.follow(task)
        return
    if task is None or _waits_for_checks(task) or not _take(task, attempt):
        return
    try:
        _conclude(task, patient)
    except databases.lost(*redis.LOST, file_store.FilesUnavailable):
        _give_attempt_back(task)
        raise


def _waits_for_checks(task: Task) -> bool:
    return task.status == states.RUNNING and verifying.has_to_wait(task)


# Attempts


def _take(task: Task, attempt: int | None) -> bool:
    """Whether this caller concludes the task now; the row counts the attempts begun."""
    row = Task.objects.filter(pk=task.pk)
    if row.move(states.RUNNING, states.AGGREGATING, conclude_attempts=1):
        task.conclude_attempts = 1
        events.announce(task)
        return True
    if attempt is None or task.status != states.AGGREGATING:
        return False
    if task.conclude_attempts == attempt >= settings.CONCLUDE_ATTEMPTS_MAX:
        message = f"Its results could not be combined in {attempt} attempts."
        fail_task(task, "conclude_timed_out", message)
        return False
    mine = row.filter(status=states.AGGREGATING, conclude_attempts=attempt)
    task.conclude_attempts = attempt + 1
    return bool(mine.update(conclude_attempts=attempt + 1, changed=timezone.now()))


def _give_attempt_back(task: Task) -> None:
    """Do not count this attempt: the sweep asks for it again later.

    If it is the database that is unreachable, wait for it a little. After a longer outage the
    attempt stays counted.
    """
    row = Task.objects.filter(
        pk=task.pk, status=states.AGGREGATING, conclude_attempts=task.conclude_attempts
    )
    for pause in GIVE_BACK_PAUSES_SECONDS:
        time.sleep(pause)
        drop_broken_connection()
        try:
            row.update(conclude_attempts=task.conclude_attempts - 1)
        except databases.lost():
            continue
        return
    log.warning("attempt_not_given_back", task=str(task.pk), attempts=task.conclude_attempts)


def _try_again(task: Task, error: TryAgain) -> None:
    """Ask for another attempt: by a job behind those that wait, or, uncounted, by the sweep."""
    log.warning(
        "conclude_again", task=str(task.pk), attempts=task.conclude_attempts, reason=str(error)
    )
    if error.counts:
        events.conclude(task.pk, attempt=task.conclude_attempts, patient=True)
    else:
        _give_attempt_back(task)


# One attempt


def _conclude(task: Task, patient: bool) -> None:
    outcome = outcome_of(task.group_id, task.pk).now()
    if outcome is None:
        fail_task(task, *INPUT_LOST)
    elif outcome.broken:
        _fail_broken(task, outcome)
    elif not outcome.complete:
        _go_on(task)
    else:
        _finish(task, outcome, patient)


def _go_on(task: Task) -> None:
    """Set an incomplete task back to RUNNING.

    What was asked for meanwhile found the task AGGREGATING and left it to us: a conclusion, and the
    payloads of what was taken out. So look once more.
    """
    Task.objects.filter(pk=task.pk).move(states.AGGREGATING, states.RUNNING, conclude_attempts=0)
    events.announce(task)
    progress = progress_of(task.group_id, task.pk).now()
    if progress and progress.redo:
        events.split(task.pk)
    if progress and progress.complete:
        conclude_task(str(task.pk))


def _fail_broken(task: Task, outcome: Outcome) -> None:
    if outcome.blame and outcome.blame.error == NO_ROOM:
        fail_task(task, "no_room", outcome.blame.message)
    else:
        fail_task(task, "subtask_failed", _blame(outcome))


def _blame(outcome: Outcome) -> str:
    blame = outcome.blame
    if blame is None:
        return "A subtask failed permanently."
    sentence = f"Subtask {blame.subtask} failed permanently: {blame.error}: {blame.message}"
    return sentence.rstrip(": ")


def _finish(task: Task, outcome: Outcome, patient: bool) -> None:
    try:
        concluded = _conclusion(task, outcome, patient)
    except NotWanted:
        log.info("conclusion_not_wanted", task=str(task.pk))
    except TryAgain as error:
        _try_again(task, error)
    except (NotConcluded, KindGone) as error:
        _fail(task, outcome, error)
    else:
        if concluded.wrong:
            retraction.take_out(task, outcome, concluded.wrong)
            _go_on(task)
        elif concluded.result is None:
            # A worker claimed a decision that its partial does not bear out.
            events.publish(
                events.wake(lifecycle.undecide(task.group_id, task.pk).now(), task.group_id)
            )
            _go_on(task)
        else:
            _deliver(task, outcome, concluded.result)


def _fail(task: Task, outcome: Outcome, error: NotConcluded | KindGone) -> None:
    """The task fails, unless what it fails for may have been taken out meanwhile."""
    if _stands(task, outcome):
        fail_task(task, error.code, str(error))
    else:
        _go_on(task)


def _stands(task: Task, outcome: Outcome) -> bool:
    """Whether nothing was taken out since the partials were read; nothing is from now on then."""
    return lifecycle.seal(task.group_id, task.pk, outcome).now()


def _deliver(task: Task, outcome: Outcome, result: bytes) -> None:
    """The result is delivered with what was checked of it, unless it lacks checks that it needs.

    The task goes on if a part of the result was taken out meanwhile. Of one that is checked
    afterwards parts are taken out still: then its result is withdrawn.
    """
    verification = verifying.pending_verification(task, outcome)
    if verification is None:
        if not _stands(task, outcome):
            _go_on(task)
            return
        verification = verifying.verification_of(task, outcome.done)
    if task.withdrawn:
        verification = replace(verification, replaces=True)
    if verifying.lacks_checks(task, verification):
        row = Task.objects.filter(pk=task.pk, status=states.AGGREGATING)
        row.update(verification=verification.plain())
        fail_task(
            task, verifying.UNVERIFIED, f"Not all of it could be checked. {verification.sentence}"
        )
    else:
        _succeed(task, outcome, result, verification)


def _succeed(task: Task, outcome: Outcome, result: bytes, verification: Verification) -> None:
    """Store the result, then say SUCCEEDED: it is on disk before the row changes.

    Nothing is kept of a task that was cancelled meanwhile.
    """
    # A result that was withdrawn since this attempt began is not delivered again.
    row = Task.objects.filter(pk=task.pk, withdrawn=task.withdrawn)
    if not row.filter(status=states.AGGREGATING).exists():
        return
    file = blobs.result_file(result)
    if file:
        try:
            files.note_result(task, file, len(result))
        except files.QuotaUsed as error:
            fail_task(task, error.code, str(error))
            return
    try:
        blobs.put_result(task.group_id, task.pk, result, file)
    except file_store.FilesUnavailable:
        files.forget(file)
        raise
    if task.creator_id:
        size = _partial_bytes(outcome)
        note_partial_bytes(task.group_id, task.kind_key, task.creator_id, size)
    record_work(task, outcome.work, outcome.done)
    facts = {
        "subtasks": outcome.split,
        "done": outcome.done,
        "failed": outcome.failed,
        "verification": verification.plain(),
        "pending_until": pending.ends() if verification.how == PENDING else None,
    }
    if row.move(states.AGGREGATING, states.SUCCEEDED, **facts):
        _end(task, outcome, verification)
        return
    concluded_by_another = Task.objects.filter(pk=task.pk, status=states.SUCCEEDED).exists()
    if not concluded_by_another:
        blobs.drop_result(task.group_id, task.pk)
        if file:
            files.drop_file(file)


def _end(task: Task, outcome: Outcome, verification: Verification) -> None:
    """Tell that the row says SUCCEEDED now. What is still checked stays in the queue."""
    if not task.withdrawn:  # otherwise it was counted before
        metrics.count("tasks_ended", 1, states.SUCCEEDED)
    if verification.how != PENDING:
        close_task(task, "decided" if outcome.decided else "succeeded")
    text = _success_text(task, outcome)
    if verification.reason == UNDECIDED or verification.replaces or verification.how == PENDING:
        text = f"{text} {verification.sentence}"
    tell_creator(task, "task_finished", SUCCESS, text)
    if verification.how == PENDING:
        pending.begin(task)


def _partial_bytes(outcome: Outcome) -> float:
    """What the partials took for each subtask, if all were like the middle one.

    So one worker that sends much more than the others has no part in it.
    """
    sizes = [len(outcome.partials[number]) for number in outcome.standing]
    return median_low(sizes) * len(sizes) / max(outcome.done, 1)


def _success_text(task: Task, outcome: Outcome) -> str:
    if not outcome.failed:
        return f"{task.title} is finished."
    return f"{task.title} is finished, without {outcome.failed} of {outcome.split} subtasks."


# The result


def _conclusion(task: Task, outcome: Outcome, patient: bool) -> calls.Conclusion:
    """The result as JSON, or which parts are wrong, by their numbers.

    There is neither if a worker claimed a decision that its partial does not bear out. An
    incomplete result says so. Raises NotConcluded, KindGone, TryAgain and NotWanted.
    """
    numbers = outcome.standing
    if not numbers:
        raise NotConcluded("subtask_failed", _blame(outcome))
    kind = kind_of(task)
    data = blobs.get_input(task.group_id, task.pk)
    if data is None:
        raise NotConcluded(*INPUT_LOST)
    is_last = task.conclude_attempts >= settings.CONCLUDE_ATTEMPTS_MAX
    quick = not patient and not is_last  # the last attempt gets all the time there is
    try:
        concluded = calls.conclude(
            kind,
            [outcome.partials[number] for number in numbers],
            data,
            subtasks=[outcome.parts[number].runs for number in numbers],
            check_decided=outcome.decided and outcome.done + outcome.failed < outcome.split,
            incomplete=_incomplete(outcome),
            quick=quick,
            wanted=StillWanted(task, states.AGGREGATING, conclude_attempts=task.conclude_attempts),
        )
        wrong = {numbers[place]: why for place, why in concluded.wrong.items()}
        return calls.Conclusion(concluded.result, wrong)
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
    """The mark on a result that lacks some subtasks; it names at most a thousand of them."""
    if not outcome.failed or outcome.decided:
        return None
    return {"failed": outcome.failed, "of": outcome.split, "subtasks": sorted(outcome.missing)}


def _stopped(kind: kinds.Kind, error: KindStopped) -> NotConcluded:
    what = f"Its results could not be combined: {error}."
    if isinstance(error, OutOfMemory):
        return NotConcluded("out_of_memory", f"{what} Submit it in smaller parts.")
    if isinstance(error, TimedOut):
        return NotConcluded("conclude_timed_out", f"{what} Submit it in smaller parts.")
    return NotConcluded("conclude_crashed", f"{what} Tell the authors of {kind.name}.")


def _raised(kind: kinds.Kind, error: KindRaised | kinds.ParamsError) -> NotConcluded:
    if isinstance(error, KindRaised) and error.stage == "combine":
        message = f"Its partial results do not fit together: {error.name}."
        return NotConcluded("combine_failed", message)
    message = f"{kind.name} could not make a result of its partial results: {error}"
    return NotConcluded("finish_failed", message)
