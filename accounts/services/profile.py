"""Change the user name or the e-mail address of an account."""

from __future__ import annotations

from django.db import IntegrityError, transaction

from accounts import selectors
from accounts.errors import WrongPassword
from accounts.models import User, email_key, name_key
from accounts.services.email_addresses import change_email
from core.errors import Invalid


def update_profile(
    user: User,
    *,
    username: str | None = None,
    email: str | None = None,
    password: str | None = None,
) -> User:
    """Change what is given. A new address needs the password, see `change_email`.

    Raises Invalid with the fields that are taken, or with `password`; then nothing is changed.
    """
    new_address = email is not None and email_key(email) != user.email
    if new_address and not user.check_password(password):
        raise WrongPassword
    if fields := selectors.taken(username=username, email=email, but=user.pk):
        raise Invalid(fields=fields)
    if username is not None:
        _rename(user, username)
    if new_address:
        change_email(user, password or "", email or "")
    return User.objects.get(pk=user.pk)


def _rename(user: User, username: str) -> None:
    try:
        with transaction.atomic():
            User.objects.filter(pk=user.pk).update(
                username=username, username_key=name_key(username)
            )
    except IntegrityError:  # somebody took it since we looked
        raise Invalid(fields=selectors.taken(username=username, but=user.pk)) from None
