"""Members cancel, pause and resume tasks."""

from django.utils import timezone

from accounts.models import WARNING, User
from core.errors import Conflict, Forbidden
from groups import selectors as group_selectors
from groups.models import Membership
from tasks import events, states
from tasks.models import Task
from tasks.queue import lifecycle
from tasks.queue.progress import progress_of
from tasks.services.finish import cancel_task, tell_creator


def cancel(*, user: User, task: Task) -> None:
    """Cancel a task for its creator, the group's owner or a moderator.

    Raises Forbidden, or Conflict if it is over.
    """
    check_control(user, task)
    if not cancel_task(task):
        raise _already(task)
    if task.creator_id != user.pk:
        tell_creator(
            task, "task_cancelled", WARNING, f"{task.title} was cancelled by {user.username}."
        )


def pause(*, user: User, task: Task) -> None:
    """Stop a task that waits or runs; what is computed stays. Raises as `cancel` does."""
    check_control(user, task)
    row = Task.objects.filter(pk=task.pk)
    if not row.move_from(states.starts_of(states.PAUSED), states.PAUSED):
        raise _already(task)
    follow_pause(task)


def follow_pause(task: Task) -> None:
    """Let the queue follow a row that says PAUSED, and stop its workers."""
    held = lifecycle.pause(task.group_id, task.pk).now()
    events.publish(events.cancel(held, "paused"))
    events.announce(task)


def resume(*, user: User, task: Task) -> None:
    """Continue a paused task, and its split. Raises as `cancel` does."""
    check_control(user, task)
    started = task.started or timezone.now()
    if not Task.objects.filter(pk=task.pk).move(states.PAUSED, states.RUNNING, started=started):
        raise _already(task)
    wake = lifecycle.resume(task.group_id, task.pk).now()
    progress = progress_of(task.group_id, task.pk).now()
    if progress and progress.complete:
        events.conclude(task.pk)
    elif progress is None or not progress.ended:
        events.split(task.pk)
    events.publish(events.wake(wake, task.group_id))
    events.announce(task)


def may_control(user: User, task: Task, membership: Membership | None) -> bool:
    """Whether this user may control the task; `membership` is theirs in its group."""
    return bool(membership and membership.leads) or task.creator_id == user.pk


def check_control(user: User, task: Task) -> None:
    if not may_control(user, task, group_selectors.membership(user, task.group_id)):
        raise Forbidden(
            "Only its submitter, the group's owner and the group's moderators may do this."
        )


def _already(task: Task) -> Conflict:
    task.refresh_from_db()
    return Conflict(f"The task is {task.status} already.")
