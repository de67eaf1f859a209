"""Make a user a member of a group: the one way in by invitation, link or join request."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from django.db import IntegrityError, transaction

from accounts.models import User
from core.errors import NotFound
from groups import states
from groups.models import Group, Invitation, JoinRequest, Membership
from groups.signals import member_joined


class Entry(NamedTuple):
    membership: Membership
    new: bool  # False if the user was in the group already


def admit(group: Group, user: User, use_ticket: Callable[[], bool]) -> Entry | None:
    """Use up the user's ticket and make them a member; None if the ticket is no longer valid.

    `use_ticket` closes an invitation or a join request, or takes one use of a link. It is one
    conditional UPDATE, so of two callers with one ticket only one comes in. Without transactions, a
    crash between the two steps leaves a used ticket and no member; the person can be invited again.
    Raises NotFound if the group is deleted meanwhile.
    """
    try:
        with transaction.atomic():
            if not use_ticket():
                return None
            entry = Entry(*Membership.objects.get_or_create(group=group, user=user))
    except IntegrityError:  # the group was deleted meanwhile
        raise NotFound from None
    # MongoDB enforces no foreign keys, so there the insert succeeds although the group is gone.
    if not Group.objects.filter(pk=group.pk).exists():
        Membership.objects.filter(pk=entry.membership.pk).delete()
        raise NotFound
    settle(group, user)
    if entry.new:
        member_joined.send_robust(Membership, group_id=group.pk, user_id=user.pk)
    return entry


def settle(group: Group, user: User) -> None:
    """Close the open invitations and join requests between a group and a new member."""
    for invitation in Invitation.objects.open().filter(group=group, invitee=user):
        invitation.close(states.ACCEPTED)
    for request in JoinRequest.objects.open().filter(group=group, user=user):
        request.close(states.ACCEPTED)
