"""Writes: tell people something, and what they do with it."""

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
    """Leave each of these users (by id) one sentence. Whoever has no account any more is passed
    over.

    `level` is one of LEVELS; `code` has at most 40 characters, and `text` is cut at
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
    _tell(known)


def _tell(users: list[UUID]) -> None:
    """Open pages hear of it, once it is there for all to see."""
    if users:
        transaction.on_commit(lambda: notified.send_robust(Notification, users=users))


def mark_read(*, user: User, notification_id: UUID) -> None:
    """Note when he first read it. Raises NotFound unless it is his."""
    mine = Notification.objects.filter(pk=notification_id, user=user)
    if mine.filter(read=None).update(read=timezone.now()):
        _tell([user.pk])
    elif not mine.exists():
        raise NotFound


def mark_all_read(user: User) -> None:
    if Notification.objects.filter(user=user, read=None).update(read=timezone.now()):
        _tell([user.pk])


def delete(*, user: User, notification_id: UUID) -> None:
    """Raises NotFound unless it is his."""
    if not Notification.objects.filter(pk=notification_id, user=user).delete()[0]:
        raise NotFound
    _tell([user.pk])


def delete_all(user: User) -> None:
    if Notification.objects.filter(user=user).delete()[0]:
        _tell([user.pk])


def purge_notifications() -> int:
    """Delete those older than NOTIFICATION_DAYS, read or not. Return how many."""
    oldest = timezone.now() - timedelta(days=settings.NOTIFICATION_DAYS)
    return delete_in_batches(Notification.objects.filter(created__lt=oldest))
