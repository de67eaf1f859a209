"""What surrounds every page: the theme, the list of groups, the number of unread notifications.

A value is fetched when a template first uses it, and then kept for the request. A page that does
not show it does not pay for it.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any
from uuid import UUID

from django.http import HttpRequest

from accounts import selectors as account_selectors
from accounts.models import User
from firmlight import __version__
from groups import selectors as group_selectors
from groups.models import Membership
from tasks.selectors import presence

THEMES = ("light", "dark")


class Frame:
    """What surrounds a page for a user who is logged in, during one request."""

    def __init__(self, user: User) -> None:
        self.user = user

    @cached_property
    def groups(self) -> list[Membership]:
        """The user's memberships, starred ones first, each with its group and head count."""
        return list(group_selectors.group_cards(self.user))

    @cached_property
    def lights(self) -> dict[UUID, presence.Light]:
        """For each of these groups, how many tasks run and how many workers are online."""
        return presence.lights([card.group_id for card in self.groups])

    @cached_property
    def unread(self) -> int:
        return account_selectors.notifications_of(self.user).filter(read=None).count()


def of(request: HttpRequest) -> dict[str, Any]:
    """Context processor."""
    theme = request.COOKIES.get("theme", "")
    known: dict[str, Any] = {"theme": theme if theme in THEMES else "", "version": __version__}
    user: Any = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {**known, "layout": "firmlight/front.html"}
    return {**known, "layout": "firmlight/app.html", "frame": Frame(user)}
