"""What one visitor watches."""

from __future__ import annotations

from channels.db import database_sync_to_async
from django.conf import settings

from accounts.models import User
from tasks.live_socket import views
from tasks.live_socket.feed import Observer, View, hub
from tasks.live_socket.messages import Ask


class Subscriptions:
    """Tasks and groups that `user` watches; `observer` gets their snapshots."""

    def __init__(self, user: User, observer: Observer) -> None:
        self.user, self.observer = user, observer
        self._watched: dict[tuple[str, str], Ask] = {}  # by topic and view

    def has_room_for(self, ask: Ask) -> bool:
        """Whether it is watched already, or one more may be."""
        is_watched = (ask.topic, ask.view) in self._watched
        return is_watched or len(self._watched) < settings.LIVE_SUBSCRIPTIONS_MAX

    async def add(self, ask: Ask) -> bool:
        """Watch it; False if there is nothing that this user may see.

        A visitor that asks twice gets everything anew.
        """
        self.remove(ask)
        if not await self._may_watch(ask):
            return False
        joined = await hub().join(ask.topic, ask.view, lambda: _view_of(ask), self.observer)
        if joined:
            self._watched[ask.topic, ask.view] = ask
        return joined

    def remove(self, ask: Ask) -> None:
        """Watch it no more; nothing happens if it is not watched."""
        if self._watched.pop((ask.topic, ask.view), None):
            hub().part(ask.topic, ask.view, self.observer)

    def remove_all(self) -> None:
        for ask in list(self._watched.values()):
            self.remove(ask)

    async def remove_forbidden(self) -> list[Ask]:
        """Watch no more what the user may not see any longer; returns what that was.

        They may have left a group since they subscribed.
        """
        removed = []
        for ask in list(self._watched.values()):
            if not await self._may_watch(ask):
                self.remove(ask)
                removed.append(ask)
        return removed

    async def _may_watch(self, ask: Ask) -> bool:
        if ask.task:
            return await database_sync_to_async(views.may_watch_task)(self.user, ask.task)
        return await database_sync_to_async(views.may_watch_group)(self.user, ask.group or "")


def _view_of(ask: Ask) -> View:
    if ask.task:
        return views.task_page(ask.task) if ask.view else views.TaskView(ask.task)
    group = ask.group or ""
    return views.group_page(group) if ask.view else views.GroupView(group)
