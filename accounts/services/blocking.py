"""Block a user, and unblock them again; for moderators."""

from __future__ import annotations

from accounts import audit
from accounts.models import User
from accounts.services.sessions import revoke_sessions
from core.errors import Conflict, Forbidden


def block_user(user: User, by: User, reason: str = "") -> None:
    """End the user's sessions and let nobody in as this user, with a password or any token.

    Worker tokens are kept, so that they work again once the user is unblocked. Raises Forbidden if
    `by` may not do this, Conflict if the user is blocked already.
    """
    _require_above(by, user)
    if not User.objects.filter(pk=user.pk, is_active=True).update(is_active=False):
        raise Conflict(f"{user.username} is blocked already.")
    revoke_sessions(user)
    audit.record("user_blocked", actor=by, target=user, reason=reason)


def unblock_user(user: User, by: User) -> None:
    """Let the user log in again, and their worker tokens work again. Raises Forbidden, Conflict."""
    _require_above(by, user)
    if not User.objects.filter(pk=user.pk, is_active=False).update(is_active=True):
        raise Conflict(f"{user.username} is not blocked.")
    audit.record("user_unblocked", actor=by, target=user)


def _require_above(by: User, user: User) -> None:
    """Superusers act on everybody else, staff on users who are not staff. Raises Forbidden."""
    if by.pk == user.pk:
        raise Forbidden("You cannot do this to yourself.")
    if by.is_active and by.is_superuser:
        return
    target_is_staff = user.is_staff or user.is_superuser
    if by.is_active and by.is_staff and not target_is_staff:
        return
    raise Forbidden("Moderators may not do this to other moderators or superusers.")
