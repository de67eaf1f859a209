"""Pages: the user's groups, a new group, and joining."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import resolve_url
from django.views.decorators.http import require_POST, require_safe

from accounts import selectors as account_selectors
from accounts.pages.requests import PageRequest
from core import throttling
from core.errors import Invalid, NotFound
from core.views import back, go, limited, rows, show, signed_in
from groups import selectors, services
from groups.models import Membership
from groups.pages.forms import CodeForm, GroupForm, SearchForm

# What `?show=` narrows the list to.
SHOWN: dict[str, dict[str, Any]] = {"starred": {"starred": True}, "mine": {"role": "owner"}}
LATEST = 6  # notifications beside the list


@signed_in
@require_safe
def groups(request: PageRequest) -> HttpResponse:
    """The user's groups: all, the starred ones or the ones they own, and a search.

    While the user types, htmx asks for the list alone.
    """
    words, show_only = SearchForm(request.GET).words(), request.GET.get("show", "")
    cards = selectors.group_cards(request.user, words).filter(**SHOWN.get(show_only, {}))
    facts = {"cards": cards, "words": words, "show_only": show_only}
    if request.htmx:
        return show(request, "groups/_list.html", **facts)
    facts["invitations"] = selectors.open_invitations_of(request.user)
    facts["latest"] = account_selectors.notifications_of(request.user)[:LATEST]
    return show(request, "groups/groups.html", **facts)


@signed_in
def new_group(request: PageRequest) -> HttpResponse:
    form = GroupForm(request.POST or None)
    if form.submit(services.create_group, owner=request.user):
        return go(request, "page:group", form.outcome.pk)
    return show(request, "groups/new.html", form)


@signed_in
@require_POST
def star(request: PageRequest, pk: UUID) -> HttpResponse:
    """`starred` is the wanted state, so that clicks in two windows do not undo each other."""
    starred = request.POST.get("starred") == "true"
    services.star(user=request.user, group_id=pk, starred=starred)
    if not request.htmx:
        return back(request)
    return show(
        request, "groups/_star.html", card=selectors.membership_or_not_found(request.user, pk)
    )


@signed_in
@require_safe
def find(request: PageRequest) -> HttpResponse:
    """Groups that the user may ask to join."""
    words = SearchForm(request.GET).words()
    found = rows(request, selectors.joinable_groups(request.user, words))
    if request.htmx:
        return show(request, "groups/_found.html", page=found, words=words, asked=_asked(request))
    return show(
        request, "groups/find.html", page=found, words=words, asked=_asked(request), form=CodeForm()
    )


def _asked(request: PageRequest) -> dict[UUID, UUID]:
    """{group id: request id} of the user's open join requests."""
    return {ask.group_id: ask.pk for ask in selectors.open_requests_of(request.user)}


@signed_in
@require_POST
def ask(request: PageRequest, pk: UUID) -> HttpResponse:
    throttling.check("join", request)
    asked = services.ask_to_join(user=request.user, group_id=pk)
    if isinstance(asked, Membership):  # there was an invitation
        return go(request, "page:group", pk)
    text = f"You have asked to join {asked.group.name}. You will be notified of the answer."
    messages.success(request, text)
    return go(request, "page:find-groups")


@signed_in
@require_POST
def ask_no_more(request: PageRequest, pk: UUID) -> HttpResponse:
    services.withdraw_request(user=request.user, request_id=pk)
    messages.success(request, "Your request is withdrawn.")
    return go(request, "page:find-groups")


@signed_in
@require_POST
def enter_code(request: PageRequest) -> HttpResponse:
    """The code that was typed leads to the page that shows the group before joining."""
    form = CodeForm(request.POST)
    if form.submit(limited("join", request, _check_code)):
        return go(request, resolve_url("page:join", form.cleaned_data["code"]))
    page = rows(request, selectors.joinable_groups(request.user))
    return show(request, "groups/find.html", form, page=page, words="", asked=_asked(request))


def _check_code(code: str) -> None:
    """Raises Invalid for an unknown code, so that the error is shown beside the field."""
    try:
        services.group_of_code(code)
    except NotFound as error:
        raise Invalid(fields={"code": [error.message]}) from None


@signed_in
def join(request: PageRequest, code: str) -> HttpResponse:
    """The page behind a link. It shows the group first; the user joins by a second step."""
    if request.method == "POST":
        membership = limited("join", request, services.join_by_code)(user=request.user, code=code)
        return go(request, "page:group", membership.group_id)
    group = limited("join", request, services.group_of_code)(code=code)
    return show(request, "groups/join.html", group=group, code=code)
