"""Errors about groups and the ways into them."""

from core.errors import Conflict, Forbidden, TooMany


class InvitationClosed(Conflict):
    """The invitation was answered or withdrawn before, perhaps in another window."""

    code = "invitation_closed"
    message = "This invitation was already answered or withdrawn."


class InvitationExpired(Conflict):
    """The invitation was not answered within INVITATION_DAYS."""

    code = "invitation_expired"
    message = "This invitation has expired. Ask for a new one."


class RequestClosed(Conflict):
    """The request was answered or withdrawn before, perhaps by somebody else just now."""

    code = "request_closed"
    message = "This request was already answered or withdrawn."


class RequestExpired(Conflict):
    """Nobody answered the request within JOIN_REQUEST_DAYS."""

    code = "request_expired"
    message = "This request has expired. If they still want to join, they can ask again."


class LinkExpired(Conflict):
    """The link is older than the days it was made for."""

    code = "link_expired"
    message = "This link has expired. Ask for a new one."


class LinkUsedUp(Conflict):
    """As many people have joined with the link as it was made for."""

    code = "link_used_up"
    message = "This link is used up. Ask for a new one."


class TooManyLinks(Conflict):
    """The group has LINKS_PER_GROUP_MAX links."""

    code = "too_many_links"


class TooManyLinksToday(TooMany):
    """LINKS_PER_GROUP_DAY_MAX links were made for the group today."""

    code = "too_many_links_today"
    message = "Too many links were made for this group today. Make the next one tomorrow."


class TooManyGroups(Conflict):
    """The user is in GROUPS_PER_USER_MAX groups."""

    code = "too_many_groups"


class TooManyGroupsToday(TooMany):
    """The user has made GROUPS_PER_DAY_MAX groups today, those deleted since included."""

    code = "too_many_groups_today"
    message = "You have made as many groups as one user may make in a day. Go on tomorrow."


class TooManyInvitations(TooMany):
    """The inviter has invited this person, or the group or the inviter anybody, too often today."""

    code = "too_many_invitations"
    message = "Too many invitations today: of this person, by this group, or by you."


class TooManyJoinRequests(Conflict):
    """The user has JOIN_REQUESTS_PER_USER_MAX open requests."""

    code = "too_many_join_requests"


class TooManyJoinRequestsToday(TooMany):
    """The user has asked this group, or anybody has asked it, too often today."""

    code = "too_many_join_requests_today"
    message = "This group was asked too often today. Ask again tomorrow."


class AlreadyMember(Conflict):
    """The user who asks to join is a member already."""

    code = "already_member"
    message = "You are in this group already."


class Removed(Forbidden):
    """A leader has removed the user from the group; only a leader can let them in again."""

    code = "removed_from_group"
    message = (
        "You were removed from this group. You can join again when its owner or a moderator "
        "invites you."
    )


class MayNotSubmit(Forbidden):
    """By the group's setting, or an exception for this member, they may only work."""

    code = "may_not_submit"
    message = "In this group you may not submit tasks, only work on those of others."
