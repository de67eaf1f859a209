"""E-mail addresses: confirm one by a link, change to another.

Any account may give any address, but only one can have it confirmed. So nobody can keep an address
from its owner, and no answer here tells whether an address has an account.

A link carries signed facts: the user, their old and new address, and the user's stamp, so that a
new password or a log-out everywhere invalidates the links that were sent before.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core import signing
from django.db import IntegrityError, transaction

from accounts import audit, events, selectors
from accounts.errors import AddressTaken, BadLink
from accounts.models import User, WorkerToken, email_key, unconfirmed_key
from accounts.password_checks import require_password
from accounts.services.worker_tokens import revoke_all_but
from core.errors import Conflict

SALT = "accounts.email"
CONFIRM = "confirm_email"


def send_confirmation(user: User) -> None:
    """Send the user a link to confirm their address. Raises TooMany.

    Does nothing if it is confirmed already, or if no mail server is configured.
    """
    events.count_request(user)
    if not user.email_confirmed and events.count_recipient(user.email, CONFIRM):
        mail_confirmation(user)


def mail_confirmation(user: User) -> None:
    """The same for a caller who has counted the e-mail."""
    if settings.MAIL_CONFIGURED and not user.email_confirmed:
        events.send_email(CONFIRM, user=user.pk, email=user.email)


def confirmation_token(user: User, email: str) -> str:
    """The token of a link that makes `email` the user's confirmed address."""
    facts = {"user": str(user.pk), "was": user.email, "email": email, "stamp": user.stamp.hex}
    return signing.dumps(facts, salt=SALT, compress=True)


def confirm_email(token: str, keep_worker_tokens: Collection[UUID] = ()) -> User:
    """Follow the link of an e-mail: its address becomes the user's confirmed address.

    Following it a second time changes nothing. Revokes the worker tokens of
    `tokens_at_confirmation`, except those in `keep_worker_tokens`. Raises BadLink, or AddressTaken
    if another account has confirmed the address meanwhile.
    """
    user, facts = _read(token)
    if _is_confirmed(user, facts["email"]):
        return user
    accounts = _accounts_in_doubt(user, facts["email"])
    if not _move(user, facts["was"], facts["email"], confirmed=True):
        raise BadLink
    revoke_all_but(accounts, keep_worker_tokens)
    return user


def tokens_at_confirmation(token: str) -> list[WorkerToken]:
    """The worker tokens that end when this link is followed, unless they are kept.

    None, unless another account has the same address unconfirmed: then somebody gave an address
    that is not theirs. Whoever follows the link has the address, so they decide. Raises BadLink.
    """
    user, facts = _read(token)
    if _is_confirmed(user, facts["email"]):
        return []
    return selectors.worker_tokens_of_all(_accounts_in_doubt(user, facts["email"]))


def _accounts_in_doubt(user: User, email: str) -> list[User]:
    """The other accounts with this address, and this one unless it had a confirmed address."""
    others = selectors.unconfirmed_with(email, but=user.pk)
    if others and not user.email_confirmed:
        return [user, *others]
    return others


def _is_confirmed(user: User, email: str) -> bool:
    return user.email == email and user.email_confirmed


def _read(token: str) -> tuple[User, dict[str, Any]]:
    """The active user of this link, and its facts. Raises BadLink."""
    try:
        facts = signing.loads(
            token, salt=SALT, max_age=timedelta(hours=settings.EMAIL_CONFIRM_HOURS)
        )
    except signing.BadSignature:
        raise BadLink from None
    user = User.objects.filter(pk=facts["user"], is_active=True).first()
    if user is None or facts.get("stamp") != user.stamp.hex:
        raise BadLink
    return user, facts


def change_email(user: User, password: str, email: str) -> User:
    """Change the e-mail address, and send a message to the old one.

    Where mail is configured, the address changes when the user follows a link sent to the new one;
    otherwise it changes immediately. Raises WrongPassword, TooManyAttempts, TooMany.
    """
    require_password(user, password)
    if email_key(email) != user.email:
        move_to(user, email)
    return user


def move_to(user: User, email: str) -> None:
    """The same for another address, when the password is checked."""
    email = email_key(email)
    events.count_request(user)
    takes_more = events.count_recipient(email, CONFIRM)
    if settings.MAIL_CONFIGURED:
        if takes_more:
            events.send_email(CONFIRM, user=user.pk, email=email)
    elif not _move(user, user.email, email, confirmed=False):
        raise Conflict("The address has just been changed elsewhere.")


def _move(user: User, old: str, new: str, *, confirmed: bool) -> bool:
    """Move the address from `old` to `new`; False if it is not `old` any more.

    Raises AddressTaken if another user has confirmed `new`.
    """
    key = new if confirmed else unconfirmed_key()
    try:
        with transaction.atomic():
            moved = User.objects.filter(pk=user.pk, email=old).update(
                email=new, email_confirmed=confirmed, address_key=key
            )
    except IntegrityError:
        raise AddressTaken from None
    if not moved:
        return False
    was_confirmed = user.email_confirmed
    user.email, user.email_confirmed, user.address_key = new, confirmed, key
    if old != new:
        audit.record("email_changed", actor=user, target=user)
        events.send_notice("email_changed", user, email=old, is_confirmed=was_confirmed)
    return True
