"""Who was removed from a group stays out until a leader lets them in again.

The row is written before the membership is deleted, and read again after a membership is made: of a
removal and a link that is used at the same time, the removal wins.

When the user deletes the account, the row stays with a digest of their name, so that whoever takes
the same name again is kept out too. Nobody can know them by another name.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils.crypto import salted_hmac

from accounts.models import User
from accounts.models import name_key as username_key
from groups.models import Group, Removal, pending_key

SALT = "groups.removals"
DIGEST_CHARS = 40


def bar(group_id: UUID, user_id: UUID) -> bool:
    """Keep this user out of the group; False if they were kept out already."""
    key = pending_key(group_id, user_id)
    try:
        with transaction.atomic():
            Removal.objects.create(group_id=group_id, user_id=user_id, key=key)
    except IntegrityError:
        return False
    return True


def unbar(group_id: UUID, user_id: UUID) -> None:
    """Take back what `bar` did."""
    Removal.objects.filter(key=pending_key(group_id, user_id)).delete()


def lift(group: Group, user: User) -> None:
    """Let this user in again, also if the bar is one of their name."""
    Removal.objects.filter(key__in=_keys(group, user)).delete()


def is_barred(group: Group, user: User) -> bool:
    return Removal.objects.filter(key__in=_keys(group, user)).exists()


def keep_bars(*, user: User, **_: Any) -> None:
    """Keep the bars of this user for their name. Receives `user_leaving`."""
    for removal in Removal.objects.filter(user=user):
        row = Removal.objects.filter(pk=removal.pk)
        try:
            with transaction.atomic():
                row.update(key=_key_of_name(removal.group_id, user), user=None)
        except IntegrityError:  # the group has a bar of this name from before
            row.delete()


def _keys(group: Group, user: User) -> list[str]:
    return [pending_key(group.pk, user.pk), _key_of_name(group.pk, user)]


def _key_of_name(group_id: UUID, user: User) -> str:
    digest = salted_hmac(SALT, username_key(user.username), algorithm="sha256").hexdigest()
    return f"{group_id}:{digest[:DIGEST_CHARS]}"
