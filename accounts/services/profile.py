"""Change the user name or the e-mail address of an account."""

from __future__ import annotations

from django.db import IntegrityError, transaction

from accounts import selectors
from accounts.models import User, email_key, name_key
from accounts.password_checks import require_password
from accounts.services.email_addresses import move_to
from core.errors import Invalid


def update_profile(
    user: User,
    *,
    username: str | None = None,
    email: str | None = None,
    password: str | None = None,
) -> User:
    """Change what is given. A new address needs the password, see `change_email`.

    Raises Invalid with the name if it is taken, or with `password`, TooManyAttempts and TooMany;
    then nothing is changed.
    """
    new_address = email is not None and email_key(email) != user.email
    if new_address:
        require_password(user, password)
    if username is not None and (fields := selectors.taken(username, but=user.pk)):
        raise Invalid(fields=fields)
    if new_address:
        move_to(user, email or "")
    if username is not None:
        _rename(user, username)
    return User.objects.get(pk=user.pk)


def _rename(user: User, username: str) -> None:
    try:
        with transaction.atomic():
            User.objects.filter(pk=user.pk).update(
                username=username, username_key=name_key(username)
            )
    except IntegrityError:  # somebody took it since we looked
        raise Invalid(fields=selectors.taken(username, but=user.pk)) from None
