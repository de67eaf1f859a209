"""Accept or decline an invitation."""

from __future__ import annotations

from uuid import UUID

from accounts.models import INFO, SUCCESS, User
from core.errors import FirmlightError, NotFound
from groups import selectors, states
from groups.errors import InvitationClosed, InvitationExpired, TooManyGroups
from groups.models import Invitation, Membership
from groups.services.joining import admit
from groups.services.notices import notify, notify_of_new_member


def accept(*, user: User, invitation_id: UUID) -> Membership:
    """Join the group.

    Raises NotFound if the invitation is not the user's or the group is deleted, InvitationClosed,
    InvitationExpired, TooManyGroups. Of two callers one closes the invitation, and only that one
    joins.
    """
    return accept_invitation(_own(user, invitation_id))


def accept_invitation(invitation: Invitation) -> Membership:
    """The same for an invitation whose `group` and `invitee` are loaded."""
    group, invitee = invitation.group, invitation.invitee
    entry = admit(group, invitee, lambda: invitation.close(states.ACCEPTED))
    if entry is None:
        raise why_closed(invitation)
    if entry.new:
        _notify_inviter(invitation, "accepted", SUCCESS)
        notify_of_new_member(invitation.group, invitation.invitee, but={invitation.inviter_id})
    return entry.membership


def accept_if_invited(user: User, group_id: UUID) -> Membership | None:
    """Join by the open invitation to this group, if there is one."""
    invitation = selectors.open_invitations_of(user).filter(group=group_id).first()
    if invitation is None:
        return None
    try:
        return accept_invitation(invitation)
    except (InvitationClosed, InvitationExpired):  # withdrawn, or the user joined by another way
        return selectors.membership(user, group_id)


def decline(*, user: User, invitation_id: UUID) -> None:
    """Decline an invitation. Raises as `accept` does."""
    decline_invitation(_own(user, invitation_id))


def decline_invitation(invitation: Invitation) -> None:
    if not invitation.close(states.DECLINED):
        raise why_closed(invitation)
    _notify_inviter(invitation, "declined", INFO)


def accept_all(user: User) -> list[Membership]:
    """Join every group that the user is invited to, as long as they may be in more.

    Invitations that close meanwhile are skipped.
    """
    joined = []
    for invitation in selectors.open_invitations_of(user):
        try:
            joined.append(accept_invitation(invitation))
        except TooManyGroups:
            break
        except (NotFound, InvitationClosed, InvitationExpired):
            continue
    return joined


def decline_all(user: User) -> int:
    """Decline every open invitation of the user; return how many there were."""
    declined = 0
    for invitation in selectors.open_invitations_of(user):
        try:
            decline_invitation(invitation)
        except (NotFound, InvitationClosed, InvitationExpired):
            continue
        declined += 1
    return declined


def _own(user: User, invitation_id: UUID) -> Invitation:
    invitations = Invitation.objects.select_related("group", "invitee")
    found = invitations.filter(pk=invitation_id, invitee=user).first()
    if found is None:
        raise NotFound
    return found


def _notify_inviter(invitation: Invitation, verb: str, level: str) -> None:
    """Notify the inviter, unless they have left: the group's affairs are no longer theirs."""
    inviter, group = invitation.inviter_id, invitation.group
    if Membership.objects.filter(group=group, user=inviter).exists():
        invitee = invitation.invitee.username
        text = f"{invitee} has {verb} your invitation to the group {group.name}."
        notify([inviter], group, f"invitation_{verb}", text, level)


def why_closed(invitation: Invitation) -> FirmlightError:
    """The error that says why an invitation could not be closed; the caller raises it."""
    status = Invitation.objects.filter(pk=invitation.pk).values_list("status", flat=True).first()
    if status is None:  # it was deleted with its group
        return NotFound()
    if status in (states.PENDING, states.EXPIRED):
        return InvitationExpired()
    return InvitationClosed()
