"""Delete a group with all that is in it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction

from accounts.models import WARNING, User
from core.errors import Conflict
from groups.models import Group, Invitation, InviteLink, JoinRequest, Membership, Removal
from groups.services.notices import notify, record
from groups.services.permissions import require_owner
from groups.signals import group_closed, group_closing

TRIES = 3
WAYS_IN: tuple[type[Invitation | JoinRequest | InviteLink], ...] = (
    Invitation,
    JoinRequest,
    InviteLink,
)


def delete_group(*, user: User, group_id: UUID) -> None:
    """Delete the group. Only the owner may. Raises NotFound, Forbidden."""
    close_group(require_owner(user, group_id).group, by=user)


def close_group(group: Group, *, by: User) -> None:
    """Delete the group with all that is in it, and notify its other members.

    Raises Conflict if the rows cannot be deleted.
    """
    remove_ways_in(group)
    members = list(Membership.objects.filter(group=group).values_list("user_id", flat=True))
    facts: dict[str, Any] = {"group_id": group.pk, "members": members, "closed_by": by.pk}
    group_closing.send(Group, **facts)
    if not _delete_rows(group):  # another caller was faster, and notifies
        return
    record("group_deleted", group, by=by, members=len(members))
    group_closed.send_robust(Group, **facts)
    others = [user for user in members if user != by.pk]
    text = f"{by.username} has deleted the group {group.name}."
    notify(others, group, "group_deleted", text, WARNING)


def remove_ways_in(group: Group) -> None:
    """Delete invitations, join requests and links, so that nobody can join any more."""
    for way_in in WAYS_IN:
        way_in.objects.filter(group=group).delete()


def _delete_rows(group: Group) -> bool:
    """Delete the group's rows; False if another caller did. Raises Conflict.

    Django collects what depends on a row before it deletes the row. Rows that were inserted in
    between make the deletion fail, and are collected by the next try.
    """
    for _ in range(TRIES):
        try:
            with transaction.atomic():
                deleted = Group.objects.filter(pk=group.pk).delete()[1]
        except IntegrityError:
            continue
        _delete_leftovers(group)
        return bool(deleted.get(Group._meta.label))
    raise Conflict("The group is changing too quickly just now. Try again.")


def _delete_leftovers(group: Group) -> None:
    """Delete rows inserted in between on MongoDB, which enforces no foreign keys."""
    for model in (*WAYS_IN, Removal, Membership):
        model.objects.filter(group=group.pk).delete()
