"""Writes: make a group, invite people, answer."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from uuid import UUID

from django.db import IntegrityError, transaction

from accounts.models import User
from accounts.models import name_key as username_key
from accounts.selectors import users_named
from firmlight.errors import Conflict, Fields, Forbidden, Invalid, NotFound
from groups import selectors, states
from groups.errors import InvitationClosed, InvitationExpired
from groups.models import Group, Invitation, Membership, name_key, pending_key

NAME_TAKEN: Fields = {"name": ["There is a group of this name already."]}


def create_group(*, owner: User, name: str, description: str = "") -> Group:
    """A new group with `owner` as its first member. Raises Invalid if the name is taken."""
    if selectors.is_taken(name_key(name)):
        raise Invalid(fields=NAME_TAKEN)
    try:
        with transaction.atomic():
            group = Group.objects.create(name=name, description=description)
            Membership.objects.create(group=group, user=owner, role=states.OWNER)
    except IntegrityError:  # somebody took the name since we looked
        raise Invalid(fields=NAME_TAKEN) from None
    return group


def update_group(*, editor: User, group_id: UUID, name: str | None = None, description: str | None = None) -> None:
    """Change what is given. The owner alone may: raises NotFound, Forbidden, or Invalid if the name is taken."""
    if selectors.membership_or_not_found(editor, group_id).role != states.OWNER:
        raise Forbidden("Only the owner may change the group.")
    changes = {} if name is None else {"name": name, "name_key": name_key(name)}
    changes |= {} if description is None else {"description": description}
    if name is not None and selectors.is_taken(name_key(name), but=group_id):
        raise Invalid(fields=NAME_TAKEN)
    try:
        with transaction.atomic():
            Group.objects.filter(pk=group_id).update(**changes)
    except IntegrityError:
        raise Invalid(fields=NAME_TAKEN) from None


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
    """Join the group. Raises NotFound if it is not his, InvitationClosed, InvitationExpired.

    Of two callers one closes the invitation, and only he makes the membership. Where the database has no
    transactions, a crash between the two leaves an invitation used up; the person can be asked again.
    """
    invitation = _own(user, invitation_id)
    with transaction.atomic():
        if not invitation.close(states.ACCEPTED):
            raise _why_closed(invitation)
        membership, _ = Membership.objects.get_or_create(group=invitation.group, user=user)
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


def _why_closed(invitation: Invitation) -> Conflict:
    invitation.refresh_from_db(fields=["status"])
    return InvitationExpired() if invitation.status in (states.PENDING, states.EXPIRED) else InvitationClosed()
