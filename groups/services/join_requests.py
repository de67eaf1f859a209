"""Ask to join a group that allows it; accept and decline such requests."""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction

from accounts.audit import current_address
from accounts.models import SUCCESS, WARNING, User
from core import quotas, throttling
from core.client_address import key_of
from core.errors import FirmlightError, NotFound
from groups import selectors, states
from groups.errors import (
    AlreadyMember,
    Removed,
    RequestClosed,
    RequestExpired,
    TooManyJoinRequests,
    TooManyJoinRequestsToday,
)
from groups.models import Group, JoinRequest, Membership, pending_key
from groups.services.invitation_answers import accept_if_invited
from groups.services.joining import admit, require_room, settle
from groups.services.notices import notify, notify_leaders, notify_of_new_member
from groups.services.permissions import require_leader
from groups.services.removals import is_barred


def ask_to_join(*, user: User, group_id: UUID) -> JoinRequest | Membership:
    """Ask to join. A user who is invited joins immediately.

    To ask again returns the same open request. Raises AlreadyMember, Removed, NotFound if there is
    no such group or it does not allow requests, TooManyGroups, TooManyJoinRequests, and
    TooManyJoinRequestsToday.
    """
    if selectors.membership(user, group_id):
        raise AlreadyMember
    if membership := accept_if_invited(user, group_id):
        return membership
    group = Group.objects.filter(pk=group_id, joining=states.BY_ASKING).first()
    if group is None:
        raise NotFound
    if is_barred(group, user):
        raise Removed
    request, new = _open_request(group, user)
    # Somebody may have invited or accepted the user meanwhile, see groups.services.invitations.
    if membership := accept_if_invited(user, group_id) or selectors.membership(user, group_id):
        settle(group, user)
        return membership
    if new:
        text = f"{user.username} asks to join the group {group.name}."
        notify_leaders(group, "join_requested", text)
    return request


def _open_request(group: Group, user: User) -> tuple[JoinRequest, bool]:
    """The user's open request, and whether it is new.

    Raises NotFound if the group is deleted, TooManyJoinRequests, TooManyJoinRequestsToday.
    """
    key = pending_key(group.pk, user.pk)
    for overdue in JoinRequest.objects.overdue().filter(pending_key=key):
        overdue.close(states.EXPIRED)
    if open_one := JoinRequest.objects.filter(pending_key=key).first():
        return open_one, False
    require_room(user)  # asking would be of no use
    mine, most = selectors.open_requests_of(user), settings.JOIN_REQUESTS_PER_USER_MAX
    if quotas.is_full(mine, most):
        raise _too_many()
    try:
        with transaction.atomic():
            made = JoinRequest.objects.create(group=group, user=user, pending_key=key)
    except IntegrityError:
        open_one = JoinRequest.objects.filter(pending_key=key).first()
        if open_one is None:
            raise NotFound from None
        return open_one, False
    try:
        if quotas.is_over(mine, most):
            raise _too_many()
        _count_request(group, user)
    except FirmlightError:
        made.delete()
        raise
    return made, True


def _count_request(group: Group, user: User) -> None:
    """Count a request that was made. Raises TooManyJoinRequestsToday.

    It counts although it may be withdrawn: each of them leaves the leaders a message. One person
    with many accounts cannot use up what the group takes of all people.
    """
    throttling.spend("join_request_pair", f"{user.pk}-{group.pk}", TooManyJoinRequestsToday)
    if address := key_of(current_address.get()):
        throttling.spend("join_request_address", f"{address}-{group.pk}", TooManyJoinRequestsToday)
    throttling.spend("join_request_group", group.pk, TooManyJoinRequestsToday)


def _too_many() -> TooManyJoinRequests:
    most = settings.JOIN_REQUESTS_PER_USER_MAX
    return TooManyJoinRequests(f"You have {most} open requests, the maximum. Withdraw one first.")


def withdraw_request(*, user: User, request_id: UUID) -> None:
    """Withdraw one's own request.

    Raises NotFound unless it is the user's, RequestClosed, RequestExpired.
    """
    request = JoinRequest.objects.filter(pk=request_id, user=user).first()
    if request is None:
        raise NotFound
    if not request.close(states.WITHDRAWN):
        raise _why_closed(request)


def answer_request(*, leader: User, group_id: UUID, request_id: UUID, accepted: bool) -> None:
    """Accept or decline a join request, and notify the user who asked.

    Raises NotFound, Forbidden, RequestClosed, RequestExpired.
    """
    require_leader(leader, group_id)
    rows = JoinRequest.objects.select_related("group", "user")
    request = rows.filter(pk=request_id, group=group_id).first()
    if request is None:
        raise NotFound
    answer = accept_request if accepted else _decline_request
    if not answer(request, by=leader):
        raise _why_closed(request)


def accept_request(request: JoinRequest, *, by: User) -> bool:
    """Accept a request whose `group` and `user` are loaded; False if it is no longer open."""
    group, user = request.group, request.user
    entry = admit(group, user, lambda: request.close(states.ACCEPTED))
    if entry and entry.new:
        text = f"{by.username} has accepted your request to join the group {request.group.name}."
        notify([request.user_id], request.group, "join_accepted", text, SUCCESS)
        notify_of_new_member(request.group, request.user, but={by.pk})
    return entry is not None


def _decline_request(request: JoinRequest, *, by: User) -> bool:
    if not request.close(states.DECLINED):
        return False
    text = f"{by.username} has declined your request to join the group {request.group.name}."
    notify([request.user_id], request.group, "join_declined", text, WARNING)
    return True


def _why_closed(request: JoinRequest) -> FirmlightError:
    status = JoinRequest.objects.filter(pk=request.pk).values_list("status", flat=True).first()
    if status is None:  # it was deleted with its group
        return NotFound()
    if status in (states.PENDING, states.EXPIRED):
        return RequestExpired()
    return RequestClosed()
