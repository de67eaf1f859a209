"""A result that was little work is delivered first and checked afterwards.

The task has SUCCEEDED, and its row says until when its checks go on (`pending_until`). So long the
queue keeps what it has of the task: parts, payloads, open checks; its input, its reserved room and
its creator's bytes go on counting. If nothing else is taken out of it than had been when it was
delivered, its checks end, and the row says how it was checked. Otherwise its result is *withdrawn*:
the task is RUNNING again, what was wrong is done anew, and then it waits for its checks like any
other, so that no task is withdrawn twice.

Whatever breaks off in between, `follow` finds the same again: the queue counts what was taken out,
and the row what had been at the delivery.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.utils import timezone
from msgspec.structs import replace

from accounts.models import WARNING
from core import metrics
from tasks import events, states
from tasks.file_store import RESULTS
from tasks.models import StoredFile, Task
from tasks.queue import checks, lifecycle
from tasks.queue.answers import Checks
from tasks.queue.progress import progress_of
from tasks.services import files, verifying
from tasks.services.finish import close_task, tell_creator
from tasks.services.record import record_work
from tasks.services.under_way import KindGone
from tasks.verification import NONE, SAMPLE, TIMED_OUT, UNDECIDED, WITHDRAWN, Verification

log = structlog.get_logger(__name__)


def ends() -> datetime:
    """Until when the checks of a task that is delivered now go on."""
    return timezone.now() + timedelta(seconds=settings.VERIFY_PENDING_SECONDS)


def begin(task: Task) -> None:
    """The result has just been delivered. What its checks have come to meanwhile counts."""
    events.announce(task, final=True)
    lifecycle.note(task.group_id, task.pk, "delivered").now()
    now = Task.objects.pending().filter(pk=task.pk).first()
    if now:
        follow(now)


def ask(task: Task) -> None:
    """For the sweep: have a job do what `follow` would, if there is anything to do."""
    stands = checks.standing_of(task.group_id, task.pk).now()
    if stands is None or _is_wrong(task, stands) or not _goes_on(task, stands):
        events.conclude(task.pk)
    elif stands.ready:
        events.compare(task.pk)


def follow(task: Task) -> None:
    """See how far the checks of a delivered task are: withdraw its result, or end them if over."""
    stands = checks.standing_of(task.group_id, task.pk).now()
    if stands is None:  # the queue has lost it
        _end(task, _given_up(task))
    elif _is_wrong(task, stands):
        _withdraw(task, stands)
    elif _goes_on(task, stands):
        if stands.ready:
            events.compare(task.pk)
    elif verifying.decide_rest(task):
        _finish(task)


def give_up(task: Task) -> None:
    """End the checks of a delivered task as they are."""
    _end(task, _given_up(task))


def _goes_on(task: Task, stands: Checks) -> bool:
    """Whether checks may still be made. Nobody waits for them, so somebody may come for them, too.

    What was given up, because too many leases of it came to nothing, is no reason.
    """
    has_time = task.pending_until is not None and timezone.now() < task.pending_until
    return has_time and stands.waiting + stands.held + stands.ready > 0


def _is_wrong(task: Task, stands: Checks) -> bool:
    return stands.taken_out > (task.checked.taken_out if task.checked else 0)


def _finish(task: Task) -> None:
    """Nothing more comes, and what was left is decided."""
    stands = checks.standing_of(task.group_id, task.pk).now()
    if stands and _is_wrong(task, stands):
        _withdraw(task, stands)
        return
    try:
        verification = verifying.verification_of(task, task.done)
    except KindGone:
        verification = _given_up(task)
    _end(task, verification)


def _given_up(task: Task) -> Verification:
    """What is said of checks that were not made to their end."""
    known = task.checked or Verification(how=NONE)
    return replace(known, how=SAMPLE if known.is_recomputed else NONE, reason=TIMED_OUT)


def _end(task: Task, verification: Verification) -> None:
    """Say how the result was checked, and drop what the queue has of the task.

    First its history is written, as values: whoever ends it again changes nothing.
    """
    progress = progress_of(task.group_id, task.pk).now()
    if progress:
        record_work(task, progress.work, progress.done)
    row = Task.objects.filter(pk=task.pk).pending()
    facts = {"verification": verification.plain(), "changed": timezone.now()}
    if not row.update(pending_until=None, **facts):
        return
    close_task(task, states.SUCCEEDED)
    if verification.reason == UNDECIDED:
        tell_creator(task, "result_undecided", WARNING, f"{task.title}: {verification.sentence}")


def _withdraw(task: Task, stands: Checks) -> None:
    """Take the delivered result back, and go on with the task."""
    verification = Verification(
        how=NONE,
        reason=WITHDRAWN,
        owners=stands.checkers,
        disagreements=stands.wrong,
        taken_out=stands.taken_out,
    )
    # Those of the result that may come meanwhile stay.
    stored = list(StoredFile.objects.filter(task=task.pk, area=RESULTS))
    if not Task.objects.filter(pk=task.pk).withdraw(verification=verification.plain()):
        return
    metrics.count("results_withdrawn")
    log.warning("result_withdrawn", task=str(task.pk), taken_out=stands.taken_out)
    lifecycle.note(task.group_id, task.pk, "withdrawn").now()
    files.drop(stored)
    tell_creator(
        task,
        "result_withdrawn",
        WARNING,
        f"The result of {task.title} is withdrawn: a part of it was wrong. It is being computed "
        "again; do not use what you have of it.",
    )
    events.announce(task)
    events.split(task.pk)  # makes the payloads anew
    if stands.complete_ms >= 0:  # another member's answer has taken the place of what was wrong
        events.conclude(task.pk)
