"""The end of a group."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction

from accounts.models import WARNING, User
from core.errors import Conflict
from groups.models import Group, Invitation, InviteLink, JoinRequest, Membership
from groups.services.notices import note, tell
from groups.services.permissions import require_owner
from groups.signals import group_closed, group_closing

TRIES = 3
WAYS_IN: tuple[type[Invitation | JoinRequest | InviteLink], ...] = (
    Invitation,
    JoinRequest,
    InviteLink,
)


def delete_group(*, user: User, group_id: UUID) -> None:
    """The owner alone may. Raises NotFound, Forbidden."""
    close_group(require_owner(user, group_id).group, by=user)


def close_group(group: Group, *, by: User) -> None:
    """Delete the group with all that is in it, and tell its other members. Raises Conflict if its
    rows cannot go.
    """
    shut_door(group)
    members = list(Membership.objects.filter(group=group).values_list("user_id", flat=True))
    facts: dict[str, Any] = {"group_id": group.pk, "members": members, "closed_by": by.pk}
    group_closing.send(Group, **facts)
    if not _delete_rows(group):  # somebody else was faster, and tells
        return
    note("group_deleted", group, by=by, members=len(members))
    group_closed.send_robust(Group, **facts)
    others = [user for user in members if user != by.pk]
    text = f"{by.username} has deleted the group {group.name}."
    tell(others, group, "group_deleted", text, WARNING)


def shut_door(group: Group) -> None:
    """Nobody can come in any more: there is no other way in than these."""
    for way_in in WAYS_IN:
        way_in.objects.filter(group=group).delete()


def _delete_rows(group: Group) -> bool:
    """Whether it was this caller who deleted the group. Raises Conflict.

    Django collects what hangs on a row before it deletes it: what came in between is collected at
    the next try.
    """
    for _ in range(TRIES):
        try:
            with transaction.atomic():
                deleted = Group.objects.filter(pk=group.pk).delete()[1]
        except IntegrityError:
            continue
        _sweep_up(group)
        return bool(deleted.get(Group._meta.label))
    raise Conflict("Too much is going on in this group just now. Try again.")


def _sweep_up(group: Group) -> None:
    """Rows that came in between, where the database enforces no foreign keys (MongoDB)."""
    for model in (*WAYS_IN, Membership):
        model.objects.filter(group=group.pk).delete()
