"""Errors about groups and the ways into them."""

from core.errors import Conflict, Forbidden


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
