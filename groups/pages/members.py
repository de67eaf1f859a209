"""Who is in a group: roles, exceptions, removal, hand-over."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from accounts.pages.requests import PageRequest
from core.views import Question, go, question, rows, show, signed_in
from groups import selectors, services, states
from groups.models import Membership
from groups.pages.forms import EXCEPTION_WORDS


@signed_in
@require_safe
def members(request: PageRequest, pk: UUID) -> HttpResponse:
    mine = selectors.membership_or_not_found(request.user, pk)
    page = rows(request, selectors.members_of(pk))
    for one in page:
        one.removable = one.role in states.MAY_REMOVE[mine.role] and one.pk != mine.pk
    return show(
        request,
        "groups/members.html",
        membership=mine,
        page=page,
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
    messages.success(request, "That is changed.")
    return go(request, "page:members", pk)


@signed_in
def remove(request: PageRequest, pk: UUID, user: UUID) -> HttpResponse:
    mine, his = _two(request, pk, user)
    if request.method == "POST":
        services.remove_member(remover=request.user, group_id=pk, user_id=user)
        messages.success(request, f"{his.user.username} is not in the group any more.")
        return go(request, "page:members", pk)
    says = "Their running tasks in this group are cancelled, and their computers get none of its work. They are told."
    title = f"Remove {his.user.username} from {mine.group.name}?"
    asks = Question(title=title, says=says, verb=f"Remove {his.user.username}", keep="Keep them")
    return question(request, asks, leads_back=_members_url(pk))


@signed_in
def hand_over(request: PageRequest, pk: UUID, user: UUID) -> HttpResponse:
    services.require_owner(request.user, pk)
    mine, his = _two(request, pk, user)
    if request.method == "POST":
        services.hand_over(owner=request.user, group_id=pk, user_id=user)
        messages.success(request, f"{his.user.username} owns the group now; you are a moderator.")
        return go(request, "page:members", pk)
    says = "You become a moderator, and only the new owner can give the group back to you."
    title = f"Hand {mine.group.name} over to {his.user.username}?"
    asks = Question(title=title, says=says, verb="Hand it over", keep="Stay the owner")
    return question(request, asks, leads_back=_members_url(pk))


def _two(request: PageRequest, pk: UUID, user: UUID) -> tuple[Membership, Membership]:
    return selectors.membership_or_not_found(request.user, pk), selectors.member_or_not_found(
        pk, user
    )


def _members_url(pk: UUID) -> str:
    return reverse("page:members", args=(pk,))
