"""Writes: register, log in and out, profile, worker tokens, the end of an account."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from accounts import selectors, tokens
from accounts.errors import BadCredentials, BadToken, TokenReused, TooManyTokens
from accounts.models import DEVICE_MAX, Session, User, WorkerToken, email_key, name_key
from accounts.signals import user_leaving
from firmlight.errors import Conflict, Invalid, NotFound

LAST_USED_SECONDS = 60  # how stale `last_used` may be: it must not cost a write at every request


def register(*, username: str, email: str, password: str) -> User:
    """Make an account. Raises Invalid with the fields that are taken or too weak."""
    fields = selectors.taken(username=username, email=email)
    fields |= _weakness(password, User(username=username, email=email))
    if fields:
        raise Invalid(fields=fields)
    try:
        with transaction.atomic():
            return User.objects.create_user(username, email, password)
    except IntegrityError:  # somebody took it since we looked
        raise Invalid(fields=selectors.taken(username=username, email=email)) from None


def _weakness(password: str, user: User, field: str = "password") -> dict[str, list[str]]:
    try:
        validate_password(password, user)
    except ValidationError as error:
        return {field: list(error.messages)}
    return {}


def check_credentials(*, login: str, password: str) -> User:
    """The active user of this name or e-mail address and password. Raises BadCredentials, always the same.

    A password is hashed in every case, so the time does not tell whether the account exists.
    """
    user = selectors.user_by_login(login)
    if user is None:
        make_password(password)
        raise BadCredentials
    if not user.check_password(password) or not user.is_active:
        raise BadCredentials
    return user


def open_session(user: User, device: str = "") -> tokens.Pair:
    """Log this user in on a device (its User-Agent, shortened to DEVICE_MAX characters); return its tokens."""
    session_id = uuid4()
    pair = tokens.mint(user, session_id)
    device = "".join(c for c in device if c.isprintable())[:DEVICE_MAX]
    Session.objects.create(id=session_id, user=user, device=device, jti=pair.jti, expires=pair.expires)
    return pair


def refresh_session(refresh: str) -> tokens.Pair:
    """Spend a refresh token for a new pair. Raises BadToken, or TokenReused after ending the session.

    One conditional UPDATE moves `jti`: of two callers with one token exactly one gets a pair. The other one is a
    thief, or his victim; nobody can tell which, so both lose the session (RFC 9700, 4.14.2).
    """
    session_id, jti = tokens.read_refresh(refresh)
    bearer = selectors.session_bearer(session_id)
    if bearer is None:
        raise BadToken
    pair = tokens.mint(bearer.user, session_id)
    spent = Session.objects.live().filter(pk=session_id, jti=jti)
    if not spent.update(jti=pair.jti, expires=pair.expires, last_used=timezone.now()):
        Session.objects.filter(pk=session_id).revoke()
        raise TokenReused
    return pair


def log_out(refresh: str) -> None:
    """End the session of this refresh token, and its access tokens with it. Raises BadToken."""
    session_id, _ = tokens.read_refresh(refresh)
    Session.objects.filter(pk=session_id).revoke()


def note_use(bearer: selectors.Bearer) -> None:
    """Write that this token was used now, unless that was written within LAST_USED_SECONDS."""
    now = timezone.now()
    if bearer.last_used and now - bearer.last_used < timedelta(seconds=LAST_USED_SECONDS):
        return
    unchanged = Q(pk=bearer.id, last_used=bearer.last_used)
    if bearer.kind == "worker":
        WorkerToken.objects.filter(unchanged).update(last_used=now)
    else:
        Session.objects.filter(unchanged).update(last_used=now)


def update_profile(user: User, *, username: str | None = None, email: str | None = None) -> User:
    """Change what is given. Raises Invalid with the fields that another user has."""
    changes: dict[str, str] = {}
    if username is not None:
        changes |= {"username": username, "username_key": name_key(username)}
    if email is not None:
        changes |= {"email": email_key(email)}
    if fields := selectors.taken(username=username, email=email, but=user.pk):
        raise Invalid(fields=fields)
    try:
        with transaction.atomic():
            User.objects.filter(pk=user.pk).update(**changes)
    except IntegrityError:
        raise Invalid(fields=selectors.taken(username=username, email=email, but=user.pk)) from None
    return User.objects.get(pk=user.pk)


def change_password(*, user: User, old: str, new: str, keep: UUID | None = None) -> None:
    """Set a new password and end every session of the user but `keep`. Raises Invalid, or Conflict if two race."""
    if not user.check_password(old):
        raise Invalid(fields={"old_password": ["This is not your password."]})
    if fields := _weakness(new, user, "new_password"):
        raise Invalid(fields=fields)
    if not User.objects.filter(pk=user.pk, password=user.password).update(password=make_password(new)):
        raise Conflict("The password has just been changed elsewhere.")
    user.sessions.exclude(pk=keep).revoke() if keep else user.sessions.revoke()


def create_worker_token(*, owner: User, name: str) -> tuple[WorkerToken, str]:
    """A new worker token and its text, which is kept nowhere. Raises TooManyTokens.

    Counted after the insert: of racing callers at the limit some may be refused, but none gets past it.
    """
    text = tokens.new_worker_token()
    row = WorkerToken.objects.create(owner=owner, name=name, digest=tokens.digest(text))
    most = settings.WORKER_TOKENS_PER_USER_MAX
    if selectors.worker_tokens_of(owner).count() > most:
        row.delete()
        raise TooManyTokens(f"You have {most} worker tokens, which is the most there may be. Delete one first.")
    return row, text


def revoke_worker_token(*, owner: User, token_id: UUID) -> None:
    """End it; open sockets notice within MEMBERSHIP_CHECK_SECONDS. Raises NotFound unless it is his and alive."""
    if not WorkerToken.objects.filter(pk=token_id, owner=owner).revoke():
        raise NotFound


def delete_account(*, user: User, password: str) -> None:
    """The user goes by his own wish. Raises Invalid if it is not his password."""
    if not user.check_password(password):
        raise Invalid(fields={"password": ["This is not your password."]})
    remove_user(user)


def remove_user(user: User) -> None:
    """Log him out everywhere, let the other apps settle what is his (`user_leaving`), then delete his row.

    In this order: nobody can come in with a token of his while he leaves, and if something fails on the way he
    logs in and asks again.
    """
    user.sessions.revoke()
    user.worker_tokens.revoke()
    user_leaving.send(User, user=user)
    User.objects.filter(pk=user.pk).delete()


def purge_sessions() -> int:
    """Delete the sessions whose refresh token has expired: nothing can come of them. Return how many."""
    return Session.objects.filter(expires__lt=timezone.now()).delete()[0]
