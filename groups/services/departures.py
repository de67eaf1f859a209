"""Leave a group or be removed from it, and who owns it afterwards.

A row goes or changes by one statement whose condition says what must still hold, so that of two
racing callers one wins. Whoever has taken a membership out then looks whether the group still has
an owner: of several who leave at once, the last one to look sees what the others did.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from accounts.models import WARNING, User
from core.errors import Conflict, Forbidden
from groups import selectors, states
from groups.models import Membership
from groups.services.deletion import close_group, shut_door
from groups.services.notices import note, tell, tell_leaders
from groups.services.roles import owner_of
from groups.signals import member_leaving, member_left


def leave_group(*, user: User, group_id: UUID) -> None:
    """Leave. An owner's group passes to the next in line; with its last member it is deleted.
    Raises NotFound.
    """
    _leave(selectors.membership_or_not_found(user, group_id), user)


def leave_all_groups(*, user: User, **_: Any) -> None:
    """The same for every group of his. Receives `user_leaving`: his account goes."""
    for membership in Membership.objects.filter(user=user).select_related("group"):
        _leave(membership, user)


def _leave(membership: Membership, user: User) -> None:
    group = membership.group
    if not _take_out(membership, Membership.objects.filter(pk=membership.pk)):
        return  # somebody removed him at this moment, or closed the group
    owner = owner_of(group)
    if owner is None:
        shut_door(group)
        owner = owner_of(group)  # whoever came in before it was shut
    if owner is None:
        close_group(group, by=user)
    else:
        news = f"{user.username} has left the group {group.name}."
        new_owner = (
            {owner.user_id} if membership.role == states.OWNER else set[UUID]()
        )  # he has been told already
        tell_leaders(group, "member_left", news, but=new_owner)


def remove_member(*, remover: User, group_id: UUID, user_id: UUID) -> None:
    """The owner removes everyone else, moderators remove plain members; whoever is removed is told.

    Raises NotFound, Forbidden, or Conflict if it is himself, or if the member goes or gets another
    role just now.
    """
    mine = selectors.membership_or_not_found(remover, group_id)
    if user_id == remover.pk:
        raise Conflict("You cannot remove yourself. To go, leave the group.")
    his = selectors.member_or_not_found(group_id, user_id)
    if his.role not in states.MAY_REMOVE[mine.role]:
        raise Forbidden(f"As {mine.role} you may not remove the group's {his.role}.")
    if not _take_out(his, Membership.objects.filter(pk=his.pk, role=his.role)):
        raise Conflict
    note("member_removed", mine.group, by=remover, whom=his.user)
    text = f"{remover.username} has removed you from the group {mine.group.name}."
    tell([user_id], mine.group, "member_removed", text, WARNING)


def _take_out(membership: Membership, row: QuerySet[Membership]) -> bool:
    """Delete the row if it is there still, and see to it that the group has an owner; False if it
    is not.
    """
    who = {"group_id": membership.group_id, "user_id": membership.user_id}
    member_leaving.send(Membership, **who)
    with transaction.atomic():
        if not row.delete()[0]:
            return False
        owner_of(membership.group)
    member_left.send_robust(Membership, **who)
    return True
