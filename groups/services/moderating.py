"""What moderators of the site do to groups; `groups.admin` checks who may, and records it."""

from __future__ import annotations

from accounts.models import WARNING
from core.errors import NotFound
from groups import states
from groups.models import Group, Invitation, InviteLink, name_key
from groups.services.invitation_answers import why_closed
from groups.services.notices import notify, notify_leaders


def clear_words(group: Group) -> None:
    """Replace an unacceptable name and description, and notify the group's leaders.

    The owner may then choose others.
    """
    name = f"Group {group.pk.hex[:12]}"
    Group.objects.filter(pk=group.pk).update(name=name, name_key=name_key(name), description="")
    text = (
        f"A moderator has removed the name and the description of your group {group.name}. "
        "Choose others."
    )
    notify_leaders(group, "group_words_cleared", text)


def withdraw_invitation(invitation: Invitation) -> None:
    """Withdraw it and notify the invitee. Raises InvitationClosed, InvitationExpired."""
    if not invitation.close(states.WITHDRAWN):
        raise why_closed(invitation)
    text = f"A moderator has withdrawn your invitation to the group {invitation.group.name}."
    notify([invitation.invitee_id], invitation.group, "invitation_withdrawn", text, WARNING)


def withdraw_link(link: InviteLink) -> None:
    """Delete the link, so that its code no longer works. Raises NotFound if it is gone."""
    if not InviteLink.objects.filter(pk=link.pk).delete()[0]:
        raise NotFound
