"""Writes: notify users; mark notifications read, and delete them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts.models import NOTIFICATION_TEXT_MAX, Notification, User
from accounts.signals import notified
from core.batches import delete_in_batches
from core.errors import NotFound


def notify(
    users: Iterable[UUID],
    *,
    code: str,
    level: str,
    text: str,
    group: UUID | None = None,
    task: UUID | None = None,
) -> None:
    """Leave each of these users (by id) a message; ids without an account are skipped.

    `level` is one of LEVELS, `code` has at most 40 characters, and `text` is cut to
    NOTIFICATION_TEXT_MAX.
    """
    facts = {
        "code": code,
        "level": level,
        "text": text[:NOTIFICATION_TEXT_MAX],
        "group_id": group,
        "task_id": task,
    }
    known = list(User.objects.filter(pk__in=set(users)).order_by().values_list("pk", flat=True))
    Notification.objects.bulk_create(Notification(user_id=user, **facts) for user in known)
    _announce(known)


def _announce(users: list[UUID]) -> None:
    """Have their open pages show what has changed, once the transaction is committed."""
    if users:
        transaction.on_commit(lambda: notified.send_robust(Notification, users=users))


def mark_read(*, user: User, notification_id: UUID) -> None:
    """Store when the user first read it. Raises NotFound unless it is theirs."""
    mine = Notification.objects.filter(pk=notification_id, user=user)
    if mine.filter(read=None).update(read=timezone.now()):
        _announce([user.pk])
    elif not mine.exists():
        raise NotFound


def mark_all_read(user: User) -> None:
    if Notification.objects.filter(user=user, read=None).update(read=timezone.now()):
        _announce([user.pk])


def delete(*, user: User, notification_id: UUID) -> None:
    """Raises NotFound unless it is the user's."""
    if not Notification.objects.filter(pk=notification_id, user=user).delete()[0]:
        raise NotFound
    _announce([user.pk])


def delete_all(user: User) -> None:
    if Notification.objects.filter(user=user).delete()[0]:
        _announce([user.pk])


def purge_notifications() -> int:
    """Delete those older than NOTIFICATION_DAYS, read or not. Return how many."""
    oldest = timezone.now() - timedelta(days=settings.NOTIFICATION_DAYS)
    return delete_in_batches(Notification.objects.filter(created__lt=oldest))
