"""The ways into a group, for its leaders: invitations, links, requests to join."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from accounts import selectors as account_selectors
from accounts.pages.requests import PageRequest
from core import throttling
from core.views import go, limited, show, signed_in
from groups import selectors, services
from groups.pages.forms import InviteForm, LinkForm, last_word
from groups.services.invitations import INVITED, JOINED, UNKNOWN, YOURSELF, Answer

WORDS = {
    INVITED: "{} is invited.",
    JOINED: "{} had asked to join, and is in the group now.",
    UNKNOWN: "There is no user {}.",
    YOURSELF: "{}, that is you.",
    "already_member": "{} is a member already.",
    "already_invited": "{} is invited already.",
}
SUGGESTED = 8  # names under the field


def _page(
    request: PageRequest, pk: UUID, *, form: InviteForm | None = None, **facts: Any
) -> HttpResponse:
    facts = {"form": form or InviteForm(), "link_form": LinkForm(), **facts}
    facts["form"].suggest(reverse("page:people", args=(pk,)))
    return show(
        request,
        "groups/invitations.html",
        facts["form"],
        facts["link_form"],
        membership=services.require_leader(request.user, pk),
        invitations=selectors.open_invitations_to(pk),
        requests=selectors.open_requests_to(pk),
        links=selectors.links_of(pk),
        **facts,
    )


@signed_in
def invitations(request: PageRequest, pk: UUID) -> HttpResponse:
    """Names that were no good stay in the field, with what is wrong beside it; the others are
    invited.
    """
    form = InviteForm(request.POST or None)
    if not form.submit(
        limited("invite", request, services.invite), inviter=request.user, group_id=pk
    ):
        return _page(request, pk, form=form)
    bad = list(_sort(request, form.outcome))
    if not bad:
        return go(request, "page:invitations", pk)
    again = InviteForm({"usernames": " ".join(answer.username for answer in bad)})
    again.is_valid()
    again.add_error("usernames", [WORDS[answer.outcome].format(answer.username) for answer in bad])
    return _page(request, pk, form=again)


def _sort(request: PageRequest, answers: Iterable[Answer]) -> Iterable[Answer]:
    """Say what went well; return what did not."""
    for answer in answers:
        if answer.outcome in (INVITED, JOINED):
            messages.success(request, WORDS[answer.outcome].format(answer.username))
        else:
            yield answer


@signed_in
@require_safe
def people(request: PageRequest, pk: UUID) -> HttpResponse:
    """Usernames that begin to be typed, for the field's list of suggestions. Never more than name
    and id.
    """
    services.require_leader(request.user, pk)
    throttling.check("search", request)
    before, word = last_word(request.GET.get("usernames", ""))
    found = account_selectors.people(word)[:SUGGESTED] if word else []
    return show(request, "groups/_people.html", people=found, before=before)


@signed_in
@require_POST
def withdraw(request: PageRequest, pk: UUID, invitation: UUID) -> HttpResponse:
    services.withdraw(leader=request.user, group_id=pk, invitation_id=invitation)
    messages.success(request, "The invitation is withdrawn.")
    return go(request, "page:invitations", pk)


@signed_in
@require_POST
def make_link(request: PageRequest, pk: UUID) -> HttpResponse:
    """The code is on the answer, once: it is kept nowhere."""
    form = LinkForm(request.POST)
    if not form.submit(services.make_link, maker=request.user, group_id=pk):
        return _page(request, pk, link_form=form)
    code = form.outcome[1]
    return _page(
        request,
        pk,
        code=code,
        address=request.build_absolute_uri(reverse("page:join", args=(code,))),
    )


@signed_in
@require_POST
def withdraw_link(request: PageRequest, pk: UUID, link: UUID) -> HttpResponse:
    services.withdraw_link(leader=request.user, group_id=pk, link_id=link)
    messages.success(request, "The link lets nobody in any more.")
    return go(request, "page:invitations", pk)


@signed_in
@require_POST
def answer_request(request: PageRequest, pk: UUID, asked: UUID) -> HttpResponse:
    accepted = request.POST.get("accepted") == "true"
    services.answer_request(leader=request.user, group_id=pk, request_id=asked, accepted=accepted)
    messages.success(
        request, "They are in the group now." if accepted else "The request is declined."
    )
    return go(request, "page:invitations", pk)
