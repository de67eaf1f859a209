"""Invite people to a group, and withdraw invitations.

After it has stored an invitation, the code looks for join requests and memberships of the invitee.
After it has stored a join request or a membership, it looks for invitations. So of two callers that
do both at the same time, at least one sees the other's row.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

from django.db import IntegrityError, transaction

from accounts.models import User
from accounts.models import name_key as username_key
from accounts.selectors import users_named
from core import throttling
from core.errors import Forbidden, NotFound
from groups import states
from groups.errors import TooManyGroups, TooManyInvitations
from groups.models import Group, Invitation, JoinRequest, Membership, pending_key
from groups.services.invitation_answers import why_closed
from groups.services.join_requests import accept_request
from groups.services.joining import settle
from groups.services.notices import notify
from groups.services.permissions import require_leader, still_leads

INVITED, JOINED = "invited", "joined"  # joined: the person had asked to join
ALREADY_MEMBER, ALREADY_INVITED, TOO_OFTEN, UNKNOWN, YOURSELF = (
    "already_member",
    "already_invited",
    "too_often",
    "unknown",
    "yourself",
)
OUTCOMES = (INVITED, JOINED, ALREADY_MEMBER, ALREADY_INVITED, TOO_OFTEN, UNKNOWN, YOURSELF)


@dataclass(frozen=True)
class Answer:
    """The outcome for one name; `invitation` is the id of the open invitation, if there is one.

    `wait`: seconds until they may be invited, if that happened too often.
    """

    username: str
    outcome: str
    invitation: UUID | None = None
    wait: float = 0.0


def invite(*, inviter: User, group_id: UUID, usernames: Sequence[str]) -> list[Answer]:
    """Invite these people; return one answer for each name, in their order.

    A name that is given twice counts once. A person who has asked to join becomes a member. Raises
    NotFound, Forbidden, and TooManyInvitations if all were invited too often today.
    """
    group = require_leader(inviter, group_id).group
    names: dict[str, str] = {}  # key of the name -> the name as it was first given
    for name in usernames:
        names.setdefault(username_key(name), name)
    people = users_named(names)
    answers = _answers(group, inviter, list(people.values()))
    invited = [user_id for user_id, answer in answers.items() if answer.outcome == INVITED]
    if invited and not still_leads(inviter, group.pk):
        for invitation in Invitation.objects.open().filter(group=group, invitee__in=invited):
            invitation.close(states.WITHDRAWN)
        raise Forbidden
    text = f"{inviter.username} invites you to the group {group.name}."
    notify(invited, group, "invited", text)
    in_order = []
    for key, name in names.items():
        user = people.get(key)
        in_order.append(answers[user.pk] if user else Answer(name, UNKNOWN))
    if in_order and all(answer.outcome == TOO_OFTEN for answer in in_order):
        wait = max(answer.wait for answer in in_order)
        raise TooManyInvitations(wait, fields={"usernames": [TooManyInvitations.message]})
    return in_order


def _answers(group: Group, inviter: User, people: list[User]) -> dict[UUID, Answer]:
    """Invite those who can be invited; the outcome for each of these users."""
    answers: dict[UUID, Answer] = {}
    strangers = []
    members = _members_among(group, people)
    for user in people:
        if user.pk == inviter.pk:
            answers[user.pk] = Answer(user.username, YOURSELF)
        elif user.pk in members:
            answers[user.pk] = Answer(user.username, ALREADY_MEMBER)
        else:
            strangers.append(user)
    _expire_overdue(group, strangers)
    for user in strangers:
        answers[user.pk] = _invite_one(group, inviter, user)
    return answers | _crossings(group, inviter, strangers)


def _members_among(group: Group, people: Iterable[User]) -> set[UUID]:
    rows = Membership.objects.filter(group=group, user__in=[user.pk for user in people]).order_by()
    return set(rows.values_list("user_id", flat=True))


def _expire_overdue(group: Group, people: Iterable[User]) -> None:
    """Close expired invitations: that frees their `pending_key` for new ones."""
    ids = [user.pk for user in people]
    for invitation in Invitation.objects.overdue().filter(group=group, invitee__in=ids):
        invitation.close(states.EXPIRED)


def _invite_one(group: Group, inviter: User, invitee: User) -> Answer:
    key = pending_key(group.pk, invitee.pk)
    try:
        with transaction.atomic():
            row = Invitation.objects.create(
                group=group, inviter=inviter, invitee=invitee, pending_key=key
            )
    except IntegrityError:  # there is an open invitation, or the group was deleted meanwhile
        found = Invitation.objects.filter(pending_key=key).first()
        return Answer(invitee.username, ALREADY_INVITED, found.pk if found else None)
    # Counted after the insert, so that of simultaneous requests for one person only one counts.
    if wait := _invited_too_often(group, inviter, invitee):
        row.delete()
        return Answer(invitee.username, TOO_OFTEN, wait=wait)
    return Answer(invitee.username, INVITED, row.pk)


def _invited_too_often(group: Group, inviter: User, invitee: User) -> float:
    """Count an invitation; the seconds to wait if it is one too many today, otherwise 0.

    It counts although it may be withdrawn or declined: each of them leaves the invitee a message.
    """
    pair = f"{inviter.pk}-{invitee.pk}"
    return (
        throttling.count("invitation_pair", pair)
        or throttling.count("invitation_user", str(inviter.pk))
        or throttling.count("invitation_group", str(group.pk))
    )


def _crossings(group: Group, inviter: User, people: list[User]) -> dict[UUID, Answer]:
    """The outcome for people who have asked to join, or have joined by another way meanwhile.

    An open join request is accepted, and a new member's invitation is closed.
    """
    answers: dict[UUID, Answer] = {}
    ids = [user.pk for user in people]
    requests = JoinRequest.objects.open().filter(group=group, user__in=ids)
    for request in requests.select_related("group", "user"):
        with suppress(TooManyGroups):  # their request and the invitation stay open
            if accept_request(request, by=inviter):
                answers[request.user_id] = Answer(request.user.username, JOINED)
    members = _members_among(group, people)
    for user in people:
        if user.pk in members and user.pk not in answers:
            settle(group, user)
            answers[user.pk] = Answer(user.username, ALREADY_MEMBER)
    return answers


def withdraw(*, leader: User, group_id: UUID, invitation_id: UUID) -> None:
    """Withdraw an invitation, and notify the invitee.

    Raises NotFound, Forbidden, InvitationClosed, InvitationExpired.
    """
    group = require_leader(leader, group_id).group
    invitation = Invitation.objects.filter(pk=invitation_id, group=group).first()
    if invitation is None:
        raise NotFound
    if not invitation.close(states.WITHDRAWN):
        raise why_closed(invitation)
    text = f"{leader.username} has withdrawn your invitation to the group {group.name}."
    notify([invitation.invitee_id], group, "invitation_withdrawn", text)
