"""Checks of what a user may do in a group."""

from __future__ import annotations

from uuid import UUID

from accounts.models import User
from core.errors import Forbidden
from groups import selectors, states
from groups.models import Membership


def require_leader(user: User, group_id: UUID) -> Membership:
    """The user's membership if they are owner or moderator.

    Raises NotFound for a stranger, Forbidden for a plain member.
    """
    membership = selectors.membership_or_not_found(user, group_id)
    if not membership.leads:
        raise Forbidden("Only the owner and moderators may do this.")
    return membership


def still_leads(user: User, group_id: UUID) -> bool:
    """Whether the user, as this request read them, is owner or moderator at this moment.

    Not if they have ended all access since, with a new password or a log-out everywhere: then the
    request may be somebody else's.
    """
    leaders = Membership.objects.filter(group=group_id, role__in=states.LEADERS)
    return leaders.filter(user=user, user__stamp=user.stamp).exists()


def require_owner(user: User, group_id: UUID) -> Membership:
    """The membership of the owner. Raises NotFound for a stranger, Forbidden for other members."""
    membership = selectors.membership_or_not_found(user, group_id)
    if membership.role != states.OWNER:
        raise Forbidden("Only the owner may do this.")
    return membership
