"""Make a user a member of a group: the one way in by invitation, link or join request."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from django.conf import settings
from django.db import IntegrityError, transaction

from accounts.models import User
from core import quotas
from core.errors import NotFound
from groups import states
from groups.errors import Removed, TooManyGroups
from groups.models import Group, Invitation, InviteLink, JoinRequest, Membership
from groups.services.removals import is_barred, lift
from groups.signals import member_joined


class Entry(NamedTuple):
    membership: Membership
    new: bool  # False if the user was in the group already


class RemovedMeanwhile(Removed):
    """The ticket is used, but the user was removed at the same moment."""


def admit(
    group: Group, user: User, use_ticket: Callable[[], bool], *, link: InviteLink | None = None
) -> Entry | None:
    """Use up the user's ticket and make them a member; None if the ticket is no longer valid.

    Without a `link` a leader meant this user, by an invitation or a yes to their request. That ends
    the bar of a user who was removed; by a link they are refused.

    `use_ticket` closes an invitation or a join request, or takes one use of a link. It is one
    conditional UPDATE, so of two callers with one ticket only one comes in. Without transactions, a
    crash between the two steps leaves a used ticket and no member; the person can be invited again.
    Raises NotFound if the group is deleted meanwhile, Removed, TooManyGroups.
    """
    if link and is_barred(group, user):
        raise Removed
    require_room(user, but=group)
    try:
        with transaction.atomic():
            if not use_ticket():
                return None
            if not link:
                lift(group, user)
            facts = {"joined_by_link": link.pk if link else None}
            entry = Entry(*Membership.objects.get_or_create(facts, group=group, user=user))
    except IntegrityError:  # the group was deleted meanwhile
        raise NotFound from None
    # MongoDB enforces no foreign keys, so there the insert succeeds although the group is gone.
    if not Group.objects.filter(pk=group.pk).exists():
        Membership.objects.filter(pk=entry.membership.pk).delete()
        raise NotFound
    if entry.new and link and is_barred(group, user):  # they were removed meanwhile
        Membership.objects.filter(pk=entry.membership.pk).delete()
        raise RemovedMeanwhile
    too_many = over_room(user) if entry.new else None
    if too_many:  # they joined another group meanwhile; the ticket is used, which harms nobody
        Membership.objects.filter(pk=entry.membership.pk).delete()
        raise too_many
    settle(group, user)
    if entry.new:
        member_joined.send_robust(Membership, group_id=group.pk, user_id=user.pk)
    return entry


def require_room(user: User, but: Group | None = None) -> None:
    """Raise TooManyGroups if the user is in GROUPS_PER_USER_MAX groups, without counting `but`."""
    rows = Membership.objects.filter(user=user)
    if but is not None:
        rows = rows.exclude(group=but)
    if quotas.is_full(rows, settings.GROUPS_PER_USER_MAX):
        raise _too_many(user)


def over_room(user: User) -> TooManyGroups | None:
    """The error to raise if the user is in more groups than that, with one that is new."""
    rows = Membership.objects.filter(user=user)
    return _too_many(user) if quotas.is_over(rows, settings.GROUPS_PER_USER_MAX) else None


def _too_many(user: User) -> TooManyGroups:
    most = settings.GROUPS_PER_USER_MAX
    return TooManyGroups(f"{user.username} is in {most} groups, the maximum. Leave one first.")


def settle(group: Group, user: User) -> None:
    """Close the open invitations and join requests between a group and a new member."""
    for invitation in Invitation.objects.open().filter(group=group, invitee=user):
        invitation.close(states.ACCEPTED)
    for request in JoinRequest.objects.open().filter(group=group, user=user):
        request.close(states.ACCEPTED)
