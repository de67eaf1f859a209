"""Create a group, change its texts and rules, star it."""

from __future__ import annotations

from uuid import UUID

from django.db import IntegrityError, transaction

from accounts.models import SUCCESS, User
from core import throttling
from core.errors import Fields, Invalid, NotFound
from groups import selectors, states
from groups.errors import TooManyGroupsToday
from groups.models import Group, Membership, name_key
from groups.services.joining import over_room, require_room
from groups.services.notices import notify
from groups.services.permissions import require_leader, require_owner

NAME_TAKEN: Fields = {"name": ["There is a group with this name already."]}


def create_group(
    *,
    owner: User,
    name: str,
    description: str = "",
    joining: str = states.BY_INVITATION,
    submitting: str = states.MEMBERS_SUBMIT,
    verify_default: str = states.AS_TASK,
) -> Group:
    """A new group with `owner` as its first member.

    Raises Invalid if the name is taken, TooManyGroups, TooManyGroupsToday.
    """
    if selectors.is_taken(name_key(name)):
        raise Invalid(fields=NAME_TAKEN)
    require_room(owner)
    throttling.spend("group", owner.pk, TooManyGroupsToday)
    facts = {
        "name": name,
        "description": description,
        "joining": joining,
        "submitting": submitting,
        "verify_default": verify_default,
    }
    try:
        with transaction.atomic():
            group = Group.objects.create(**facts)
            Membership.objects.create(group=group, user=owner, role=states.OWNER)
    except IntegrityError:  # another group took the name meanwhile
        raise Invalid(fields=NAME_TAKEN) from None
    if too_many := over_room(owner):
        group.delete()
        raise too_many
    text = f"You have created the group {group.name}."
    notify([owner.pk], group, "group_created", text, SUCCESS)
    return group


def update_group(
    *,
    editor: User,
    group_id: UUID,
    name: str | None = None,
    description: str | None = None,
    joining: str | None = None,
    submitting: str | None = None,
    verify_default: str | None = None,
) -> None:
    """Change what is given. Moderators may change `verify_default`, the rest only the owner.

    `joining` is one of states.JOINING, `submitting` one of states.SUBMITTING, `verify_default` one
    of states.VERIFY_DEFAULTS. Raises NotFound, Forbidden, or Invalid if the name is taken.
    """
    given = {
        "name": name,
        "description": description,
        "joining": joining,
        "submitting": submitting,
        "verify_default": verify_default,
    }
    changes = {field: value for field, value in given.items() if value is not None}
    if changes.keys() == {"verify_default"}:
        require_leader(editor, group_id)
    else:
        require_owner(editor, group_id)
    if name is not None:
        changes["name_key"] = name_key(name)
        if selectors.is_taken(name_key(name), but=group_id):
            raise Invalid(fields=NAME_TAKEN)
    try:
        with transaction.atomic():
            Group.objects.filter(pk=group_id).update(**changes)
    except IntegrityError:
        raise Invalid(fields=NAME_TAKEN) from None


def star(*, user: User, group_id: UUID, starred: bool) -> None:
    """Put the group at the top of the user's own list, or not. Raises NotFound for a stranger."""
    if not Membership.objects.filter(user=user, group=group_id).update(starred=starred):
        raise NotFound
