"""Ask to be let into a group that allows it, and what its leaders answer."""

from __future__ import annotations

from uuid import UUID

from django.db import IntegrityError, transaction

from accounts.models import SUCCESS, WARNING, User
from core.errors import FirmlightError, NotFound
from groups import selectors, states
from groups.errors import (
    AlreadyMember,
    InvitationClosed,
    InvitationExpired,
    RequestClosed,
    RequestExpired,
)
from groups.models import Group, JoinRequest, Membership, pending_key
from groups.services.invitation_answers import accept_invitation
from groups.services.joining import let_in, settle
from groups.services.notices import tell, tell_leaders, tell_of_newcomer
from groups.services.permissions import require_leader


def ask_to_join(*, user: User, group_id: UUID) -> JoinRequest | Membership:
    """Ask; who is invited is let in instead, and gets his membership. Asked again, it is the same
    open request.

    Raises AlreadyMember, or NotFound if there is no such group, or none that may be asked.
    """
    if selectors.membership(user, group_id):
        raise AlreadyMember
    if membership := _accept_if_invited(user, group_id):
        return membership
    group = Group.objects.filter(pk=group_id, joining=states.BY_ASKING).first()
    if group is None:
        raise NotFound
    request, new = _open_request(group, user)
    # Somebody may have invited him, or let him in, since we looked (see
    # groups.services.invitations).
    if membership := _accept_if_invited(user, group_id) or selectors.membership(user, group_id):
        settle(group, user)
        return membership
    if new:
        tell_leaders(
            group, "join_requested", f"{user.username} asks to join the group {group.name}."
        )
    return request


def _accept_if_invited(user: User, group_id: UUID) -> Membership | None:
    invitation = selectors.open_invitations_of(user).filter(group=group_id).first()
    if invitation is None:
        return None
    try:
        return accept_invitation(invitation)
    except (InvitationClosed, InvitationExpired):  # withdrawn just now, or he is in by another way
        return selectors.membership(user, group_id)


def _open_request(group: Group, user: User) -> tuple[JoinRequest, bool]:
    """His open request, and whether it is new. Raises NotFound if the group goes."""
    key = pending_key(group.pk, user.pk)
    for overdue in JoinRequest.objects.overdue().filter(pending_key=key):
        overdue.close(states.EXPIRED)
    try:
        with transaction.atomic():
            return JoinRequest.objects.create(group=group, user=user, pending_key=key), True
    except IntegrityError:
        open_one = JoinRequest.objects.filter(pending_key=key).first()
    if open_one is None:
        raise NotFound
    return open_one, False


def withdraw_request(*, user: User, request_id: UUID) -> None:
    """He does not want to join any more. Raises NotFound unless it is his, RequestClosed,
    RequestExpired.
    """
    request = JoinRequest.objects.filter(pk=request_id, user=user).first()
    if request is None:
        raise NotFound
    if not request.close(states.WITHDRAWN):
        raise _why_closed(request)


def answer_request(*, leader: User, group_id: UUID, request_id: UUID, accepted: bool) -> None:
    """Let who asked in, or do not; he is told. Raises NotFound, Forbidden, RequestClosed,
    RequestExpired.
    """
    require_leader(leader, group_id)
    rows = JoinRequest.objects.select_related("group", "user")
    request = rows.filter(pk=request_id, group=group_id).first()
    if request is None:
        raise NotFound
    done = let_in_who_asked(request, by=leader) if accepted else _turn_down(request, by=leader)
    if not done:
        raise _why_closed(request)


def let_in_who_asked(request: JoinRequest, *, by: User) -> bool:
    """Accept an open request (`group` and `user` are loaded); False if it is not open any more."""
    entry = let_in(request.group, request.user, lambda: request.close(states.ACCEPTED))
    if entry and entry.new:
        text = f"{by.username} has let you into the group {request.group.name}."
        tell([request.user_id], request.group, "join_accepted", text, SUCCESS)
        tell_of_newcomer(request.group, request.user, but={by.pk})
    return entry is not None


def _turn_down(request: JoinRequest, *, by: User) -> bool:
    if not request.close(states.DECLINED):
        return False
    text = f"{by.username} has declined your request to join the group {request.group.name}."
    tell([request.user_id], request.group, "join_declined", text, WARNING)
    return True


def _why_closed(request: JoinRequest) -> FirmlightError:
    status = JoinRequest.objects.filter(pk=request.pk).values_list("status", flat=True).first()
    if status is None:  # it went with its group
        return NotFound()
    return RequestExpired() if status in (states.PENDING, states.EXPIRED) else RequestClosed()
