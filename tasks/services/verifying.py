"""Whether a complete task waits for its checks, and how its result was checked in the end."""

from __future__ import annotations

import structlog
from django.conf import settings

from core.errors import Busy
from firmlight_client import kinds
from tasks.kind_processes.outcomes import KindFault, NotWanted
from tasks.models import Task
from tasks.queue import checks
from tasks.queue.answers import Checks
from tasks.services import checking
from tasks.services.under_way import KindGone, kind_of
from tasks.verification import (
    ALL,
    CHECK,
    NONE,
    ONE_OWNER,
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
    waited long enough. What is
    decided here at last may take a liar's part out: then the task goes on, too.
    """
    stands = checks.standing_of(task.group_id, task.pk).now()
    if stands is None or stands.complete_ms < 0 or not stands.open:
        return False
    seconds = _seconds_to_wait(task, stands)
    if seconds > 0:
        checks.look_again(task.group_id, task.pk, seconds)
        return True
    try:
        checking.decide_rest(task)
    except Busy:
        return True
    except (KindFault, KindGone, NotWanted) as error:  # they stay undecided, and the result says so
        log.warning("checks_not_decided", task=str(task.pk), reason=str(error))
    stands = checks.standing_of(task.group_id, task.pk).now()
    return stands is not None and stands.complete_ms < 0


def _seconds_to_wait(task: Task, stands: Checks) -> float:
    """How long it waits still, if nothing happens; not above 0: no longer.

    Nobody waits for checks that nobody can make. Unless the task demands them, or one of two who
    differ is wrong: another owner may still come.
    """
    if task.verify == ALL:
        return _seconds_that_all_waits(stands)
    if not (_may_come(stands) or stands.disputed):
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


def _reason(stands: Checks) -> Reason:
    """Why not all was checked that was drawn; "" if all was."""
    if stands.undecided:
        return UNDECIDED
    if stands.same_owner:
        return SAME_OWNER
    if not stands.open:
        return TIMED_OUT if stands.unchecked else ""
    return ONE_OWNER if stands.waiting and not _may_come(stands) else TIMED_OUT


def lacks_checks(task: Task, verification: Verification) -> bool:
    """Whether a task that demands checks of everything did not get them."""
    if task.verify != ALL or verification.how == PROOF:
        return False
    was_drawn = verification.how == ALL or verification.reason
    return bool(was_drawn) and verification.checked_share < 1
