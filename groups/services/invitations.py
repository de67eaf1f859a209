"""Invite people, and take invitations back.

Whoever writes an invitation looks afterwards whether the invited person asked to join, or came in,
at the same time; whoever asks or comes in looks for invitations afterwards. So one of two who cross
each other's way sees the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import IntegrityError, transaction

from accounts.models import User
from accounts.models import name_key as username_key
from accounts.selectors import users_named
from core.errors import NotFound
from groups import states
from groups.models import Group, Invitation, JoinRequest, Membership, pending_key
from groups.services.invitation_answers import why_closed
from groups.services.join_requests import let_in_who_asked
from groups.services.joining import settle
from groups.services.notices import tell
from groups.services.permissions import require_leader

INVITED, JOINED = "invited", "joined"  # joined: he had asked to join himself
ALREADY_MEMBER, ALREADY_INVITED, UNKNOWN, YOURSELF = (
    "already_member",
    "already_invited",
    "unknown",
    "yourself",
)
OUTCOMES = (INVITED, JOINED, ALREADY_MEMBER, ALREADY_INVITED, UNKNOWN, YOURSELF)


@dataclass(frozen=True)
class Answer:
    """What became of one name; `invitation` is the id of the open invitation, if there is one."""

    username: str
    outcome: str
    invitation: UUID | None = None


def invite(*, inviter: User, group_id: UUID, usernames: Sequence[str]) -> list[Answer]:
    """Ask these people into the group; one answer for each name, in their order. A name given twice
    counts once.

    Who has asked to join himself is let in. Raises NotFound, Forbidden.
    """
    group = require_leader(inviter, group_id).group
    names = {username_key(name): name for name in reversed(usernames)}
    people = users_named(names)
    answers = _answers(group, inviter, people)
    fresh = [
        user
        for user in people.values()
        if user.pk in answers and answers[user.pk].outcome == INVITED
    ]
    text = f"{inviter.username} invites you to the group {group.name}."
    tell([user.pk for user in fresh], group, "invited", text)
    ordered = dict.fromkeys(username_key(name) for name in usernames)
    return [
        answers[people[key].pk] if key in people else Answer(names[key], UNKNOWN) for key in ordered
    ]


def _answers(group: Group, inviter: User, people: dict[str, User]) -> dict[UUID, Answer]:
    others = [user for user in people.values() if user.pk != inviter.pk]
    answers = {
        user.pk: Answer(user.username, YOURSELF)
        for user in people.values()
        if user.pk == inviter.pk
    }
    members = _members_among(group, others)
    answers |= {
        user.pk: Answer(user.username, ALREADY_MEMBER) for user in others if user.pk in members
    }
    strangers = [user for user in others if user.pk not in members]
    _expire_overdue(group, strangers)
    answers |= {user.pk: _invite_one(group, inviter, user) for user in strangers}
    return answers | _crossings(group, inviter, strangers)


def _members_among(group: Group, people: Iterable[User]) -> set[UUID]:
    rows = Membership.objects.filter(group=group, user__in=[user.pk for user in people]).order_by()
    return set(rows.values_list("user_id", flat=True))


def _expire_overdue(group: Group, people: Iterable[User]) -> None:
    """Free the `pending_key` of invitations that ran out, so that these people can be asked again."""
    for invitation in Invitation.objects.overdue().filter(
        group=group, invitee__in=[user.pk for user in people]
    ):
        invitation.close(states.EXPIRED)


def _invite_one(group: Group, inviter: User, invitee: User) -> Answer:
    key = pending_key(group.pk, invitee.pk)
    try:
        with transaction.atomic():
            row = Invitation.objects.create(
                group=group, inviter=inviter, invitee=invitee, pending_key=key
            )
        return Answer(invitee.username, INVITED, row.pk)
    except (
        IntegrityError
    ):  # he is invited, perhaps by somebody else just now; or the group has gone
        found = Invitation.objects.filter(pending_key=key).first()
        return Answer(invitee.username, ALREADY_INVITED, found.pk if found else None)


def _crossings(group: Group, inviter: User, people: Iterable[User]) -> dict[UUID, Answer]:
    """Those who asked to join before us or just now are let in; who came in just now needs no
    invitation.
    """
    ids = [user.pk for user in people]
    requests = (
        JoinRequest.objects.open().filter(group=group, user__in=ids).select_related("group", "user")
    )
    joined = {
        row.user_id: Answer(row.user.username, JOINED)
        for row in requests
        if let_in_who_asked(row, by=inviter)
    }
    came = _members_among(group, people) - joined.keys()
    for user in (user for user in people if user.pk in came):
        settle(group, user)
        joined[user.pk] = Answer(user.username, ALREADY_MEMBER)
    return joined


def withdraw(*, leader: User, group_id: UUID, invitation_id: UUID) -> None:
    """Take an invitation back; the invited person is told.

    Raises NotFound, Forbidden, InvitationClosed, InvitationExpired.
    """
    group = require_leader(leader, group_id).group
    invitation = Invitation.objects.filter(pk=invitation_id, group=group).first()
    if invitation is None:
        raise NotFound
    if not invitation.close(states.WITHDRAWN):
        raise why_closed(invitation)
    text = f"{leader.username} has withdrawn your invitation to the group {group.name}."
    tell([invitation.invitee_id], group, "invitation_withdrawn", text)
