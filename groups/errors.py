"""What can go wrong with an invitation."""

from firmlight.errors import Conflict


class InvitationClosed(Conflict):
    """It was answered before, perhaps a moment ago in another window."""

    code = "invitation_closed"
    message = "This invitation has been answered already."


class InvitationExpired(Conflict):
    """It was not answered within INVITATION_DAYS."""

    code = "invitation_expired"
    message = "This invitation has expired. Ask for a new one."
