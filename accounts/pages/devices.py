"""Pages: where the user is logged in, the tokens of their machines, and new devices."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts import selectors, services
from accounts.models import DeviceRequest
from accounts.pages.forms import CodeForm, TokenForm
from accounts.pages.requests import PageRequest
from accounts.services.browser_sessions import browser_session
from core.errors import NotFound
from core.views import Question, go, limited, question, show, signed_in


@signed_in
@require_safe
def sessions(request: PageRequest) -> HttpResponse:
    found = services.sessions_of(request.user)
    return show(request, "accounts/sessions.html", sessions=found, current=browser_session(request))


@signed_in
def end_session(request: PageRequest, pk: UUID) -> HttpResponse:
    session = services.sessions_of(request.user).filter(pk=pk).first()
    if session is None:
        raise NotFound
    if request.method == "POST":
        services.end_session(request.user, pk)
        messages.success(request, "That session has ended.")
        return go(request, "page:sessions")
    says = f"Whoever uses it ({session}) must log in again."
    asks = Question(title="End this session?", says=says, verb="End the session", keep="Keep it")
    return question(request, asks, leads_back="page:sessions")


@signed_in
def end_all_sessions(request: PageRequest) -> HttpResponse:
    """End every session, also the one that asks. Worker tokens stay valid."""
    if request.method == "POST":
        services.end_all_sessions(request.user)
        services.close_browser_session(request)
        messages.success(request, "You are logged out everywhere.")
        return go(request, "page:login")
    says = (
        "All your browsers and programs must log in again, this browser, too. "
        "Worker tokens stay valid."
    )
    asks = Question(
        title="Log out everywhere?", says=says, verb="Log out everywhere", keep="Stay logged in"
    )
    return question(request, asks, leads_back="page:sessions")


@signed_in
def tokens(request: PageRequest) -> HttpResponse:
    """The user's worker tokens, and a form for a new one.

    The answer to the form shows the text of the new token, once: the text is stored nowhere.
    """
    form, fresh = TokenForm(request.POST or None), None
    if form.submit(services.create_worker_token, owner=request.user):
        fresh, form = form.outcome, TokenForm()
    found = selectors.worker_tokens_of(request.user)
    return show(request, "accounts/tokens.html", form, tokens=found, fresh=fresh)


@signed_in
def revoke_token(request: PageRequest, pk: UUID) -> HttpResponse:
    token = selectors.worker_tokens_of(request.user).filter(pk=pk).first()
    if token is None:
        raise NotFound
    if request.method == "POST":
        services.revoke_worker_token(owner=request.user, token_id=pk)
        messages.success(request, f"The token of {token.name} is revoked.")
        return go(request, "page:tokens")
    says = "Its worker is disconnected within seconds, and other workers take over its work."
    title = f"Revoke the token of {token.name}?"
    asks = Question(title=title, says=says, verb="Revoke the token", keep="Keep it")
    return question(request, asks, leads_back="page:tokens")


@signed_in
def device(request: PageRequest) -> HttpResponse:
    """Who asks with this code, and the question whether to approve. To look approves nothing."""
    typed = request.POST.get("code") or request.GET.get("code")
    form = CodeForm({"code": typed} if typed else None)
    if not form.submit(limited("device_code", request, services.pending_device_request)):
        return show(request, "accounts/device.html", form)
    found = form.outcome
    if request.method == "POST" and "answer" in request.POST:
        return _answered(request, found)
    return show(request, "accounts/device_asks.html", asked=found, minutes=minutes_left(found))


def _answered(request: PageRequest, asked: DeviceRequest) -> HttpResponse:
    if request.POST["answer"] == "yes":
        services.approve_device(user=request.user, code=asked.user_code)
        messages.success(request, f"{asked.name} is approved. Go on in its terminal.")
        return go(request, "page:get-worker")
    services.deny_device(user=request.user, code=asked.user_code)
    messages.success(request, f"{asked.name} is denied.")
    return go(request, "page:workers")


def minutes_left(asked: DeviceRequest) -> int:
    return max(1, round((asked.expires - timezone.now()).total_seconds() / 60))
