"""What leaves the app: e-mails to be sent.

The job is sent by name. If the broker is down the e-mail is lost, and the user can ask for another.

An e-mail that somebody asks for (a link to an address that they typed) is counted for the user who
asks and for the address of the network that they ask from, and for this address together with the
recipient. Beyond these limits it is refused. It is also counted for the recipient, whoever asks.
Beyond that limit nothing is sent and the answer is as usual: with a refusal, strangers could keep a
user from asking. Links to reset a password have a count of their own, so that nothing else can keep
them out; when that is used up, the recipient has valid links.

All this is counted by the recipient's address alone, before anybody looks whether it has an
account, so the answer does not tell. What the server announces by itself is left out beyond its
limit; to an unconfirmed address it counts like e-mails that somebody asked for, because that
address may be a stranger's.
"""

from __future__ import annotations

import hashlib
from typing import Any

import structlog

from accounts.audit import current_address
from accounts.models import User, email_key
from core import broker, throttling
from core.client_address import key_of
from core.errors import TooMany

log = structlog.get_logger(__name__)
RESET = "password_reset"
TOO_MANY = "Too many e-mails to this address within an hour. Look there, or try again later."


def ask_for_email(template: str, *, email: str, by: User | None = None, **facts: Any) -> None:
    """Send an e-mail to an address that somebody typed, unless it got too many already.

    Raises TooMany (429 with Retry-After) if whoever asks has asked too often.
    """
    count_request(by)
    if count_recipient(email, template):
        send_email(template, email=email_key(email), **facts)


def count_request(by: User | None) -> None:
    """Count that this user, or a visitor, asks for an e-mail from the present address.

    Many accounts at one address do not get more e-mails than one. Raises TooMany.
    """
    callers = [f"user-{by.pk}"] if by else []
    if asker := _asker():
        callers.append(f"address-{asker}")
    waits = [throttling.count("mail", caller) for caller in callers]
    if any(waits):
        raise TooMany(max(waits))


def count_recipient(email: str, template: str) -> bool:
    """Count an e-mail to this address; False if it got too many already.

    Raises TooMany if it was asked for too often from the present address.
    """
    recipient = _recipient(email)
    if template == RESET:
        recipient = f"reset-{recipient}"
    asker = _asker()
    if asker and (wait := throttling.count("mail_pair", f"{asker}-{recipient}")):
        raise TooMany(wait, TOO_MANY)
    if throttling.count("recipient", recipient):
        log.warning("email left out", template=template)
        return False
    return True


def may_send(template: str, email: str, by: User | None) -> bool:
    """Count an e-mail that goes with something else; False if one of the limits is reached."""
    try:
        count_request(by)
        return count_recipient(email, template)
    except TooMany:
        log.warning("email left out", template=template)
        return False


def _asker() -> str:
    """The address that the present request comes from; "" if it is not a request but a command."""
    return key_of(current_address.get())


def _recipient(email: str) -> str:
    """The cache need not know addresses."""
    return hashlib.sha256(email_key(email).encode()).hexdigest()[:32]


def send_notice(template: str, user: User, *, email: str, is_confirmed: bool) -> None:
    """Tell the user at this address what happened to their account."""
    if is_confirmed:  # not even somebody who asks for many links can keep these out
        is_open = not throttling.count("notice", str(user.pk))
    else:
        is_open = may_send(template, email, user)
    if is_open:
        send_email(template, user=user.pk, email=email)
    else:
        log.warning("notice left out", template=template, user=str(user.pk))


def send_email(template: str, **facts: Any) -> None:
    """Send templates/accounts/mail/<template>.txt; accounts.emails needs `facts` to write it.

    They are never secret: the job signs the links, so that the broker holds no secret. The caller
    has counted it.
    """
    texts = {name: str(value) for name, value in facts.items()}
    broker.send_job("accounts.mail", [template, texts], queue="short")
