"""E-mail addresses: confirm one by a link, change to another.

A link carries its facts signed: who, from which address to which, and a mark of the password, so
that a new password ends the links that were asked for under the old one.
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
    """Ask him by a letter to confirm his address; nothing if he has, or where no mail is
    configured.
    """
    if settings.MAIL_CONFIGURED and not user.email_confirmed:
        events.send_letter("confirm_email", user=user.pk, email=user.email)


def confirmation_token(user: User, email: str) -> str:
    """What a letter to `email` carries: whoever brings it makes this the user's confirmed address."""
    facts = {"user": str(user.pk), "was": user.email, "email": email, "mark": _mark(user)}
    return signing.dumps(facts, salt=SALT, compress=True)


def _mark(user: User) -> str:
    return salted_hmac(SALT, user.password).hexdigest()[:16]


def confirm_email(token: str) -> User:
    """The link of a letter was followed: its address is the user's, and confirmed. A second time
    changes nothing.

    Raises BadLink, or Invalid with `email` if somebody else has the address by now.
    """
    facts = _read(token)
    user = User.objects.filter(pk=facts["user"], is_active=True).first()
    if user is None or facts["mark"] != _mark(user):
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
    """Change the address: at once, or by a link sent to the new one where mail is configured. The
    old one is told.

    Raises Invalid with `password`, or with `email` if another user has it.
    """
    if not user.check_password(password):
        raise WrongPassword
    if fields := selectors.taken(email=email, but=user.pk):
        raise Invalid(fields=fields)
    email = email_key(email)
    if settings.MAIL_CONFIGURED and email != user.email:
        events.send_letter("confirm_email", user=user.pk, email=email)
    elif email != user.email and not _move(user, user.email, email, confirmed=False):
        raise Conflict("The address has just been changed elsewhere.")
    return user


def _move(user: User, old: str, new: str, *, confirmed: bool) -> bool:
    """Whether it was this caller who moved the address from `old` to `new`. Raises Invalid if it is
    taken.
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
        events.send_letter("email_changed", user=user.pk, email=old)
    return True
