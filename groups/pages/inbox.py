"""Pages: the user's invitations and notifications, and answers to invitations."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.views.decorators.http import require_POST, require_safe

from accounts import selectors as account_selectors
from accounts.pages.requests import PageRequest
from core.views import back, go, rows, show, signed_in
from groups import selectors, services


@signed_in
@require_safe
def inbox(request: PageRequest) -> HttpResponse:
    notes = rows(request, account_selectors.notifications_of(request.user))
    invitations = selectors.open_invitations_of(request.user)
    return show(request, "groups/inbox.html", page=notes, invitations=invitations)


@signed_in
@require_POST
def accept(request: PageRequest, pk: UUID) -> HttpResponse:
    membership = services.accept(user=request.user, invitation_id=pk)
    return go(request, "page:group", membership.group_id)


@signed_in
@require_POST
def decline(request: PageRequest, pk: UUID) -> HttpResponse:
    services.decline(user=request.user, invitation_id=pk)
    messages.success(request, "You have declined the invitation.")
    return back(request)


@signed_in
@require_POST
def accept_all(request: PageRequest) -> HttpResponse:
    joined = services.accept_all(request.user)
    names = ", ".join(membership.group.name for membership in joined)
    messages.success(request, f"You have joined: {names or 'none'}.")
    return go(request, "page:groups")


@signed_in
@require_POST
def decline_all(request: PageRequest) -> HttpResponse:
    messages.success(request, f"Declined: {services.decline_all(request.user)}.")
    return back(request)
