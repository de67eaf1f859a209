"""What leaves the app: e-mails to be sent.

The job is sent by name. If the broker is down the e-mail is lost, and the user can ask for another.

Every e-mail is counted for its recipient. Those that somebody asks for (a link to an address that
they typed) are also counted for whoever asks, and refused beyond a limit. They count for the
recipient by the address alone, before anybody looks whether it has an account, so the refusal does
not tell. What the server announces by itself is left out beyond its limit; to an unconfirmed
address it counts like mail that somebody asked for, because that address may be a stranger's.
"""

from __future__ import annotations

import hashlib
from typing import Any

import structlog

from accounts.audit import current_address
from accounts.models import User, email_key
from core import broker, throttling
from core.errors import TooMany

log = structlog.get_logger(__name__)
TOO_MANY = "Too many e-mails to this address within an hour. Look there, or try again later."


def ask_for_email(template: str, *, email: str, by: User | None = None, **facts: Any) -> None:
    """Send an e-mail to an address that somebody typed. Raises TooMany (429 with Retry-After)."""
    count_request(by)
    count_recipient(email)
    send_email(template, email=email_key(email), **facts)


def count_request(by: User | None) -> None:
    """Count that this user, or a visitor from the present address, asks for an e-mail.

    Raises TooMany.
    """
    address = current_address.get()
    caller = f"user-{by.pk}" if by else f"address-{address}"
    if not by and not address:  # not a request, but a command
        return
    if wait := throttling.count("mail", caller):
        raise TooMany(wait)


def count_recipient(email: str) -> None:
    """Count an e-mail to this address, whoever asks for it. Raises TooMany."""
    if wait := throttling.count("recipient", _recipient(email)):
        raise TooMany(wait, TOO_MANY)


def _recipient(email: str) -> str:
    """The cache need not know addresses."""
    return hashlib.sha256(email_key(email).encode()).hexdigest()[:32]


def send_notice(template: str, user: User, *, email: str, is_confirmed: bool) -> None:
    """Tell the user at this address what happened to their account."""
    scope, recipient = "recipient", _recipient(email)
    if is_confirmed:  # not even somebody who asks for many links can keep these out
        scope, recipient = "notice", str(user.pk)
    if throttling.count(scope, recipient):
        log.warning("email left out", template=template, user=str(user.pk))
        return
    send_email(template, user=user.pk, email=email)


def send_email(template: str, **facts: Any) -> None:
    """Send templates/accounts/mail/<template>.txt; accounts.emails needs `facts` to write it.

    They are never secret: the job signs the links, so that the broker holds no secret. The caller
    has counted it.
    """
    texts = {name: str(value) for name, value in facts.items()}
    broker.send_job("accounts.mail", [template, texts], queue="short")
