"""Reads: whose token is this, who is there, and what he has been told."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from django.db.models import QuerySet

from accounts import tokens
from accounts.models import Notification, Session, User, WorkerToken, email_key, name_key


@dataclass(frozen=True)
class Bearer:
    """Who showed a good token. `id` is the worker token's or the session's; `last_used` as stored."""

    user: User
    kind: Literal["worker", "access"]
    id: UUID
    last_used: datetime | None = None


def bearer(token: str) -> Bearer | None:
    """Whose worker token or access token this is; None unless it and its user are good. One query
    at most.
    """
    if not token.isascii():  # no token of ours; it could not even be encoded if it holds surrogates
        return None
    if token.startswith(tokens.WORKER_PREFIX):
        return _worker_bearer(token)
    session_id = tokens.read_access(token)
    return session_bearer(session_id) if session_id else None


def session_bearer(session_id: UUID) -> Bearer | None:
    """The person logged in with this session, if neither has ended. One query."""
    session = Session.objects.live().select_related("user").filter(pk=session_id).first()
    if session is None or not session.user.is_active:
        return None
    return Bearer(session.user, "access", session.pk, session.last_used)


def _worker_bearer(token: str) -> Bearer | None:
    row = (
        WorkerToken.objects.live()
        .select_related("owner")
        .filter(digest=tokens.digest(token))
        .first()
    )
    if row is None or not row.owner.is_active:
        return None
    return Bearer(row.owner, "worker", row.pk, row.last_used)


def still_valid(bearer: Bearer) -> bool:
    """Whether what was good when a socket opened is good now. One query.

    For an access token its session counts, not its own short life: the socket outlives the token
    that opened it.
    """
    if bearer.kind == "worker":
        return WorkerToken.objects.live().filter(pk=bearer.id, owner__is_active=True).exists()
    return Session.objects.live().filter(pk=bearer.id, user__is_active=True).exists()


def user_by_login(login: str) -> User | None:
    """The user of this name or e-mail address; a name has no @, so there is no doubt which it is."""
    named = {"email": email_key(login)} if "@" in login else {"username_key": name_key(login)}
    return User.objects.filter(**named).first()


def users_named(usernames: Iterable[str]) -> dict[str, User]:
    """The active users of these names, by `name_key`. One query."""
    found = User.objects.filter(
        username_key__in={name_key(name) for name in usernames}, is_active=True
    )
    return {user.username_key: user for user in found}


def people(search: str = "") -> QuerySet[User]:
    """The active users whose name contains `search`, without regard to case, in the order of their
    names.
    """
    if (
        not search.isprintable()
    ):  # no name holds such characters, and PostgreSQL refuses to compare with NUL
        return User.objects.none()
    return User.objects.filter(is_active=True, username_key__contains=name_key(search))


def taken(
    *, username: str | None = None, email: str | None = None, but: UUID | None = None
) -> dict[str, list[str]]:
    """Which of the two another user has already, as `fields` of an error."""
    others = User.objects.exclude(pk=but) if but else User.objects.all()
    fields = {}
    if username is not None and others.filter(username_key=name_key(username)).exists():
        fields["username"] = ["This user name is taken."]
    if email is not None and others.filter(email=email_key(email)).exists():
        fields["email"] = ["There is an account with this e-mail address already."]
    return fields


def worker_tokens_of(user: User) -> QuerySet[WorkerToken]:
    return WorkerToken.objects.live().filter(owner=user)


def notifications_of(user: User) -> QuerySet[Notification]:
    """What he has been told, the newest first."""
    return Notification.objects.filter(user=user)


def unread_count(user: User) -> int:
    return Notification.objects.filter(user=user, read=None).count()


def newest_unread(user: User, most: int) -> list[Notification]:
    return list(Notification.objects.filter(user=user, read=None)[:most])
