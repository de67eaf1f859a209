"""Roles in a group and the ways of an invitation, pure."""

OWNER, MODERATOR, MEMBER = "owner", "moderator", "member"
ROLES = (OWNER, MODERATOR, MEMBER)
LEADERS = frozenset({OWNER, MODERATOR})  # who may invite, and raise a task's priority
MAY_REMOVE = {OWNER: {MODERATOR, MEMBER}, MODERATOR: {MEMBER}, MEMBER: set[str]()}

PENDING, ACCEPTED, DECLINED, EXPIRED = "pending", "accepted", "declined", "expired"
INVITATION_STATES = (PENDING, ACCEPTED, DECLINED, EXPIRED)  # all but the first are final
