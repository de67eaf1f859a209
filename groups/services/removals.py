"""Who was removed from a group stays out until a leader lets them in again.

The row is written before the membership is deleted, and read again after a membership is made: of a
removal and a link that is used at the same time, the removal wins.
"""

from __future__ import annotations

from uuid import UUID

from django.db import IntegrityError, transaction

from accounts.models import User
from groups.models import Group, Removal, pending_key


def bar(group_id: UUID, user_id: UUID) -> bool:
    """Keep this user out of the group; False if they were kept out already."""
    key = pending_key(group_id, user_id)
    try:
        with transaction.atomic():
            Removal.objects.create(group_id=group_id, user_id=user_id, key=key)
    except IntegrityError:
        return False
    return True


def lift(group_id: UUID, user_id: UUID) -> None:
    """Let them in again."""
    Removal.objects.filter(key=pending_key(group_id, user_id)).delete()


def is_barred(group: Group, user: User) -> bool:
    return Removal.objects.filter(key=pending_key(group.pk, user.pk)).exists()
