"""Writes: notify users; mark notifications read, and delete them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Count
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
    NOTIFICATION_TEXT_MAX. A message that waits unread already is not left a second time: it becomes
    the newest. Of simultaneous calls two may leave it, which harms nobody. Beyond
    NOTIFICATIONS_PER_USER_MAX old ones are deleted.
    """
    facts = {
        "code": code,
        "level": level,
        "text": text[:NOTIFICATION_TEXT_MAX],
        "group_id": group,
        "task_id": task,
    }
    known = list(User.objects.filter(pk__in=set(users)).order_by().values_list("pk", flat=True))
    unread = Notification.objects.filter(user__in=known, read=None, **facts)
    have_it = set(unread.order_by().values_list("user", flat=True))
    if have_it:
        unread.update(created=timezone.now())
    others = [user for user in known if user not in have_it]
    Notification.objects.bulk_create(Notification(user_id=user, **facts) for user in others)
    _keep_within_limit(others)
    _announce(known)


def _keep_within_limit(users: list[UUID]) -> None:
    """Delete what these users have beyond NOTIFICATIONS_PER_USER_MAX."""
    rows = Notification.objects.filter(user__in=users).order_by()
    for user, number in rows.values_list("user").annotate(number=Count("pk")):
        surplus = number - settings.NOTIFICATIONS_PER_USER_MAX
        if surplus > 0:
            _delete_surplus(user, surplus)


def _delete_surplus(user: UUID, surplus: int) -> None:
    """Delete so many of this user's notifications: first those that are read, the oldest first.

    Then the oldest of the group that most of them are about. So a flood from one group pushes out
    itself, and what others have to say to the user stays.
    """
    mine = Notification.objects.filter(user=user)
    is_read = mine.filter(read__isnull=False)
    by_group = mine.order_by().values_list("group_id").annotate(number=Count("pk"))
    loudest, _ = max(by_group, key=lambda row: row[1])
    gone = list[UUID]()
    for rows in (is_read, mine.filter(group_id=loudest), mine):
        rest = rows.exclude(pk__in=gone).order_by("created", "id")
        gone += rest.values_list("pk", flat=True)[: surplus - len(gone)]
    mine.filter(pk__in=gone).delete()


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
