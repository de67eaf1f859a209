"""The end of an account."""

from __future__ import annotations

from accounts import audit
from accounts.errors import WrongPassword
from accounts.models import User
from accounts.signals import access_ended, user_leaving


def delete_account(*, user: User, password: str) -> None:
    """The user goes by his own wish. Raises Invalid if it is not his password."""
    if not user.check_password(password):
        raise WrongPassword
    remove_user(user, by=user)


def remove_user(user: User, by: User | None = None) -> None:
    """Log him out everywhere, let the other apps settle what is his (`user_leaving`), then delete
    his row.

    In this order: nobody can come in with a token of his while he leaves, and if something fails on
    the way he logs in and asks again.
    """
    user.sessions.revoke()
    user.worker_tokens.revoke()
    access_ended.send_robust(User, user_id=user.pk)
    user_leaving.send(User, user=user)
    if User.objects.filter(pk=user.pk).delete()[0]:
        audit.record("account_deleted", actor=by, target=user)
