"""What a leader has given out to let others in: links, and invitations that nobody answered yet.

They end when the right to give them out is taken away. Those of a leader who leaves of their own
accord stay: the other leaders can withdraw them.

A leader's request may have begun before. It looks again whether they may
(`groups.services.permissions.still_leads`) after it has stored what it gives out, and what is here
looks for that after the right has ended. So at least one of the two sees the other.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from groups import states
from groups.models import Group, Invitation, InviteLink, OpeningQuerySet
from groups.services.notices import notify


def end_handouts(group: Group, user_id: UUID) -> None:
    """End what this user gave out for the group: they no longer lead it."""
    InviteLink.objects.filter(group=group, creator=user_id).delete()
    _withdraw(Invitation.objects.open().filter(group=group, inviter=user_id))


def end_all_handouts(*, user_id: UUID, **_: Any) -> None:
    """End what this user gave out for any group.

    Receives `handouts_ended`: somebody else may have done it with the user's password.
    """
    InviteLink.objects.filter(creator=user_id).delete()
    _withdraw(Invitation.objects.open().filter(inviter=user_id))


def _withdraw(invitations: OpeningQuerySet) -> None:
    """Withdraw these invitations, and notify the invitees."""
    invited: dict[Group, list[UUID]] = {}
    for invitation in invitations.select_related("group"):
        if invitation.close(states.WITHDRAWN):
            invited.setdefault(invitation.group, []).append(invitation.invitee_id)
    for group, people in invited.items():
        text = f"Your invitation to the group {group.name} was withdrawn."
        notify(people, group, "invitation_withdrawn", text)
