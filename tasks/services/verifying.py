"""Whether a complete task waits for its checks, and how its result was checked in the end.

What was little work does not wait: see `pending`.
"""

from __future__ import annotations

import structlog
from django.conf import settings

from core import quotas
from core.errors import Busy
from firmlight_client import kinds
from tasks.kind_processes.outcomes import KindFault, NotWanted
from tasks.models import Task
from tasks.queue import checks
from tasks.queue.answers import Checks
from tasks.queue.progress import Outcome, progress_of
from tasks.services import checking
from tasks.services.under_way import KindGone, kind_of
from tasks.verification import (
    ALL,
    CHECK,
    NONE,
    ONE_OWNER,
    PENDING,
    PROOF,
    SAME_OWNER,
    SAMPLE,
    TIMED_OUT,
    UNDECIDED,
    How,
    Reason,
    Verification,
)

UNVERIFIED = "unverified"  # the error code of a task that demands checks and did not get them
log = structlog.get_logger(__name__)


def has_to_wait(task: Task) -> bool:
    """Whether a task that is to be concluded waits for its checks; otherwise they are over.

    Whoever compares the next answers asks for the conclusion again, and the sweep does when it has
    waited long enough. What is decided here at last may take a liar's part out: then the task goes
    on, too.
    """
    stands = checks.standing_of(task.group_id, task.pk).now()
    if stands is None or stands.complete_ms < 0 or not stands.open:
        return False
    seconds = _seconds_to_wait(task, stands)
    if seconds > 0:
        if is_delivered_first(task, stands):
            return False
        checks.look_again(task.group_id, task.pk, seconds)
        return True
    if not decide_rest(task):
        return True
    stands = checks.standing_of(task.group_id, task.pk).now()
    return stands is not None and stands.complete_ms < 0


def decide_rest(task: Task) -> bool:
    """Decide what can be decided of the checks that are left; False: try again later."""
    try:
        checking.decide_rest(task)
    except Busy:
        return False
    except (KindFault, KindGone, NotWanted) as error:  # they stay undecided, and the result says so
        log.warning("checks_not_decided", task=str(task.pk), reason=str(error))
    return True


def is_delivered_first(task: Task, stands: Checks) -> bool:
    """Whether the result of a complete task is delivered while others check it: it was little work.

    Not if the task demands checks, nor if a result of it turned out to be wrong before. Nor if a
    part of its work is not wanted any more: what is on its way of that must not count.
    """
    if task.verify == ALL or task.withdrawn or not stands.open:
        return False
    if not settings.CALL_SECONDS or not settings.VERIFY_PENDING_SECONDS:
        return False
    progress = progress_of(task.group_id, task.pk).now()
    if progress is None or progress.open or progress.seconds >= settings.CALL_SECONDS:
        return False
    pending = Task.objects.filter(group=task.group_id).pending()
    return not quotas.is_full(pending, settings.VERIFY_PENDING_TASKS_MAX)


def _seconds_to_wait(task: Task, stands: Checks) -> float:
    """How long it waits still, if nothing happens; not above 0: no longer.

    Nobody waits for checks that nobody can make. Unless the task demands them, or one of two who
    differ is wrong: another owner may still come.
    """
    if task.verify == ALL:
        return _seconds_that_all_waits(stands)
    if not _may_be_decided(stands):
        return 0
    return float(settings.VERIFY_WAIT_SECONDS - stands.complete_seconds)


def _seconds_that_all_waits(stands: Checks) -> float:
    """A task that demands checks waits as long as they go on.

    Leases end by themselves, and a check has only so many. Whoever is online and takes none is
    waited for only so long, and for somebody to come still shorter.
    """
    if stands.held or stands.ready:
        return float(max(settings.VERIFY_WAIT_SECONDS, 1))
    limit = settings.VERIFY_ALL_WAIT_SECONDS if stands.others else settings.VERIFY_WAIT_SECONDS
    return float(limit - stands.quiet_seconds)


def _may_be_decided(stands: Checks) -> bool:
    return _may_come(stands) or stands.disputed


def _may_come(stands: Checks) -> bool:
    return bool(stands.held or stands.ready or stands.others)


def verification_of(task: Task, done: int) -> Verification:
    """How the result of a complete task was checked; `done` are its subtasks.

    Raises KindGone.
    """
    kind = kind_of(task)
    if kind.proves:
        return Verification(how=PROOF)
    stands = checks.standing_of(task.group_id, task.pk).now()
    has_rules = type(kind).check is not kinds.Kind.check
    at_least: How = CHECK if has_rules else NONE
    if stands is None or stands.verify == NONE:
        return Verification(how=at_least)
    reason = _reason(stands)
    if not (stands.checkers or stands.same_owner or stands.undecided):
        # without a reason nothing was drawn, because those who computed it are trusted
        return Verification(how=at_least if reason else SAMPLE, reason=reason)
    return Verification(
        how=ALL if stands.verify == ALL else SAMPLE,
        checked_share=min((stands.checked + stands.same_owner) / max(done, 1), 1.0),
        owners=stands.checkers,
        # of an undecided check one side is wrong, and nobody knows which
        disagreements=max(stands.wrong, int(stands.undecided > 0)),
        reason=reason,
        taken_out=stands.taken_out,
    )


def pending_verification(task: Task, outcome: Outcome) -> Verification | None:
    """What is said of a result that is delivered while its checks go on; None if they are over.

    It counts what had been taken out when the partials were read: if it becomes more, one of those
    that made this result was wrong.
    """
    stands = checks.standing_of(task.group_id, task.pk).now()
    if stands is None or outcome.sealed or not is_delivered_first(task, stands):
        return None
    if not _may_be_decided(stands):
        return None
    return Verification(
        how=PENDING,
        checked_share=min(stands.checked / max(outcome.done, 1), 1.0),
        owners=stands.checkers,
        disagreements=stands.wrong,
        taken_out=outcome.taken_out,
    )


def _reason(stands: Checks) -> Reason:
    """Why not all was checked that was drawn; "" if all was."""
    if stands.undecided:
        return UNDECIDED
    if stands.same_owner:
        return SAME_OWNER
    if not stands.open:
        return TIMED_OUT if stands.unchecked else ""
    return TIMED_OUT if _may_come(stands) or not stands.waiting else ONE_OWNER


def lacks_checks(task: Task, verification: Verification) -> bool:
    """Whether a task that demands checks of everything did not get them."""
    if task.verify != ALL or verification.how == PROOF:
        return False
    was_drawn = verification.how == ALL or verification.reason
    return bool(was_drawn) and verification.checked_share < 1
