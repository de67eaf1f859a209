"""A member's own workers: how to start one, and what they do."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_POST, require_safe

from accounts.pages.requests import PageRequest
from core import client_wheel
from core.errors import NotFound
from core.views import Question, go, question, show, signed_in
from groups import selectors as group_selectors
from tasks.models import Worker
from tasks.selectors import presence, trust, visibility
from tasks.services import workers as services


@signed_in
@require_safe
def mine(request: PageRequest) -> HttpResponse:
    """The workers of this user; htmx gets only the rows."""
    facts: dict[str, Any] = {"workers": presence.workers_of(request.user)}
    if request.htmx:
        return show(request, "tasks/workers/_rows.html", **facts)
    return show(request, "tasks/workers/page.html", **facts, standings=trust.of_user(request.user))


@signed_in
@require_safe
def get_worker(request: PageRequest) -> HttpResponse:
    """How to start a worker, step by step; the last step is that it appears here."""
    facts = {"server": server_of(request), "wheel": client_wheel.find()}
    return show(request, "tasks/workers/get.html", **facts, **_appeared(request))


@signed_in
@require_safe
def appeared(request: PageRequest) -> HttpResponse:
    """The workers that came since that page was opened."""
    facts = _appeared(request)
    if facts["shown"] == request.GET.get("shown"):
        # Nothing is swapped, so that screen readers do not read the same again.
        return HttpResponse(status=204)
    return show(request, "tasks/workers/_appeared.html", **facts)


def _appeared(request: PageRequest) -> dict[str, Any]:
    """The workers that are online now and were not when the page was opened.

    Those are `before` in the address, as {short id},{short id}.
    """
    here = [one for one in presence.workers_of(request.user) if one.here]
    known = request.GET.get("before", ",".join(_short(one) for one in here))
    new = [one for one in here if _short(one) not in known.split(",")]
    grouped = group_selectors.groups_of(request.user).exists()
    shown = ",".join([str(grouped), *(f"{_short(one)} {one.word}" for one in new)])
    return {"before": known, "appeared": new, "grouped": grouped, "shown": shown}


def _short(one: presence.Present) -> str:
    """Enough of its id to tell one user's workers apart in an address that may name many."""
    return one.worker.pk.hex[:8]


def server_of(request: HttpRequest) -> str:
    """The address under which the user has reached this server: their machines can, too."""
    return f"{request.scheme}://{request.get_host()}"


def _own(request: PageRequest, pk: UUID) -> Worker:
    found = visibility.own_worker(request.user, pk)
    if found is None:
        raise NotFound
    return found


@signed_in
def drain(request: PageRequest, pk: UUID) -> HttpResponse:
    worker = _own(request, pk)
    if request.method == "POST":
        services.drain(worker, by=request.user)
        messages.success(request, f"{worker.name} finishes what it holds, and leaves.")
        return go(request, "page:workers")
    says = "It finishes what it holds, takes nothing more, and its program ends."
    asks = Question(
        title=f"Let {worker.name} leave?", says=says, verb="Let it leave", keep="Keep it"
    )
    return question(request, asks, leads_back="page:workers")


@signed_in
@require_POST
def let_back(request: PageRequest, pk: UUID) -> HttpResponse:
    worker = _own(request, pk)
    services.let_back(worker, by=request.user)
    messages.success(request, f"{worker.name} gets work again.")
    return go(request, "page:workers")
