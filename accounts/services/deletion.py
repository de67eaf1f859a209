"""Delete an account."""

from __future__ import annotations

from accounts import audit
from accounts.models import User
from accounts.password_checks import require_password
from accounts.signals import access_ended, user_leaving


def delete_account(*, user: User, password: str) -> None:
    """Delete the user's account at their own wish. Raises WrongPassword, TooManyAttempts."""
    require_password(user, password)
    remove_user(user, by=user)


def remove_user(user: User, by: User | None = None) -> None:
    """End all access, let the other apps settle what is the user's, then delete the row.

    The order matters: nobody can come in with a token of theirs while they leave. If something
    fails on the way, the user still exists, can log in and ask again.
    """
    user.sessions.revoke()
    user.worker_tokens.revoke()
    access_ended.send_robust(User, user_id=user.pk)
    user_leaving.send(User, user=user)
    if User.objects.filter(pk=user.pk).delete()[0]:
        audit.record("account_deleted", actor=by, target=user)
