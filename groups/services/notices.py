"""Notifications about groups, and their entries in the audit log.

docs/reference/notifications.md lists who is notified of what.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any
from uuid import UUID

from accounts import audit, notifications
from accounts.models import INFO, User
from groups import selectors
from groups.models import Group


def notify(
    users: Iterable[UUID | None], group: Group, code: str, text: str, level: str = INFO
) -> None:
    """Notify these users of something in this group. None stands for a deleted user."""
    known = [user for user in users if user]
    if known:
        notifications.notify(known, code=code, level=level, text=text, group=group.pk)


def notify_leaders(
    group: Group, code: str, text: str, *, but: Collection[UUID | None] = (), level: str = INFO
) -> None:
    """Notify the owner and the moderators, except those in `but`: mostly whoever did it."""
    leaders = [user for user in selectors.leader_ids(group.pk) if user not in but]
    notify(leaders, group, code, text, level)


def notify_of_new_member(group: Group, user: User, *, but: Collection[UUID | None] = ()) -> None:
    """Notify the leaders that this user has joined, except the user and those in `but`."""
    text = f"{user.username} has joined the group {group.name}."
    notify_leaders(group, "member_joined", text, but={user.pk, *but})


def record(
    action: str, group: Group, *, by: User | None, target: User | None = None, **details: Any
) -> None:
    """Add to the audit log what `by` did in this group; None stands for the server.

    `target` is the user it was done to; without one it was done to the group itself.
    """
    audit.record(
        action, actor=by, target=target or group, group=group.pk, group_name=group.name, **details
    )
