"""What people are told about their groups, and what the audit log keeps.

Who is told what is listed in docs/reference/notifications.md.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any
from uuid import UUID

from accounts import audit
from accounts.models import INFO, User
from accounts.notifications import notify
from groups import selectors
from groups.models import Group


def tell(
    users: Iterable[UUID | None], group: Group, code: str, text: str, level: str = INFO
) -> None:
    """Leave these users word about this group. None stands for somebody who has no account any
    more.
    """
    known = [user for user in users if user]
    if known:
        notify(known, code=code, level=level, text=text, group=group.pk)


def tell_leaders(
    group: Group, code: str, text: str, *, but: Collection[UUID | None] = (), level: str = INFO
) -> None:
    """The same for the owner and the moderators, except those in `but`: mostly who did it."""
    tell(
        [user for user in selectors.leader_ids(group.pk) if user not in but],
        group,
        code,
        text,
        level,
    )


def tell_of_newcomer(group: Group, user: User, *, but: Collection[UUID | None] = ()) -> None:
    tell_leaders(
        group,
        "member_joined",
        f"{user.username} has joined the group {group.name}.",
        but={user.pk, *but},
    )


def note(
    action: str, group: Group, *, by: User | None, whom: User | None = None, **details: Any
) -> None:
    """Add to the audit log what `by` (None: the server) did in this group, to `whom` or to the
    group itself.
    """
    audit.record(
        action, actor=by, target=whom or group, group=group.pk, group_name=group.name, **details
    )
