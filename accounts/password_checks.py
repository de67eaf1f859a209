"""Check a password: the one place that does, so that guesses count wherever they are made.

Wrong passwords are counted for each account. Log-ins and confirmations ("type your password to
delete the account") have counts of their own: anybody can use up the first, only somebody who is
logged in the second. A right password does not count.
"""

from __future__ import annotations

from django.contrib.auth.hashers import make_password

from accounts.errors import TooManyAttempts, WrongPassword
from accounts.models import User
from core import throttling

TOO_MANY = "Too many wrong passwords for this account. Try again later."


def is_login_password(user: User | None, account: str, password: str) -> bool:
    """Whether this is the user's password, at a log-in. Raises TooManyAttempts.

    `account` is what failures are counted under; it need not exist. Without a user it takes as long
    as with one, so that time does not tell who exists.
    """
    if user is None:
        _count("login_failure", account)
        make_password(password)
        return False
    return _is_right(user, password, "login_failure", account)


def require_password(user: User, password: str | None, field: str = "password") -> None:
    """Let only the user's own password pass, where a user who is logged in must confirm something.

    Raises WrongPassword for `field`, TooManyAttempts.
    """
    if not _is_right(user, password, "password_failure", str(user.pk)):
        raise WrongPassword(field)


def _is_right(user: User, password: str | None, scope: str, account: str) -> bool:
    # Counted first and given back: simultaneous guesses do not get past the limit.
    _count(scope, account)
    if not user.check_password(password):
        return False
    throttling.give_back(scope, account)
    return True


def _count(scope: str, account: str) -> None:
    if wait := throttling.count(scope, account):
        raise TooManyAttempts(wait, TOO_MANY)
