"""What those who watch may see, and how it looks. Blocking; sockets call it from a thread."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from accounts.models import User
from groups import selectors as group_selectors
from tasks import selectors
from tasks.models import Task
from tasks.serializers import TaskSerializer


def session_user(user: Any) -> User | None:
    """The user of the browser's session; None if nobody is logged in (or may be)."""
    return user if user.is_authenticated and user.is_active else None


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def first_snapshot(user: User, task_id: str) -> dict[str, Any] | None:
    """The task as GET /api/tasks/{id}/ shows it; None if this user may not see it."""
    key = _uuid(task_id)
    return _shown(selectors.tasks_visible_to(user).filter(pk=key)) if key else None


def may_watch_group(user: User, group_id: str) -> bool:
    key = _uuid(group_id)
    return key is not None and group_selectors.membership(user, key) is not None


def snapshot(task_id: str) -> dict[str, Any] | None:
    """The task as it is now, for those who were shown it before; None if it is gone."""
    return _shown(Task.objects.filter(pk=task_id).select_related("creator"))


def _shown(tasks: QuerySet[Task]) -> dict[str, Any] | None:
    task = tasks.first()
    return None if task is None else dict(TaskSerializer(task).data)
