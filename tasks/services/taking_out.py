"""By hand, moderators take out of running tasks what one owner computed.

What counts no more is computed by others. The owner is notified, and loses their standing, so that
what they compute from then on is checked. The audit log says who did it and why.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import structlog

from accounts import audit
from accounts.models import WARNING, User
from accounts.notifications import notify
from core import metrics
from core.errors import Conflict, Forbidden
from firmlight_client.text import one_line
from groups import selectors as group_selectors
from groups.models import Membership
from tasks import events, states
from tasks.models import Standing, Task
from tasks.queue import parts
from tasks.queue.answers import Retracted
from tasks.services import standing

TASKS_MAX = 1000  # of one group and kind, at a time
REASON_MAX = 200
BY_HAND = "A moderator took it out."
# A task that is being concluded is not among them: its results have been read already.
WHILE = (states.RUNNING, states.PAUSED)
log = structlog.get_logger(__name__)


def may_take_out(task: Task, membership: Membership | None) -> bool:
    """Whether a user may take results out of the task; `membership` is theirs in its group."""
    return membership is not None and membership.leads and task.status in WHILE


def check_may_take_out(task: Task, membership: Membership | None) -> None:
    """Raise Forbidden, or Conflict if the task does not run."""
    if membership is None or not membership.leads:
        raise Forbidden("Only the group's owner and the group's moderators may do this.")
    if task.status not in WHILE:
        raise Conflict(f"The task is {task.status}. Results are taken out of running tasks only.")


def take_out(*, user: User, task: Task, member: UUID, reason: str = "") -> int:
    """Take out all that this member computed for the task; return how many subtasks it is.

    For the owner and the moderators of the task's group. Raises Forbidden; Conflict if the task
    does not run, or nothing of theirs counts in it.
    """
    check_may_take_out(task, group_selectors.membership(user, task.group_id))
    owner = User.objects.filter(pk=member).first()
    retracted = _take_out(task, owner, user, reason) if owner else None
    if retracted and retracted.sealed:
        raise Conflict("The task is ending: its result is being delivered.")
    if owner is None or not retracted or not retracted.taken:
        raise Conflict("Nothing that this member computed counts in the task.")
    subtasks = retracted.subtasks
    _lose_standing(task, owner)
    _tell(owner, [task], subtasks, user, reason)
    return subtasks


def take_out_of_all(row: Standing, *, by: User, reason: str = "") -> int:
    """The same for all running tasks of the group and the kind that this standing is for.

    For moderators of the site; the caller checks that. Raises Conflict if there is nothing.
    """
    running = Task.objects.filter(
        group=row.group_id, kind=row.kind, kind_version=row.version, status__in=WHILE
    )
    touched, sum_of_all = [], 0
    for task in running.select_related("group").order_by("created")[:TASKS_MAX]:
        retracted = _take_out(task, row.owner, by, reason)
        if retracted.taken:
            touched.append(task)
            sum_of_all += retracted.subtasks
    if not touched:
        raise Conflict("Nothing that this member computed counts in a running task.")
    _lose_standing(touched[0], row.owner)
    _tell(row.owner, touched, sum_of_all, by, reason)
    return sum_of_all


def _take_out(task: Task, owner: User, by: User, reason: str) -> Retracted:
    """Take it out of one task, and record that.

    A conclusion that has read the task's results already notices it, unless it is too late.
    """
    message = one_line(f"{BY_HAND} {reason}".strip(), REASON_MAX + len(BY_HAND))
    retracted = parts.retract(task.group_id, task.pk, owner=owner.pk, message=message).now()
    if not retracted.taken:
        return retracted
    metrics.count("parts_taken_out", retracted.taken)
    metrics.count("subtasks_taken_out", retracted.subtasks)
    log.warning(
        "results_taken_out",
        task=str(task.pk),
        owner=str(owner.pk),
        by=str(by.pk),
        subtasks=retracted.subtasks,
    )
    details = {"reason": reason} if reason else {}
    audit.record(
        "results_taken_out",
        actor=by,
        target=task,
        group=task.group_id,
        member=owner.pk,
        member_name=owner.username,
        results=retracted.taken,
        subtasks=retracted.subtasks,
        **details,
    )
    events.split(task.pk)  # makes the payloads anew
    events.announce(task)
    return retracted


def _lose_standing(task: Task, owner: User) -> None:
    standing.withdraw(task.group_id, owner.pk, task.kind, task.kind_version)


def _tell(owner: User, tasks: Sequence[Task], subtasks: int, by: User, reason: str) -> None:
    task = tasks[0]
    where = task.title if len(tasks) == 1 else f"{len(tasks):,} tasks of {task.group.name}"
    count = "1 subtask" if subtasks == 1 else f"{subtasks:,} subtasks"
    text = (
        f"{by.username} took your results out of {where}: others compute {count}, and your "
        f"{task.kind} results are checked from now on."
    )
    if reason:
        text = f"{text} Reason: {reason}"
    about = {"group": task.group_id, "task": task.pk if len(tasks) == 1 else None}
    notify([owner.pk], code="results_taken_out", level=WARNING, text=text, **about)
