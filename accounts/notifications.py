"""Writes: notify users; mark notifications read, and delete them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
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
        if number > settings.NOTIFICATIONS_PER_USER_MAX:
            _delete_surplus(user)


def _delete_surplus(user: UUID) -> None:
    """Delete what is too much: first what was read, the oldest first.

    Then the oldest of the group that most of them are about. So a flood from one group pushes out
    itself, and what others have to say to the user stays. It is chosen from one look at all of
    them: simultaneous calls choose the same rows, and together delete no more than one would.
    """
    mine = Notification.objects.filter(user=user).order_by("created", "id")
    rows = list(mine.values_list("pk", "read", "group_id"))
    surplus = max(0, len(rows) - settings.NOTIFICATIONS_PER_USER_MAX)
    if not surplus:
        return
    loudest, _ = Counter(group for _, _, group in rows).most_common(1)[0]

    def worth(row: tuple[UUID, datetime | None, UUID | None]) -> int:
        _, read, group = row
        if read:
            return 0
        return 1 if group == loudest else 2

    gone = [pk for pk, _, _ in sorted(rows, key=worth)[:surplus]]
    Notification.objects.filter(pk__in=gone).delete()


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
