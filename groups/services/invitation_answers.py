"""What an invited person does with his invitations."""

from __future__ import annotations

from uuid import UUID

from accounts.models import INFO, SUCCESS, User
from core.errors import FirmlightError, NotFound
from groups import selectors, states
from groups.errors import InvitationClosed, InvitationExpired
from groups.models import Invitation, Membership
from groups.services.joining import let_in
from groups.services.notices import tell, tell_of_newcomer


def accept(*, user: User, invitation_id: UUID) -> Membership:
    """Join the group. Raises NotFound if it is not his or the group is gone, InvitationClosed,
    InvitationExpired.

    Of two callers one closes the invitation, and only he makes the membership.
    """
    return accept_invitation(_own(user, invitation_id))


def accept_invitation(invitation: Invitation) -> Membership:
    """The same; `group` and `invitee` are loaded."""
    entry = let_in(invitation.group, invitation.invitee, lambda: invitation.close(states.ACCEPTED))
    if entry is None:
        raise why_closed(invitation)
    if entry.new:
        _tell_inviter(invitation, "accepted", SUCCESS)
        tell_of_newcomer(invitation.group, invitation.invitee, but={invitation.inviter_id})
    return entry.membership


def decline(*, user: User, invitation_id: UUID) -> None:
    """Turn it down. Raises as `accept` does."""
    decline_invitation(_own(user, invitation_id))


def decline_invitation(invitation: Invitation) -> None:
    if not invitation.close(states.DECLINED):
        raise why_closed(invitation)
    _tell_inviter(invitation, "declined", INFO)


def accept_all(user: User) -> list[Membership]:
    """Join every group he is invited to; those that are withdrawn or go at this moment are passed
    over.
    """
    joined = []
    for invitation in selectors.open_invitations_of(user):
        try:
            joined.append(accept_invitation(invitation))
        except (NotFound, InvitationClosed, InvitationExpired):
            continue
    return joined


def decline_all(user: User) -> int:
    """Turn down every invitation of his; return how many."""
    declined = 0
    for invitation in selectors.open_invitations_of(user):
        try:
            decline_invitation(invitation)
        except (NotFound, InvitationClosed, InvitationExpired):
            continue
        declined += 1
    return declined


def _own(user: User, invitation_id: UUID) -> Invitation:
    found = (
        Invitation.objects.select_related("group", "invitee")
        .filter(pk=invitation_id, invitee=user)
        .first()
    )
    if found is None:
        raise NotFound
    return found


def _tell_inviter(invitation: Invitation, verb: str, level: str) -> None:
    """Unless he has left: what happens in the group is nothing to him any more."""
    inviter = invitation.inviter_id
    if Membership.objects.filter(group=invitation.group, user=inviter).exists():
        text = f"{invitation.invitee.username} has {verb} your invitation to the group {invitation.group.name}."
        tell([inviter], invitation.group, f"invitation_{verb}", text, level)


def why_closed(invitation: Invitation) -> FirmlightError:
    """Why an invitation could not be closed, to be raised."""
    status = Invitation.objects.filter(pk=invitation.pk).values_list("status", flat=True).first()
    if status is None:  # it went with its group
        return NotFound()
    return InvitationExpired() if status in (states.PENDING, states.EXPIRED) else InvitationClosed()
