"""Roles in a group, its settings, and the states of invitations and join requests."""

OWNER, MODERATOR, MEMBER = "owner", "moderator", "member"
ROLES = (OWNER, MODERATOR, MEMBER)
GIVEN_ROLES = (MODERATOR, MEMBER)  # those that the owner gives; their own they hand over
LEADERS = frozenset({OWNER, MODERATOR})  # they may invite, and raise a task's priority
MAY_REMOVE = {OWNER: {MODERATOR, MEMBER}, MODERATOR: {MEMBER}, MEMBER: set[str]()}

BY_INVITATION, BY_ASKING = "invited", "ask"
# How strangers join. In a group that may be asked, they can be invited as well.
JOINING = (BY_INVITATION, BY_ASKING)

MEMBERS_SUBMIT, LEADERS_SUBMIT = "members", "leaders"
SUBMITTING = (MEMBERS_SUBMIT, LEADERS_SUBMIT)  # who may submit tasks; the others only work

AS_TASK = ""
# How much of each task is recomputed at least, from the least to the most. AS_TASK: as its
# submitter says.
VERIFY_DEFAULTS = (AS_TASK, "auto", "sample", "all")

AS_GROUP, ALWAYS, NEVER = "group", "always", "never"
# Whether one member may submit: as the group's setting says, or an exception from it.
EXCEPTIONS = (AS_GROUP, ALWAYS, NEVER)

PENDING, ACCEPTED, DECLINED = "pending", "accepted", "declined"
EXPIRED, WITHDRAWN = "expired", "withdrawn"
INVITATION_STATES = (PENDING, ACCEPTED, DECLINED, EXPIRED, WITHDRAWN)  # all but the first are final
