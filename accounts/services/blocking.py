"""A moderator shuts somebody out, and lets him in again."""

from __future__ import annotations

from accounts import audit
from accounts.models import User
from accounts.services.sessions import revoke_sessions
from core.errors import Conflict, Forbidden


def block_user(user: User, by: User, reason: str = "") -> None:
    """Nobody gets in as this user any more, wherever: his sessions end, his worker tokens are good
    for nothing.

    His tokens are kept for when he is unblocked. Raises Forbidden if `by` may not, Conflict if he
    is blocked already.
    """
    _require_above(by, user)
    if not User.objects.filter(pk=user.pk, is_active=True).update(is_active=False):
        raise Conflict(f"{user.username} is blocked already.")
    revoke_sessions(user)
    audit.record("user_blocked", actor=by, target=user, reason=reason)


def unblock_user(user: User, by: User) -> None:
    """He may log in again, and his worker tokens work again. Raises Forbidden, Conflict."""
    _require_above(by, user)
    if not User.objects.filter(pk=user.pk, is_active=False).update(is_active=True):
        raise Conflict(f"{user.username} is not blocked.")
    audit.record("user_unblocked", actor=by, target=user)


def _require_above(by: User, user: User) -> None:
    if by.pk == user.pk:
        raise Forbidden("You cannot do this to yourself.")
    if not (
        by.is_active
        and (by.is_superuser or (by.is_staff and not user.is_staff and not user.is_superuser))
    ):
        raise Forbidden("Moderators may do this to people who are none; to those, a superuser may.")
