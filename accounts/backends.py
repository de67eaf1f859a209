"""How Django checks a password, and what django-axes asks us about its locks."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.backends import ModelBackend
from django.http import HttpRequest, HttpResponse, JsonResponse

from accounts import password_checks, selectors
from accounts.errors import TooManyAttempts
from accounts.models import User
from core import throttling
from core.errors import headers_of


class LoginBackend(ModelBackend):
    """Logs in by user name or e-mail address, in any case.

    It counts itself, because the admin's own page comes here without passing a view of ours.
    """

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **_: Any,
    ) -> User | None:
        if request is not None:
            throttling.check("login", request)
        user = selectors.user_by_login(username or "")
        account = account_of(user, username or "")
        is_right = password_checks.is_login_password(user, account, password or "")
        if user and is_right and self.user_can_authenticate(user):
            return user
        return None


def account_of(user: User | None, login: str) -> str:
    """What failures count under: one key for the name and the address of an account."""
    return str(user.pk) if user else login.strip().lower()


# For django-axes: the settings AXES_… name these functions


def account_key(request: HttpRequest, credentials: dict[str, Any] | None) -> str:
    """The key that failures count under: one for the name and the address of an account."""
    login = _login_of(credentials)
    # axes asks several times during one request: keep the answer.
    known: dict[str, str] = request.__dict__.setdefault("account_keys", {})
    if login not in known:
        known[login] = account_of(selectors.user_by_login(login), login)
    return known[login]


def _login_of(credentials: dict[str, Any] | None) -> str:
    return str((credentials or {}).get("username") or "")


def failures_max(request: HttpRequest, credentials: dict[str, Any] | None) -> int:
    return settings.LOGIN_FAILURES_MAX


def cool_off(request: HttpRequest | None) -> timedelta:
    return timedelta(minutes=settings.LOGIN_LOCK_MINUTES)


def locked_out(
    request: HttpRequest, response: HttpResponse, credentials: dict[str, Any] | None
) -> HttpResponse:
    """The answer of pages that call Django's `authenticate` themselves, as the admin's do."""
    # Not at the top: that module imports axes, and axes imports this one.
    from accounts.services.login import retry_seconds

    error = TooManyAttempts(retry_seconds(request, _login_of(credentials)))
    if request.path.startswith("/api/"):
        return JsonResponse(error.as_dict(), status=error.status, headers=headers_of(error))
    return HttpResponse(
        error.message, status=error.status, headers=headers_of(error), content_type="text/plain"
    )
