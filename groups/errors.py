"""What can go wrong on the way into a group, and in it."""

from core.errors import Conflict, Forbidden


class InvitationClosed(Conflict):
    """It was answered or withdrawn before, perhaps a moment ago in another window."""

    code = "invitation_closed"
    message = "This invitation has been answered or withdrawn already."


class InvitationExpired(Conflict):
    """It was not answered within INVITATION_DAYS."""

    code = "invitation_expired"
    message = "This invitation has expired. Ask for a new one."


class RequestClosed(Conflict):
    """It was answered or withdrawn before, perhaps by somebody else a moment ago."""

    code = "request_closed"
    message = "This request has been answered or withdrawn already."


class RequestExpired(Conflict):
    """Nobody answered it within JOIN_REQUEST_DAYS."""

    code = "request_expired"
    message = "This request has expired. Who still wants to join asks again."


class LinkExpired(Conflict):
    """The days of the link are over."""

    code = "link_expired"
    message = "This link has expired. Ask for a new one."


class LinkUsedUp(Conflict):
    """As many have joined with the link as were meant to."""

    code = "link_used_up"
    message = "This link has been used as often as it may be. Ask for a new one."


class TooManyLinks(Conflict):
    """The group has LINKS_PER_GROUP_MAX links."""

    code = "too_many_links"


class AlreadyMember(Conflict):
    """He is in the group, so there is nothing to ask for."""

    code = "already_member"
    message = "You are in this group already."


class MayNotSubmit(Forbidden):
    """The group lets him work only: its setting or his own exception says so."""

    code = "may_not_submit"
    message = "In this group you may not submit tasks, only work for those of others."
