"""What moderators of the site do to groups they are not in. Who may is settled at the door, and
recorded there.
"""

from __future__ import annotations

from accounts.models import WARNING
from core.errors import NotFound
from groups import states
from groups.models import Group, Invitation, InviteLink, name_key
from groups.services.invitation_answers import why_closed
from groups.services.notices import tell, tell_leaders


def clear_words(group: Group) -> None:
    """Replace a name and a description that must not stand; its leaders are told, and its owner may
    choose others.
    """
    name = f"Group {group.pk.hex[:12]}"
    Group.objects.filter(pk=group.pk).update(name=name, name_key=name_key(name), description="")
    text = f"A moderator has removed the name and the description of your group {group.name}. Choose others."
    tell_leaders(group, "group_words_cleared", text)


def withdraw_invitation(invitation: Invitation) -> None:
    """Take it back; the invited person is told. Raises InvitationClosed, InvitationExpired."""
    if not invitation.close(states.WITHDRAWN):
        raise why_closed(invitation)
    text = f"A moderator has withdrawn your invitation to the group {invitation.group.name}."
    tell([invitation.invitee_id], invitation.group, "invitation_withdrawn", text, WARNING)


def withdraw_link(link: InviteLink) -> None:
    """Its code is good for nothing from now on. Raises NotFound if it is gone."""
    if not InviteLink.objects.filter(pk=link.pk).delete()[0]:
        raise NotFound
