"""The roles of members, who owns the group, and who may submit.

A role changes by one conditional UPDATE, and the database allows only one owner
(`Membership.owner_key`).
"""

from __future__ import annotations

from uuid import UUID

from django.db import transaction

from accounts.models import User
from core.errors import Conflict, Invalid
from groups import selectors, states
from groups.models import Group, Membership
from groups.services.handouts import end_handouts
from groups.services.notices import notify, record
from groups.services.permissions import require_leader, require_owner

TRIES = 20  # each fails only if another member left or became owner at that moment


def set_role(*, owner: User, group_id: UUID, user_id: UUID, role: str) -> None:
    """Make a member moderator or plain member, and notify them. Only the owner may.

    Links and invitations of a moderator who becomes a plain member end.

    Raises NotFound, Forbidden, Invalid, or Conflict if it is the owner, or if the member leaves or
    changes meanwhile.
    """
    group = require_owner(owner, group_id).group
    if role not in states.GIVEN_ROLES:
        hint = "Choose moderator or member. To make somebody the owner, hand the group over."
        raise Invalid(fields={"role": [hint]})
    theirs = selectors.member_or_not_found(group_id, user_id)
    if theirs.role == states.OWNER:
        raise Conflict("The owner has no other role. Hand the group over instead.")
    if theirs.role == role:
        return
    if not theirs.move(theirs.role, role):
        raise Conflict
    if role not in states.LEADERS:
        end_handouts(group, user_id)
    record("role_changed", group, by=owner, target=theirs.user, before=theirs.role, role=role)
    text = f"{owner.username} has made you {role} of the group {group.name}."
    notify([user_id], group, "role_changed", text)


def set_submitting(*, leader: User, group_id: UUID, user_id: UUID, submitting: str) -> None:
    """Let one plain member submit tasks "always" or "never", or as the "group" says.

    The owner and moderators may set it. Raises NotFound, Forbidden, Invalid, or Conflict if the
    member is one of them: those may always submit.
    """
    require_leader(leader, group_id)
    if submitting not in states.EXCEPTIONS:
        raise Invalid(fields={"submitting": [f"Choose one of {', '.join(states.EXCEPTIONS)}."]})
    theirs = selectors.member_or_not_found(group_id, user_id)
    plain = Membership.objects.filter(pk=theirs.pk, role=states.MEMBER)
    if theirs.leads or not plain.update(submitting=submitting):
        raise Conflict("The owner and moderators may always submit.")


def hand_over(*, owner: User, group_id: UUID, user_id: UUID) -> None:
    """Make this member the owner, and notify them. The old owner becomes a moderator.

    Raises NotFound, Forbidden, or Conflict: the member is the owner already or cannot log in, or
    one of the two leaves meanwhile.
    """
    mine = require_owner(owner, group_id)
    theirs = selectors.member_or_not_found(group_id, user_id)
    if theirs.pk == mine.pk:
        raise Conflict("You own this group already.")
    if not theirs.user.is_active:
        raise Conflict(f"{theirs.user.username} cannot log in at present.")
    # First the old owner steps down, then the new one steps up. Of two simultaneous hand-overs the
    # second finds no owner who could step down, so there are never two owners.
    with transaction.atomic():
        if not mine.move(states.OWNER, states.MODERATOR):
            raise Conflict("You no longer own this group.")
        if not theirs.move(theirs.role, states.OWNER):
            mine.move(states.MODERATOR, states.OWNER)  # MongoDB rolls nothing back
            raise Conflict
    record("ownership_handed_over", mine.group, by=owner, target=theirs.user)
    text = f"{owner.username} has handed the group {mine.group.name} over to you. You own it now."
    notify([user_id], mine.group, "ownership_handed_over", text)


def owner_of(group: Group) -> Membership | None:
    """The group's owner; if it has none, the next in line becomes the owner.

    The next in line is the longest moderator, or without one the longest member; blocked users come
    last. Returns None if the group has no members. Raises Conflict.
    """
    for _ in range(TRIES):
        members = list(Membership.objects.filter(group=group).select_related("user"))
        if not members:
            return None
        first = min(members, key=_place_in_line)
        if first.role == states.OWNER:
            return first
        if first.move(first.role, states.OWNER):
            record("ownership_handed_over", group, by=None, target=first.user)
            text = f"You now own the group {group.name}, because its owner has left."
            notify([first.user_id], group, "ownership_handed_over", text)
    raise Conflict("The group is changing too quickly just now. Try again.")


def _place_in_line(one: Membership) -> tuple[bool, bool, int]:
    """The least comes first; of equals `min` takes the first, who joined first."""
    is_owner = one.role == states.OWNER
    return not is_owner, not one.user.is_active, states.ROLES.index(one.role)
