"""Make a group, and change what it is called."""

from __future__ import annotations

from uuid import UUID

from django.db import IntegrityError, transaction

from accounts.models import User
from firmlight.errors import Fields, Forbidden, Invalid
from groups import selectors, states
from groups.models import Group, Membership, name_key

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
