"""Change the password, and what to do when it is forgotten."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from typing import Any
from uuid import UUID, uuid4

from axes.handlers.proxy import AxesProxyHandler
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.hashers import make_password
from django.contrib.auth.password_validation import validate_password
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.http import HttpRequest

from accounts import audit, events, selectors
from accounts.errors import BadLink
from accounts.models import User, WorkerToken
from accounts.password_checks import forget_failures, login_keys_of, require_password
from accounts.services.browser_sessions import browser_session
from accounts.services.sessions import revoke_sessions
from accounts.services.worker_tokens import revoke_all_but
from core.client_address import key_of
from core.errors import Conflict, Fields, Invalid


def weakness(password: str, user: User, field: str = "password") -> Fields:
    """What is wrong with this password for this user, as the `fields` of an error."""
    try:
        validate_password(password, user)
    except ValidationError as error:
        return {field: list(error.messages)}
    return {}


def change_password(
    *, user: User, old: str, new: str, keep: UUID | None = None, request: HttpRequest | None = None
) -> None:
    """Set a new password and end every session of the user except the one that asks.

    That is the session `keep`, or the one of the browser behind `request`. Raises Invalid,
    TooManyAttempts, or Conflict if the password was changed by another request meanwhile.
    """
    require_password(user, old, "old_password")
    if fields := weakness(new, user, "new_password"):
        raise Invalid(fields=fields)
    if not _set(user, new):
        raise Conflict("The password has just been changed elsewhere.")
    browser = browser_session(request) if request is not None else None
    if request is not None and browser:
        update_session_auth_hash(request, user)  # otherwise Django ends this session, too
    keep = keep or browser
    revoke_sessions(user, keep=keep)
    audit.record("password_changed", actor=user, target=user)
    events.send_notice(
        "password_changed", user, email=user.email, is_confirmed=user.email_confirmed
    )


def _set(user: User, new: str) -> bool:
    """Replace the hash that `user` was read with; False if the hash has changed since."""
    password, stamp = make_password(new), uuid4()
    same = User.objects.filter(pk=user.pk, password=user.password)
    if not same.update(password=password, stamp=stamp):
        return False
    user.password, user.stamp = password, stamp
    return True


def ask_password_reset(email: str, address: str = "") -> None:
    """Send a link to set a new password; `address` is the IP address that asked for it.

    The job that sends the e-mail looks the account up, not this function. So the answer and the
    time it takes are the same whether or not there is an account, or if the address got so many
    links that this one is left out. Raises TooMany.
    """
    events.ask_for_email(events.RESET, email=email, address=address)


class ResetTokens(PasswordResetTokenGenerator):
    """Django's tokens of links to reset a password; a log-out everywhere ends them, too."""

    def _make_hash_value(self, user: Any, timestamp: int) -> str:
        return f"{super()._make_hash_value(user, timestamp)}{user.stamp.hex}"


reset_tokens = ResetTokens()


def reset_password(
    uid: str, token: str, new: str, keep_worker_tokens: Collection[UUID] = ()
) -> User:
    """Set a new password by the link in an e-mail, and end every session.

    Whoever had the account before may have made worker tokens: all are revoked, except those in
    `keep_worker_tokens`. The link proves that the address is the user's, so the address counts as
    confirmed and a lock after failed log-ins is lifted. Raises BadLink, or Invalid with `password`.
    """
    user = _user_of_reset(uid, token)
    if fields := weakness(new, user):
        raise Invalid(fields=fields)
    if not _set(user, new):
        raise BadLink
    _confirm(user)
    revoke_sessions(user)
    revoke_all_but([user], keep_worker_tokens)
    forget_failures(user)
    address = key_of(audit.current_address.get())
    for key in login_keys_of(user):
        AxesProxyHandler.reset_attempts(username=key, ip_address=address)
    audit.record("password_reset", actor=user, target=user)
    return user


def tokens_at_reset(uid: str, token: str) -> list[WorkerToken]:
    """The worker tokens that a reset by this link revokes, unless they are kept. Raises BadLink."""
    return selectors.worker_tokens_of_all([_user_of_reset(uid, token)])


def _user_of_reset(uid: str, token: str) -> User:
    user = user_of_link(uid)
    if user is None or not reset_tokens.check_token(user, token):
        raise BadLink
    return user


def _confirm(user: User) -> None:
    """The address is confirmed, unless another account has confirmed the same meanwhile."""
    same = User.objects.filter(pk=user.pk, email=user.email)
    with suppress(IntegrityError), transaction.atomic():
        same.update(email_confirmed=True, address_key=user.email)


def user_of_link(uid: str) -> User | None:
    """The active user whose id is in a link; None if there is none."""
    try:
        return User.objects.filter(pk=UUID(uid), is_active=True).first()
    except ValueError:
        return None
