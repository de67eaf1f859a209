"""E-mail addresses: confirm one by a link, change to another.

A link carries signed facts: the user, their old and new address, and a fingerprint of the password,
so that a new password invalidates the links that were sent before.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core import signing
from django.db import IntegrityError, transaction
from django.utils.crypto import salted_hmac

from accounts import audit, events, selectors
from accounts.errors import BadLink, WrongPassword
from accounts.models import User, email_key
from core.errors import Conflict, Invalid

SALT = "accounts.email"


def send_confirmation(user: User) -> None:
    """Send the user a link to confirm their address.

    Does nothing if it is confirmed already, or if no mail server is configured.
    """
    if settings.MAIL_CONFIGURED and not user.email_confirmed:
        events.send_email("confirm_email", user=user.pk, email=user.email)


def confirmation_token(user: User, email: str) -> str:
    """The token of a link that makes `email` the user's confirmed address."""
    facts = {
        "user": str(user.pk),
        "was": user.email,
        "email": email,
        "mark": _password_fingerprint(user),
    }
    return signing.dumps(facts, salt=SALT, compress=True)


def _password_fingerprint(user: User) -> str:
    return salted_hmac(SALT, user.password).hexdigest()[:16]


def confirm_email(token: str) -> User:
    """Follow the link of an e-mail: its address becomes the user's confirmed address.

    Following it a second time changes nothing. Raises BadLink, or Invalid with `email` if another
    user has taken the address meanwhile.
    """
    facts = _read(token)
    user = User.objects.filter(pk=facts["user"], is_active=True).first()
    if user is None or facts["mark"] != _password_fingerprint(user):
        raise BadLink
    if user.email == facts["email"] and user.email_confirmed:
        return user
    if not _move(user, facts["was"], facts["email"], confirmed=True):
        raise BadLink
    return user


def _read(token: str) -> dict[str, Any]:
    try:
        return signing.loads(
            token, salt=SALT, max_age=timedelta(hours=settings.EMAIL_CONFIRM_HOURS)
        )
    except signing.BadSignature:
        raise BadLink from None


def change_email(user: User, password: str, email: str) -> User:
    """Change the e-mail address, and send a message to the old one.

    Where mail is configured, the address changes when the user follows a link sent to the new one;
    otherwise it changes immediately. Raises Invalid with `password`, or with `email` if another
    user has the address.
    """
    if not user.check_password(password):
        raise WrongPassword
    if fields := selectors.taken(email=email, but=user.pk):
        raise Invalid(fields=fields)
    email = email_key(email)
    if email == user.email:
        return user
    if settings.MAIL_CONFIGURED:
        events.send_email("confirm_email", user=user.pk, email=email)
    elif not _move(user, user.email, email, confirmed=False):
        raise Conflict("The address has just been changed elsewhere.")
    return user


def _move(user: User, old: str, new: str, *, confirmed: bool) -> bool:
    """Move the address from `old` to `new`; False if it is not `old` any more.

    Raises Invalid if another user has `new`.
    """
    try:
        with transaction.atomic():
            moved = User.objects.filter(pk=user.pk, email=old).update(
                email=new, email_confirmed=confirmed
            )
    except IntegrityError:
        raise Invalid(fields=selectors.taken(email=new, but=user.pk)) from None
    if not moved:
        return False
    user.email, user.email_confirmed = new, confirmed
    if old != new:
        audit.record("email_changed", actor=user, target=user)
        events.send_email("email_changed", user=user.pk, email=old)
    return True
