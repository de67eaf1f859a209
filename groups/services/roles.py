"""Who has which role in a group, who owns it, and who may submit.

A role moves by one conditional UPDATE, and the database allows one owner only
(`Membership.owner_key`).
"""

from __future__ import annotations

from uuid import UUID

from django.db import transaction

from accounts.models import User
from core.errors import Conflict, Invalid
from groups import selectors, states
from groups.models import Group, Membership
from groups.services.notices import note, tell
from groups.services.permissions import require_leader, require_owner

TRIES = 20  # each fails only if somebody else left or became owner in a moment


def set_role(*, owner: User, group_id: UUID, user_id: UUID, role: str) -> None:
    """Make somebody moderator or plain member; he is told. The owner alone may.

    Raises NotFound, Forbidden, Invalid, or Conflict for the owner himself, or if the member goes or
    changes just now.
    """
    group = require_owner(owner, group_id).group
    if role not in states.GIVEN_ROLES:
        raise Invalid(
            fields={
                "role": ["Choose moderator or member. Who is to own the group gets it handed over."]
            }
        )
    his = selectors.member_or_not_found(group_id, user_id)
    if his.role == states.OWNER:
        raise Conflict("The owner has no other role. Hand the group over instead.")
    if his.role == role:
        return
    if not his.move(his.role, role):
        raise Conflict
    note("role_changed", group, by=owner, whom=his.user, before=his.role, role=role)
    text = f"{owner.username} has made you {role} of the group {group.name}."
    tell([user_id], group, "role_changed", text)


def set_submitting(*, leader: User, group_id: UUID, user_id: UUID, submitting: str) -> None:
    """Let one member submit tasks "always" or "never", or as the "group" says. Leaders may say so
    of plain members.

    Raises NotFound, Forbidden, Invalid, or Conflict for a leader, who may always submit.
    """
    require_leader(leader, group_id)
    if submitting not in states.EXCEPTIONS:
        raise Invalid(fields={"submitting": [f"Choose one of {', '.join(states.EXCEPTIONS)}."]})
    his = selectors.member_or_not_found(group_id, user_id)
    plain = Membership.objects.filter(pk=his.pk, role=states.MEMBER)
    if his.leads or not plain.update(submitting=submitting):
        raise Conflict("The owner and moderators may always submit.")


def hand_over(*, owner: User, group_id: UUID, user_id: UUID) -> None:
    """Make this member the owner, who is told; who owned it is a moderator then.

    Raises NotFound, Forbidden, or Conflict: it is himself, the member cannot log in, or one of the
    two goes just now. First the old owner steps down, then the new one steps up: of two hand-overs
    at once the second finds no owner to step down, and there are never two.
    """
    mine = require_owner(owner, group_id)
    his = selectors.member_or_not_found(group_id, user_id)
    if his.pk == mine.pk:
        raise Conflict("You own this group already.")
    if not his.user.is_active:
        raise Conflict(f"{his.user.username} cannot log in at present.")
    with transaction.atomic():
        if not mine.move(states.OWNER, states.MODERATOR):
            raise Conflict("You do not own this group any more.")
        if not his.move(his.role, states.OWNER):
            mine.move(states.MODERATOR, states.OWNER)  # on MongoDB nothing is rolled back
            raise Conflict
    note("ownership_handed_over", mine.group, by=owner, whom=his.user)
    text = f"{owner.username} has handed the group {mine.group.name} over to you. You own it now."
    tell([user_id], mine.group, "ownership_handed_over", text)


def owner_of(group: Group) -> Membership | None:
    """The group's owner: if it has none, the next in line becomes it. None if nobody is left;
    raises Conflict.

    The next in line is the longest moderator, or without one the longest member; who cannot log in
    comes last.
    """
    for _ in range(TRIES):
        people = list(
            Membership.objects.filter(group=group).select_related("user")
        )  # in the order of joining
        if not people:
            return None
        first = min(people, key=_place)
        if first.role == states.OWNER:
            return first
        if first.move(first.role, states.OWNER):
            note("ownership_handed_over", group, by=None, whom=first.user)
            text = f"You own the group {group.name} now: who owned it has left."
            tell([first.user_id], group, "ownership_handed_over", text)
    raise Conflict("Too much is going on in this group just now. Try again.")


def _place(one: Membership) -> tuple[bool, bool, int]:
    return one.role != states.OWNER, not one.user.is_active, states.ROLES.index(one.role)
