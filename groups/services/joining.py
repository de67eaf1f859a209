"""The one door through which everybody comes in, whatever his ticket is: an invitation, a link, a
request.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from django.db import IntegrityError, transaction

from accounts.models import User
from core.errors import NotFound
from groups import states
from groups.models import Group, Invitation, JoinRequest, Membership


class Entry(NamedTuple):
    membership: Membership
    new: bool  # False: he was in the group already


def let_in(group: Group, user: User, ticket: Callable[[], bool]) -> Entry | None:
    """Take the ticket and make him a member; None if `ticket()` is False: it was no good any more.

    A ticket is one conditional UPDATE, so of two callers one comes in with it. Where the database
    has no transactions, a crash between the two leaves a ticket used up; the person can be asked
    again. Raises NotFound if the group goes.
    """
    try:
        with transaction.atomic():
            if not ticket():
                return None
            entry = Entry(*Membership.objects.get_or_create(group=group, user=user))
    except IntegrityError:  # the group went while we were at it
        raise NotFound from None
    if not Group.objects.filter(
        pk=group.pk
    ).exists():  # the same on MongoDB, which enforces no foreign keys
        Membership.objects.filter(pk=entry.membership.pk).delete()
        raise NotFound
    settle(group, user)
    return entry


def settle(group: Group, user: User) -> None:
    """Close what else was open between a member and his group: he need not be asked, nor ask, any
    more.
    """
    for invitation in Invitation.objects.open().filter(group=group, invitee=user):
        invitation.close(states.ACCEPTED)
    for request in JoinRequest.objects.open().filter(group=group, user=user):
        request.close(states.ACCEPTED)
