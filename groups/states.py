"""Roles in a group, its settings, and the ways of an invitation or a request to join, pure."""

OWNER, MODERATOR, MEMBER = "owner", "moderator", "member"
ROLES = (OWNER, MODERATOR, MEMBER)
GIVEN_ROLES = (MODERATOR, MEMBER)  # those the owner gives; his own he hands over
LEADERS = frozenset({OWNER, MODERATOR})  # who may invite, and raise a task's priority
MAY_REMOVE = {OWNER: {MODERATOR, MEMBER}, MODERATOR: {MEMBER}, MEMBER: set[str]()}

BY_INVITATION, BY_ASKING = "invited", "ask"
JOINING = (
    BY_INVITATION,
    BY_ASKING,
)  # how a stranger comes in; by asking, he may be invited as well

MEMBERS_SUBMIT, LEADERS_SUBMIT = "members", "leaders"
SUBMITTING = (MEMBERS_SUBMIT, LEADERS_SUBMIT)  # who may submit tasks; the others only work

AS_GROUP, ALWAYS, NEVER = "group", "always", "never"
EXCEPTIONS = (
    AS_GROUP,
    ALWAYS,
    NEVER,
)  # whether one member may submit, whatever the group's setting says

PENDING, ACCEPTED, DECLINED, EXPIRED, WITHDRAWN = (
    "pending",
    "accepted",
    "declined",
    "expired",
    "withdrawn",
)
INVITATION_STATES = (PENDING, ACCEPTED, DECLINED, EXPIRED, WITHDRAWN)  # all but the first are final
