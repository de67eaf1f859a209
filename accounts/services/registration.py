"""Create an account."""

from __future__ import annotations

from django.db import IntegrityError, transaction

from accounts import selectors
from accounts.models import User
from accounts.services.email_addresses import send_confirmation
from accounts.services.passwords import weakness
from core.errors import Invalid


def register(*, username: str, email: str, password: str) -> User:
    """Create an account. Raises Invalid with the fields that are taken or too weak.

    Where mail is configured, the user gets an e-mail with a link to confirm the address. They need
    not wait for it to begin.
    """
    fields = selectors.taken(username=username, email=email)
    fields |= weakness(password, User(username=username, email=email))
    if fields:
        raise Invalid(fields=fields)
    try:
        with transaction.atomic():
            user = User.objects.create_user(username, email, password)
    except IntegrityError:  # somebody took it since we looked
        raise Invalid(fields=selectors.taken(username=username, email=email)) from None
    send_confirmation(user)
    return user
