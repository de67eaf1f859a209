"""Create an account."""

from __future__ import annotations

from django.conf import settings
from django.db import IntegrityError, transaction

from accounts import events, selectors
from accounts.models import User
from accounts.services.email_addresses import CONFIRM, mail_confirmation
from accounts.services.passwords import weakness
from core.errors import Invalid


def register(*, username: str, email: str, password: str) -> User:
    """Create an account. Raises Invalid with the fields that are taken or too weak.

    Where mail is configured, the user gets an e-mail with a link to confirm the address. They need
    not wait for it to begin. If so many e-mails are asked for that this one is left out, they can
    ask for it later. Nothing here looks whether the address has an account: the answer and
    its time are the same. If it has one, its owner gets another e-mail (`accounts.emails`), and the
    new account can never confirm the address.
    """
    fields = selectors.taken(username)
    fields |= weakness(password, User(username=username, email=email))
    if fields:
        raise Invalid(fields=fields)
    try:
        with transaction.atomic():
            user = User.objects.create_user(username, email, password)
    except IntegrityError:  # somebody took the name since we looked
        raise Invalid(fields=selectors.taken(username)) from None
    if settings.MAIL_CONFIGURED and events.may_send(CONFIRM, email, by=None):
        mail_confirmation(user)
    return user
