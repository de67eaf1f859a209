"""Pages: register, log in, log out, reset a password, confirm an e-mail address."""

from __future__ import annotations

from contextlib import suppress
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from accounts import services
from accounts.errors import BadLink
from accounts.models import User
from accounts.pages.forms import ForgottenForm, LoginForm, NewPasswordForm, RegisterForm
from accounts.pages.requests import PageRequest
from core.client_address import address_of
from core.errors import FirmlightError
from core.views import go, limited, next_of, show

open_to_all = require_http_methods(["GET", "HEAD", "POST"])


@open_to_all
@never_cache
@sensitive_post_parameters("password")
def register(request: PageRequest) -> HttpResponse:
    """Create an account and log it in."""
    form = RegisterForm(request.POST or None)
    if form.submit(limited("register", request, services.register)):
        services.open_browser_session(request, form.outcome)
        return go(request, next_of(request, "page:groups"))
    return show(request, "accounts/register.html", form, next=next_of(request, "page:groups"))


@open_to_all
@never_cache
@sensitive_post_parameters("password")
def log_in(request: PageRequest) -> HttpResponse:
    form = LoginForm(request.POST or None)
    if request.user.is_authenticated:
        return go(request, next_of(request, "page:groups"))
    if form.submit(services.check_credentials, request=request):
        services.open_browser_session(request, form.outcome)
        return go(request, next_of(request, "page:groups"))
    return show(request, "accounts/login.html", form, next=next_of(request, "page:groups"))


@require_POST
def log_out(request: HttpRequest) -> HttpResponse:
    services.close_browser_session(request)
    return go(request, "page:home")


@open_to_all
def forgotten(request: PageRequest) -> HttpResponse:
    """The answer is the same whether or not there is such an account."""
    form = ForgottenForm(request.POST or None)
    if form.submit(services.ask_password_reset, address=address_of(request)):
        return go(request, "page:password-sent")
    return show(request, "accounts/forgotten.html", form, mail=settings.MAIL_CONFIGURED)


def password_sent(request: HttpRequest) -> HttpResponse:
    return show(request, "accounts/password_sent.html")


@open_to_all
@never_cache
@sensitive_post_parameters("password")
def reset_password(request: PageRequest, uid: str, token: str) -> HttpResponse:
    """The page behind the link of an e-mail, with the worker tokens that the reset revokes.

    The page itself does not say that a link is not valid; the answer to the form does.
    """
    form = NewPasswordForm(request.POST or None)
    kept = _kept_tokens(request)

    def reset() -> User:
        return services.reset_password(uid, token, form.cleaned_data["password"], kept)

    if form.is_valid() and form.run(reset):
        services.open_browser_session(request, form.outcome)
        messages.success(request, "Your password is changed, and every other session has ended.")
        return go(request, "page:groups")
    try:
        earlier = services.tokens_at_reset(uid, token)
    except BadLink:
        earlier = []
    return show(request, "accounts/reset_password.html", form, earlier=earlier, kept=kept)


def _kept_tokens(request: PageRequest) -> set[UUID]:
    """The worker tokens that the page showed and that are no longer ticked for revocation."""
    unticked = set(request.POST.getlist("shown")) - set(request.POST.getlist("revoke"))
    kept = set()
    for text in unticked:
        with suppress(ValueError):
            kept.add(UUID(text))
    return kept


@open_to_all
@never_cache
def confirm_email(request: PageRequest, token: str) -> HttpResponse:
    """The page behind the link of an e-mail, with one button.

    Programs that follow links in e-mails to check them must not confirm anything.
    """
    template = "accounts/confirm_email.html"
    try:
        if request.method != "POST":
            earlier = services.tokens_at_confirmation(token)
            return show(request, template, trouble="", earlier=earlier, kept=set())
        user = services.confirm_email(token, _kept_tokens(request))
    except FirmlightError as error:
        return show(request, template, trouble=_sentences(error))
    messages.success(request, f"{user.email} is confirmed.")
    return go(request, "page:profile" if request.user.is_authenticated else "page:login")


def _sentences(error: FirmlightError) -> str:
    """What the error says of the fields, or else of the whole."""
    of_fields = [sentence for found in (error.fields or {}).values() for sentence in found]
    return " ".join(of_fields) or error.message
