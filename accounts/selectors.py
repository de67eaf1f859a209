"""Reads: tokens and who shows them, users, and notifications."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet

from accounts import tokens
from accounts.models import Notification, Session, User, WorkerToken, email_key, name_key


@dataclass(frozen=True)
class Bearer:
    """The user who showed a valid token; `id` is that of the worker token or the session."""

    user: User
    kind: Literal["worker", "access"]
    id: UUID
    last_used: datetime | None = None


def bearer(token: str) -> Bearer | None:
    """Who shows this worker token or access token; None if the token or its user is not valid.

    It takes one query at most.
    """
    # Our tokens are ASCII. Others may hold surrogates, which cannot be encoded.
    if not token.isascii():
        return None
    if token.startswith(tokens.WORKER_PREFIX):
        return _worker_bearer(token)
    session_id = tokens.read_access(token)
    return session_bearer(session_id) if session_id else None


def session_bearer(session_id: UUID) -> Bearer | None:
    """The user of this session; None if the session has ended or the user is blocked. One query."""
    session = Session.objects.live().select_related("user").filter(pk=session_id).first()
    if session is None or not session.user.is_active:
        return None
    return Bearer(session.user, "access", session.pk, session.last_used)


def _worker_bearer(token: str) -> Bearer | None:
    living = WorkerToken.objects.live().select_related("owner")
    row = living.filter(digest=tokens.digest(token)).first()
    if row is None or not row.owner.is_active:
        return None
    return Bearer(row.owner, "worker", row.pk, row.last_used)


def still_valid(bearer: Bearer) -> bool:
    """Whether the token that opened a socket is still valid. One query.

    Of an access token the session counts, not the token's own expiry: the socket may live longer
    than the token that opened it.
    """
    if bearer.kind == "worker":
        return WorkerToken.objects.live().filter(pk=bearer.id, owner__is_active=True).exists()
    return Session.objects.live().filter(pk=bearer.id, user__is_active=True).exists()


def user_by_login(login: str) -> User | None:
    """The user who logs in with this name or e-mail address.

    Where mail is configured, an address must be confirmed for that. Otherwise anybody could give an
    address to a new account, and see by its password whether another account has the address.
    """
    if "@" not in login:  # which every address holds, and no user name
        return User.objects.filter(username_key=name_key(login)).first()
    if settings.MAIL_CONFIGURED:
        return confirmed_owner(login)
    return user_by_address(login)


def user_by_address(email: str) -> User | None:
    """The user with this e-mail address.

    Of several accounts with one address it is the one that has confirmed it, else the oldest:
    nobody gets in the way of an account by making another one.
    """
    same = User.objects.filter(email=email_key(email))
    return same.order_by("-email_confirmed", "created", "pk").first()


def is_current(user: User) -> bool:
    """Whether nobody has ended all access of this user since the row was read. One query.

    A request that was let in before asks this after it has stored something that gives access:
    whoever ends all access changes `stamp` first, and then ends what is stored. So at least one of
    the two sees the other.
    """
    return User.objects.filter(pk=user.pk, stamp=user.stamp, is_active=True).exists()


def users_named(usernames: Iterable[str]) -> dict[str, User]:
    """The active users with these names, by `name_key`. One query."""
    keys = {name_key(name) for name in usernames}
    found = User.objects.filter(username_key__in=keys, is_active=True)
    return {user.username_key: user for user in found}


def people(search: str = "") -> QuerySet[User]:
    """The active users whose name contains `search` in any case, ordered by name."""
    # No name holds unprintable characters, and PostgreSQL refuses to compare with NUL.
    if not search.isprintable():
        return User.objects.none()
    return User.objects.filter(is_active=True, username_key__contains=name_key(search))


def taken(username: str, but: UUID | None = None) -> dict[str, list[str]]:
    """The `fields` of an error if another user has this name already; else nothing.

    Names are public. Nothing like it exists for addresses: it would tell who has an account.
    """
    others = User.objects.filter(username_key=name_key(username))
    if but is not None:
        others = others.exclude(pk=but)
    return {"username": ["This user name is taken."]} if others.exists() else {}


def confirmed_owner(email: str) -> User | None:
    """The user who has confirmed this address."""
    return User.objects.filter(address_key=email_key(email)).first()


def unconfirmed_with(email: str, but: UUID) -> list[User]:
    """The accounts, except one, that have this address without having confirmed it."""
    same = User.objects.filter(email=email_key(email), email_confirmed=False)
    return list(same.exclude(pk=but))


def worker_tokens_of(user: User) -> QuerySet[WorkerToken]:
    return WorkerToken.objects.live().filter(owner=user)


def worker_tokens_of_all(owners: Iterable[User]) -> list[WorkerToken]:
    """The valid worker tokens of these users, with their owners."""
    ids = [owner.pk for owner in owners]
    return list(WorkerToken.objects.live().filter(owner__in=ids).select_related("owner"))


def notifications_of(user: User) -> QuerySet[Notification]:
    """The user's notifications, the newest first."""
    return Notification.objects.filter(user=user)


def unread_count(user: User) -> int:
    return Notification.objects.filter(user=user, read=None).count()


def newest_unread(user: User, most: int) -> list[Notification]:
    return list(Notification.objects.filter(user=user, read=None)[:most])
