"""Leave a group or be removed from it, and who owns it afterwards.

A row is deleted or changed by one statement, whose condition says what must still hold. So of two
racing callers one wins. After a membership is deleted, the caller sees to it that the group has an
owner: of several users who leave at the same time, the last caller sees what the others did.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from accounts.models import WARNING, User
from core.errors import Conflict, Forbidden
from groups import selectors, states
from groups.models import InviteLink, Membership
from groups.services.deletion import close_group, remove_ways_in
from groups.services.handouts import end_handouts
from groups.services.notices import notify, notify_leaders, record
from groups.services.removals import bar, unbar
from groups.services.roles import owner_of
from groups.signals import member_leaving, member_left


def leave_group(*, user: User, group_id: UUID) -> None:
    """Leave the group; with its last member it is deleted. Raises NotFound.

    If the owner leaves, the next in line becomes the owner.
    """
    _leave(selectors.membership_or_not_found(user, group_id), user)


def leave_all_groups(*, user: User, **_: Any) -> None:
    """Leave every group of this user. Receives `user_leaving`: the account is being deleted."""
    for membership in Membership.objects.filter(user=user).select_related("group"):
        _leave(membership, user)


def _leave(membership: Membership, user: User) -> None:
    group = membership.group
    if not _take_out(membership, Membership.objects.filter(pk=membership.pk)):
        return  # somebody removed this member meanwhile, or deleted the group
    owner = owner_of(group)
    if owner is None:
        remove_ways_in(group)
        owner = owner_of(group)  # somebody may have joined before that
    if owner is None:
        close_group(group, by=user)
        return
    text = f"{user.username} has left the group {group.name}."
    # A new owner has been notified of that already, in words that say the same.
    already_notified = {owner.user_id} if membership.role == states.OWNER else set[UUID]()
    notify_leaders(group, "member_left", text, but=already_notified)


def remove_member(*, remover: User, group_id: UUID, user_id: UUID) -> None:
    """Remove a member, who is notified. The owner removes anyone, moderators only plain members.

    They stay out until a leader invites them again, and the links and invitations that they gave
    out end. So does the link that they joined by: they could use it with another account.

    Raises NotFound, Forbidden, or Conflict if it is the remover, or if the member leaves or gets
    another role meanwhile.
    """
    mine = selectors.membership_or_not_found(remover, group_id)
    if user_id == remover.pk:
        raise Conflict("You cannot remove yourself. Leave the group instead.")
    theirs = selectors.member_or_not_found(group_id, user_id)
    if theirs.role not in states.MAY_REMOVE[mine.role]:
        raise Forbidden(f"As {mine.role} you may not remove the group's {theirs.role}.")
    is_new = bar(group_id, user_id)
    if not _take_out(theirs, Membership.objects.filter(pk=theirs.pk, role=theirs.role)):
        if is_new:
            unbar(group_id, user_id)
        raise Conflict
    end_handouts(mine.group, user_id)
    if theirs.joined_by_link:
        InviteLink.objects.filter(pk=theirs.joined_by_link).delete()
    record("member_removed", mine.group, by=remover, target=theirs.user)
    text = f"{remover.username} has removed you from the group {mine.group.name}."
    notify([user_id], mine.group, "member_removed", text, WARNING)


def _take_out(membership: Membership, row: QuerySet[Membership]) -> bool:
    """Delete this row of the membership; False if it no longer exists or no longer fits.

    Then the group's next in line becomes its owner, if it has lost its owner.
    """
    ids = {"group_id": membership.group_id, "user_id": membership.user_id}
    member_leaving.send(Membership, **ids)
    with transaction.atomic():
        if not row.delete()[0]:
            return False
        owner_of(membership.group)
    member_left.send_robust(Membership, **ids)
    return True
