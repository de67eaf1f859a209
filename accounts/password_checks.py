"""Check a password: the one place that does, so that guesses count wherever they are made.

Log-ins and confirmations ("type your password to delete the account") have counts of their own:
anybody can use up the first, only somebody who is logged in the second. A right password does not
count.

At log-ins, wrong passwords count under what was typed, whether or not it names an account. If the
name and the address of an account counted together, the lock would tell who has which address.
"""

from __future__ import annotations

import hashlib

from django.contrib.auth.hashers import make_password

from accounts.errors import TooManyAttempts, WrongPassword
from accounts.models import User
from core import throttling

TOO_MANY = "Too many wrong passwords for this account. Try again later."


def login_key(login: str) -> str:
    """The form of a typed name or address that failures count under, in any case.

    A digest: it is part of keys in the cache, which need not know addresses.
    """
    return hashlib.sha256(login.strip().lower().encode(errors="replace")).hexdigest()[:32]


def login_keys_of(user: User) -> tuple[str, str]:
    """The two that reach this account."""
    return login_key(user.username), login_key(user.email)


def is_login_password(user: User | None, login: str, password: str, device: str = "") -> bool:
    """Whether this is the user's password, at a log-in. Raises TooManyAttempts.

    `login` is what was typed, and `device` the word of a device that the user has logged in from
    before. Without a user it takes as long as with one, so that time does not tell who exists.
    """
    counted = f"device-{device}" if device else login_key(login)
    if user is None:
        _count("login_failure", counted)
        make_password(password)
        return False
    return _is_right(user, password, "login_failure", counted)


def require_password(user: User, password: str | None, field: str = "password") -> None:
    """Let only the user's own password pass, where a user who is logged in must confirm something.

    Raises WrongPassword for `field`, TooManyAttempts.
    """
    if not _is_right(user, password, "password_failure", str(user.pk)):
        raise WrongPassword(field)


def _is_right(user: User, password: str | None, scope: str, counted: str) -> bool:
    # Counted first and given back: simultaneous guesses do not get past the limit.
    _count(scope, counted)
    if not user.check_password(password):
        return False
    throttling.give_back(scope, counted)
    return True


def _count(scope: str, counted: str) -> None:
    if wait := throttling.count(scope, counted):
        raise TooManyAttempts(wait, TOO_MANY)


def forget_failures(user: User) -> None:
    """Count wrong passwords at log-ins to this account from zero again."""
    for key in login_keys_of(user):
        throttling.forget("login_failure", key)
