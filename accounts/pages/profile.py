"""Pages of the user's own account: name, address, password, theme and deletion."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from accounts import services
from accounts.models import User
from accounts.pages.forms import DeletionForm, EmailForm, PasswordForm, UsernameForm
from accounts.pages.requests import PageRequest
from core.views import PageForm, Question, go, next_of, question, show, signed_in

THEME_SECONDS = 365 * 86400


def _page(request: PageRequest, **sent: PageForm) -> HttpResponse:
    """The page with its three forms; a form in `sent` shows what is wrong with it."""
    user = User.objects.get(pk=request.user.pk)
    forms: dict[str, PageForm] = {
        "name_form": UsernameForm(initial={"username": user.username}, prefix="name"),
        "email_form": EmailForm(initial={"email": user.email}, prefix="email"),
        "password_form": PasswordForm(prefix="password"),
        **sent,
    }
    return show(
        request, "accounts/profile.html", *forms.values(), **forms, mail=settings.MAIL_CONFIGURED
    )


@signed_in
@require_safe
def profile(request: PageRequest) -> HttpResponse:
    return _page(request)


@signed_in
@require_POST
def rename(request: PageRequest) -> HttpResponse:
    form = UsernameForm(request.POST, prefix="name")
    if not form.submit(services.update_profile, user=request.user):
        return _page(request, name_form=form)
    messages.success(request, f"Your user name is {form.outcome.username} now.")
    return go(request, "page:profile")


@signed_in
@require_POST
@sensitive_post_parameters()
def change_email(request: PageRequest) -> HttpResponse:
    form = EmailForm(request.POST, prefix="email")
    if not form.submit(services.change_email, user=request.user):
        return _page(request, email_form=form)
    if form.outcome.email == form.cleaned_data["email"].lower():
        text = "Your address is changed."
    else:
        text = "An e-mail with a link is on its way. The address changes when you follow it."
    messages.success(request, text)
    return go(request, "page:profile")


@signed_in
@require_POST
def confirm_again(request: PageRequest) -> HttpResponse:
    services.send_confirmation(request.user)
    text = f"If {request.user.email} is not confirmed, an e-mail is on its way there."
    messages.success(request, text)
    return go(request, "page:profile")


@signed_in
@require_POST
@sensitive_post_parameters()
def change_password(request: PageRequest) -> HttpResponse:
    form = PasswordForm(request.POST, prefix="password")

    def change(*, old_password: str, new_password: str) -> None:
        services.change_password(
            user=request.user, old=old_password, new=new_password, request=request
        )

    if not form.submit(change):
        return _page(request, password_form=form)
    messages.success(request, "Your password is changed, and your other sessions have ended.")
    return go(request, "page:profile")


@signed_in
@sensitive_post_parameters()
def delete_account(request: PageRequest) -> HttpResponse:
    form = DeletionForm(request.POST or None)
    if form.submit(services.delete_account, user=request.user):
        services.close_browser_session(request)
        messages.success(request, "Your account is deleted.")
        return go(request, "page:home")
    says = (
        "This cannot be undone. Groups that you own go to their longest moderator or member. "
        "Your running tasks are cancelled, and your computers get no more work. "
        "Statistics stay, without your name."
    )
    asks = Question(
        title="Delete your account?", says=says, verb="Delete the account", keep="Keep my account"
    )
    return question(request, asks, leads_back="page:profile", form=form)


@require_POST
def set_theme(request: HttpRequest) -> HttpResponse:
    """Store the theme in a cookie, also for visitors; "" follows the system's theme."""
    answer = go(request, next_of(request, "page:home"))
    theme = request.POST.get("theme", "")
    if theme in ("light", "dark"):
        answer.set_cookie(
            "theme", theme, max_age=THEME_SECONDS, samesite="Lax", secure=request.is_secure()
        )
    else:
        answer.delete_cookie("theme", samesite="Lax")
    return answer
