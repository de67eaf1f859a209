"""Create an account."""

from __future__ import annotations

from django.db import IntegrityError, transaction

from accounts import events, selectors
from accounts.models import User
from accounts.services.email_addresses import mail_confirmation
from accounts.services.passwords import weakness
from core.errors import Invalid


def register(*, username: str, email: str, password: str) -> User:
    """Create an account. Raises Invalid with the fields that are taken or too weak, TooMany.

    Where mail is configured, the user gets an e-mail with a link to confirm the address. They need
    not wait for it to begin. Nothing here looks whether the address has an account: the answer and
    its time are the same. If it has one, its owner gets another e-mail (`accounts.emails`), and the
    new account can never confirm the address.
    """
    fields = selectors.taken(username)
    fields |= weakness(password, User(username=username, email=email))
    if fields:
        raise Invalid(fields=fields)
    events.count_recipient(email)
    try:
        with transaction.atomic():
            user = User.objects.create_user(username, email, password)
    except IntegrityError:  # somebody took the name since we looked
        raise Invalid(fields=selectors.taken(username)) from None
    mail_confirmation(user)
    return user
