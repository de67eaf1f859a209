"""A member changes his mind about a running task."""

from accounts.models import User
from firmlight.errors import Conflict, Forbidden
from groups import selectors as group_selectors
from tasks.models import Task
from tasks.services.end import cancel_task


def cancel(*, user: User, task: Task) -> None:
    """Cancel for its creator, the group's owner and moderators. Raises Forbidden, or Conflict if it is over."""
    check_control(user, task)
    if not cancel_task(task):
        task.refresh_from_db()
        raise Conflict(f"The task is {task.status} already.")


def check_control(user: User, task: Task) -> None:
    membership = group_selectors.membership(user, task.group_id)
    if not (membership and membership.leads) and task.creator_id != user.pk:
        raise Forbidden("Only who submitted it, the group's owner and its moderators may do this.")
