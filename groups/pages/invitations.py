"""Pages for the leaders of a group: invitations, links and join requests."""

from __future__ import annotations

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
from groups.services.invitations import INVITED, JOINED, TOO_OFTEN, UNKNOWN, YOURSELF, Answer

OUTCOME_TEXTS = {
    INVITED: "{} is invited.",
    JOINED: "{} had asked to join, and is now in the group.",
    UNKNOWN: "There is no user {}.",
    YOURSELF: "{}, that is you.",
    "already_member": "{} is a member already.",
    "already_invited": "{} is invited already.",
    TOO_OFTEN: "{} cannot be invited today: there were too many invitations.",
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
    """Invite people. Names that cannot be invited stay in the field, with the reasons beside it."""
    form = InviteForm(request.POST or None)
    invite = limited("invite", request, services.invite)
    if not form.submit(invite, inviter=request.user, group_id=pk):
        return _page(request, pk, form=form)
    refused = []
    for answer in form.outcome:
        if answer.outcome in (INVITED, JOINED):
            messages.success(request, _text_of(answer))
        else:
            refused.append(answer)
    if not refused:
        return go(request, "page:invitations", pk)
    again = InviteForm({"usernames": " ".join(answer.username for answer in refused)})
    again.is_valid()  # an error can be added only to a form that was checked
    again.add_error("usernames", [_text_of(answer) for answer in refused])
    return _page(request, pk, form=again)


def _text_of(answer: Answer) -> str:
    return OUTCOME_TEXTS[answer.outcome].format(answer.username)


@signed_in
@require_safe
def people(request: PageRequest, pk: UUID) -> HttpResponse:
    """Suggestions for the name that is being typed. They show no more than names and ids."""
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
    """The answer shows the code, once: it is stored nowhere."""
    form = LinkForm(request.POST)
    make = limited("invite", request, services.make_link)
    if not form.submit(make, maker=request.user, group_id=pk):
        return _page(request, pk, link_form=form)
    _link, code = form.outcome
    address = request.build_absolute_uri(reverse("page:join", args=(code,)))
    return _page(request, pk, code=code, address=address)


@signed_in
@require_POST
def withdraw_link(request: PageRequest, pk: UUID, link: UUID) -> HttpResponse:
    services.withdraw_link(leader=request.user, group_id=pk, link_id=link)
    messages.success(request, "The link is withdrawn.")
    return go(request, "page:invitations", pk)


@signed_in
@require_POST
def answer_request(request: PageRequest, pk: UUID, asked: UUID) -> HttpResponse:
    accepted = request.POST.get("accepted") == "true"
    services.answer_request(leader=request.user, group_id=pk, request_id=asked, accepted=accepted)
    text = "They are now in the group." if accepted else "The request is declined."
    messages.success(request, text)
    return go(request, "page:invitations", pk)
