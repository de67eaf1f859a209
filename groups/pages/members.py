"""Pages: the members of a group, their roles, exceptions and removal, and the hand-over."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from accounts.pages.requests import PageRequest
from core.views import Question, go, question, rows, show, signed_in
from groups import selectors, services, states
from groups.models import Group
from groups.pages.forms import EXCEPTION_WORDS


@signed_in
@require_safe
def members(request: PageRequest, pk: UUID) -> HttpResponse:
    mine = selectors.membership_or_not_found(request.user, pk)
    page = rows(request, selectors.members_of(pk))
    removable_roles = states.MAY_REMOVE[mine.role]
    removable = {one.pk for one in page if one.role in removable_roles and one.pk != mine.pk}
    return show(
        request,
        "groups/members.html",
        membership=mine,
        page=page,
        removable=removable,
        exceptions=EXCEPTION_WORDS.items(),
    )


@signed_in
@require_POST
def set_role(request: PageRequest, pk: UUID, user: UUID) -> HttpResponse:
    services.set_role(
        owner=request.user, group_id=pk, user_id=user, role=request.POST.get("role", "")
    )
    messages.success(request, "The role is changed.")
    return go(request, "page:members", pk)


@signed_in
@require_POST
def set_submitting(request: PageRequest, pk: UUID, user: UUID) -> HttpResponse:
    choice = request.POST.get("submitting", "")
    services.set_submitting(leader=request.user, group_id=pk, user_id=user, submitting=choice)
    messages.success(request, "Whether they may submit tasks is changed.")
    return go(request, "page:members", pk)


@signed_in
def remove(request: PageRequest, pk: UUID, user: UUID) -> HttpResponse:
    group, name = _group_and_member_name(request, pk, user)
    if request.method == "POST":
        services.remove_member(remover=request.user, group_id=pk, user_id=user)
        messages.success(request, f"{name} is no longer in the group.")
        return go(request, "page:members", pk)
    says = (
        "Their running tasks in this group are cancelled, and their computers get no more work "
        "from it. They are notified, and can join again only when a leader invites them."
    )
    title = f"Remove {name} from {group.name}?"
    asks = Question(title=title, says=says, verb=f"Remove {name}", keep="Keep them")
    return question(request, asks, leads_back=_members_url(pk))


@signed_in
def hand_over(request: PageRequest, pk: UUID, user: UUID) -> HttpResponse:
    services.require_owner(request.user, pk)
    group, name = _group_and_member_name(request, pk, user)
    if request.method == "POST":
        services.hand_over(owner=request.user, group_id=pk, user_id=user)
        messages.success(request, f"{name} now owns the group, and you are a moderator.")
        return go(request, "page:members", pk)
    says = "You become a moderator, and only the new owner can give the group back to you."
    title = f"Hand {group.name} over to {name}?"
    asks = Question(title=title, says=says, verb="Hand it over", keep="Stay the owner")
    return question(request, asks, leads_back=_members_url(pk))


def _group_and_member_name(request: PageRequest, pk: UUID, user: UUID) -> tuple[Group, str]:
    """The group, and the name of this member. Raises NotFound, also if a stranger asks."""
    mine = selectors.membership_or_not_found(request.user, pk)
    theirs = selectors.member_or_not_found(pk, user)
    return mine.group, theirs.user.username


def _members_url(pk: UUID) -> str:
    return reverse("page:members", args=(pk,))
