"""What a visitor may watch, and what it looks like. Blocking: sockets call it from a thread."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
from django.conf import settings

from accounts import selectors as account_selectors
from accounts.api.serializers import NotificationSerializer
from accounts.models import User
from accounts.selectors import Bearer
from accounts.services.browser_sessions import SID
from groups import selectors as group_selectors
from tasks import blobs, states
from tasks.api.serializers import TaskSerializer
from tasks.live_socket.feed import View
from tasks.pages.fragments.changes import Changes
from tasks.pages.fragments.group import GroupPage
from tasks.pages.fragments.task import TaskPage
from tasks.selectors import visibility


def browser_bearer(scope: dict[str, Any]) -> Bearer | None:
    """Return whose cookie this is, and its session; None unless they are logged in and may be."""
    key = _uuid(scope["session"].get(SID) or "")
    bearer = account_selectors.session_bearer(key) if key else None
    return bearer if bearer and bearer.user == scope["user"] else None


def notices(user: User, known: set[UUID] | None) -> tuple[dict[str, Any], set[UUID]]:
    """Return the message about this user's unread notifications, and the ids known from now on.

    It says how many there are, and what those not among `known` say. `known` is None on a page that
    has just come: it shows those there are already. Two queries.
    """
    newest = account_selectors.newest_unread(user, settings.LIVE_NOTIFICATIONS_MAX)
    new = []
    if known is not None:
        new = [note for note in newest if note.pk not in known]
    message = {
        "type": "notifications",
        "unread": account_selectors.unread_count(user),
        "new": NotificationSerializer(new, many=True).data,
    }
    return message, {note.pk for note in newest}


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def may_watch_task(user: User, task_id: str) -> bool:
    key = _uuid(task_id)
    return key is not None and visibility.tasks_visible_to(user).filter(pk=key).exists()


def may_watch_group(user: User, group_id: str) -> bool:
    key = _uuid(group_id)
    return key is not None and group_selectors.membership(user, key) is not None


class TaskView(View):
    """A task as JSON, whole each time."""

    def __init__(self, task_id: str) -> None:
        self.task_id = task_id

    def whole(self) -> dict[str, Any] | None:
        return snapshot(self.task_id)

    def news(self, task: str) -> dict[str, Any] | None:
        return snapshot(self.task_id)


class GroupView(View):
    """Each task of a group that changes, as JSON."""

    by_task = True

    def __init__(self, group_id: str) -> None:
        self.group_id = group_id

    def whole(self) -> dict[str, Any]:
        return {"type": "group", "group": self.group_id}

    def news(self, task: str) -> dict[str, Any] | None:
        if not task:  # a worker came or went
            return None
        return snapshot(task)


class PageView(View):
    """A page: the parts that have changed. `about` says which page it is."""

    def __init__(self, changes: Changes, **about: str) -> None:
        self.changes, self.about = changes, about

    def whole(self) -> dict[str, Any] | None:
        return self._message(self.changes.whole())

    def news(self, task: str) -> dict[str, Any] | None:
        return self._message(self.changes.news())

    def _message(self, found: dict[str, Any] | None) -> dict[str, Any] | None:
        if not found:
            return None
        return {"type": "page", **self.about, **found}


class GroupPageView(PageView):
    """The page of a group: it says how long ago things were, which changes by itself."""

    every_seconds = 10.0


def task_page(task_id: str) -> PageView:
    return PageView(Changes(TaskPage(UUID(task_id)).fragments), task=task_id)


def group_page(group_id: str) -> PageView:
    return GroupPageView(Changes(GroupPage(UUID(group_id)).fragments), group=group_id)


def snapshot(task_id: str) -> dict[str, Any] | None:
    """Return the message that shows the task now; None if it is gone.

    `task` is what GET /api/tasks/{id}/ shows; `result` comes along once there is one, if it is
    small.
    """
    task = visibility.task(UUID(task_id))
    if task is None:
        return None
    message = {"type": "task", "task": TaskSerializer(task).data}
    result = None
    if task.status == states.SUCCEEDED:
        result = blobs.get_result(task.group_id, task.pk, settings.LIVE_RESULT_BYTES_MAX)
    if result is None:
        return message
    return {**message, "result": msgspec.Raw(result)}
