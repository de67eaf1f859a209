"""Invite people, and answer."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from uuid import UUID

from django.db import IntegrityError, transaction

from accounts.models import User
from accounts.models import name_key as username_key
from accounts.selectors import users_named
from firmlight.errors import Conflict, Fields, FirmlightError, Forbidden, Invalid, NotFound
from groups import selectors, states
from groups.errors import InvitationClosed, InvitationExpired
from groups.models import Group, Invitation, Membership, pending_key


def require_leader(user: User, group_id: UUID) -> Membership:
    """The membership of an owner or moderator. Raises NotFound for a stranger, Forbidden for a plain member."""
    membership = selectors.membership_or_not_found(user, group_id)
    if not membership.leads:
        raise Forbidden("Only the owner and moderators may do this.")
    return membership


def invite(*, inviter: User, group_id: UUID, usernames: Sequence[str]) -> list[Invitation]:
    """Ask these people into the group: all of them, or nobody if one name is no good.

    A name given twice counts once. Raises NotFound, Forbidden, or Invalid whose fields `usernames.0`, … say what is
    wrong with which name.
    """
    group = require_leader(inviter, group_id).group
    people = users_named(usernames)
    _refuse_unfit(inviter, group, usernames, people)
    _expire_overdue(group, people.values())
    try:
        with transaction.atomic():
            return Invitation.objects.bulk_create(_invitation(group, inviter, user) for user in people.values())
    except IntegrityError:  # a second inviter beside us asked one of them first
        _refuse_unfit(inviter, group, usernames, people)
        raise Conflict from None


def _invitation(group: Group, inviter: User, invitee: User) -> Invitation:
    return Invitation(group=group, inviter=inviter, invitee=invitee, pending_key=pending_key(group.pk, invitee.pk))


def _refuse_unfit(inviter: User, group: Group, usernames: Sequence[str], people: dict[str, User]) -> None:
    ids = [user.pk for user in people.values()]
    members = set(Membership.objects.filter(group=group, user__in=ids).values_list("user_id", flat=True))
    invited = set(Invitation.objects.open().filter(group=group, invitee__in=ids).values_list("invitee_id", flat=True))
    fields: Fields = {}
    for i, name in enumerate(usernames):
        if reason := _unfit(people.get(username_key(name)), inviter, members, invited):
            fields[f"usernames.{i}"] = [reason.format(name)]
    if fields:
        raise Invalid("Nobody was invited: some names are no good.", fields)


def _unfit(user: User | None, inviter: User, members: set[UUID], invited: set[UUID]) -> str:
    if user is None:
        return "There is no user {}."
    if user.pk == inviter.pk:
        return "You are in this group yourself."
    if user.pk in members:
        return "{} is a member already."
    return "{} is invited already." if user.pk in invited else ""


def _expire_overdue(group: Group, people: Collection[User]) -> None:
    """Free the `pending_key` of invitations that ran out, so that these people can be asked again."""
    for invitation in Invitation.objects.overdue().filter(group=group, invitee__in=[user.pk for user in people]):
        invitation.close(states.EXPIRED)


def accept(*, user: User, invitation_id: UUID) -> Membership:
    """Join the group. Raises NotFound if it is not his or the group is gone, InvitationClosed, InvitationExpired.

    Of two callers one closes the invitation, and only he makes the membership. Where the database has no
    transactions, a crash between the two leaves an invitation used up; the person can be asked again.
    """
    invitation = _own(user, invitation_id)
    try:
        with transaction.atomic():
            if not invitation.close(states.ACCEPTED):
                raise _why_closed(invitation)
            membership, _ = Membership.objects.get_or_create(group=invitation.group, user=user)
    except IntegrityError:  # the group went while we were at it
        raise NotFound from None
    return membership


def decline(*, user: User, invitation_id: UUID) -> None:
    """Turn it down. Raises as `accept` does."""
    invitation = _own(user, invitation_id)
    if not invitation.close(states.DECLINED):
        raise _why_closed(invitation)


def _own(user: User, invitation_id: UUID) -> Invitation:
    invitation = Invitation.objects.select_related("group").filter(pk=invitation_id, invitee=user).first()
    if invitation is None:
        raise NotFound
    return invitation


def _why_closed(invitation: Invitation) -> FirmlightError:
    status = Invitation.objects.filter(pk=invitation.pk).values_list("status", flat=True).first()
    if status is None:  # it went with its group
        return NotFound()
    return InvitationExpired() if status in (states.PENDING, states.EXPIRED) else InvitationClosed()
