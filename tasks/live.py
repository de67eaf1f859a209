"""What those who watch may see, and how it looks. Blocking; sockets call it from a thread."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from accounts.models import User
from groups import selectors as group_selectors
from tasks import selectors
from tasks.models import Task
from tasks.serializers import TaskSerializer


def session_user(user: Any) -> User | None:
    """The user of the browser's session; None if nobody is logged in (or may be)."""
    return user if user.is_authenticated and user.is_active else None


def _uuid(text: str | None) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        return None


def may_watch(user: User, *, task: str | None, group: str | None) -> bool:
    if task:
        key = _uuid(task)
        return key is not None and selectors.tasks_visible_to(user).filter(pk=key).exists()
    key = _uuid(group)
    return key is not None and group_selectors.membership(user, key) is not None


def snapshot(task_id: str) -> dict[str, Any] | None:
    """The task as GET /api/tasks/{id}/ shows it; None if it is gone."""
    task = Task.objects.filter(pk=task_id).first()
    return None if task is None else dict(TaskSerializer(task).data)
