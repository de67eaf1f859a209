"""Change the password, and what to do when it is forgotten."""

from __future__ import annotations

from uuid import UUID

from axes.handlers.proxy import AxesProxyHandler
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.hashers import make_password
from django.contrib.auth.password_validation import validate_password
from django.contrib.auth.tokens import default_token_generator
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from accounts import audit, events
from accounts.errors import BadLink, WrongPassword
from accounts.models import User, email_key
from accounts.services.browser_sessions import browser_session
from accounts.services.sessions import revoke_sessions
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

    That is the session `keep`, or the one of the browser behind `request`. Raises Invalid, or
    Conflict if the password was changed by another request meanwhile.
    """
    if not user.check_password(old):
        raise WrongPassword("old_password")
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
    events.send_email("password_changed", user=user.pk)


def _set(user: User, new: str) -> bool:
    """Replace the hash that `user` was read with; False if the hash has changed since."""
    password = make_password(new)
    if not User.objects.filter(pk=user.pk, password=user.password).update(password=password):
        return False
    user.password = password
    return True


def ask_password_reset(email: str, address: str = "") -> None:
    """Send a link to set a new password; `address` is the IP address that asked for it.

    The job that sends the e-mail looks the account up, not this function. So the answer and the
    time it takes are the same whether or not there is an account.
    """
    events.send_email("password_reset", email=email_key(email), address=address)


def reset_password(uid: str, token: str, new: str) -> User:
    """Set a new password by the link in an e-mail, and end every session.

    The link proves that the address is the user's, so the address counts as confirmed and a lock
    after failed log-ins is lifted. Raises BadLink, or Invalid with `password`.
    """
    user = user_of_link(uid)
    if user is None or not default_token_generator.check_token(user, token):
        raise BadLink
    if fields := weakness(new, user):
        raise Invalid(fields=fields)
    if not _set(user, new):
        raise BadLink
    User.objects.filter(pk=user.pk, email=user.email).update(email_confirmed=True)
    revoke_sessions(user)
    AxesProxyHandler.reset_attempts(username=str(user.pk), ip_address=audit.current_address.get())
    audit.record("password_reset", actor=user, target=user)
    return user


def user_of_link(uid: str) -> User | None:
    """The active user whose id is in a link; None if there is none."""
    try:
        return User.objects.filter(pk=UUID(uid), is_active=True).first()
    except ValueError:
        return None
