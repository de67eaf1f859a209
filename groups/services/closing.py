"""The end of a group."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction

from accounts.models import WARNING, User
from accounts.notifications import notify
from firmlight.errors import Conflict, Forbidden
from groups import selectors, states
from groups.models import Group, Invitation, Membership
from groups.signals import group_closed, group_closing

TRIES = 3


def delete_group(*, user: User, group_id: UUID) -> None:
    """The owner alone may. Raises NotFound, Forbidden."""
    membership = selectors.membership_or_not_found(user, group_id)
    if membership.role != states.OWNER:
        raise Forbidden("Only the owner may delete the group.")
    close_group(membership.group, by=user)


def close_group(group: Group, *, by: User) -> None:
    """Delete the group with all that is in it, and tell its other members. Raises Conflict if its rows cannot go."""
    shut_door(group)
    members = list(Membership.objects.filter(group=group).values_list("user_id", flat=True))
    facts: dict[str, Any] = {"group_id": group.pk, "members": members, "closed_by": by.pk}
    group_closing.send(Group, **facts)
    if not _delete_rows(group):  # somebody else was faster, and tells
        return
    group_closed.send_robust(Group, **facts)
    others = [user for user in members if user != by.pk]
    text = f"{by.username} has deleted the group {group.name}."
    notify(others, code="group_deleted", level=WARNING, text=text, group=group.pk)


def shut_door(group: Group) -> None:
    """Nobody can come in any more: to join is to answer an open invitation."""
    Invitation.objects.filter(group=group, status=states.PENDING).delete()


def _delete_rows(group: Group) -> bool:
    """Whether it was this caller who deleted the group. Raises Conflict.

    Django collects what hangs on a row before it deletes it: what came in between is collected at the next try.
    """
    for _ in range(TRIES):
        try:
            with transaction.atomic():
                deleted = Group.objects.filter(pk=group.pk).delete()[1]
            return bool(deleted.get(Group._meta.label))
        except IntegrityError:
            continue
    raise Conflict("Too much is going on in this group just now. Try again.")
