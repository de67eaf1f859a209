"""How Django checks a password, and what django-axes asks us about its locks."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.hashers import make_password
from django.http import HttpRequest, HttpResponse, JsonResponse

from accounts import selectors
from accounts.errors import TooManyAttempts
from accounts.models import User
from core.errors import headers_of


class LoginBackend(ModelBackend):
    """User name or e-mail address, in any case. One password is hashed whether or not the account
    exists.
    """

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **_: Any,
    ) -> User | None:
        user = selectors.user_by_login(username or "")
        if user is None:
            make_password(password)
            return None
        return user if user.check_password(password) and self.user_can_authenticate(user) else None


# For django-axes; the settings AXES_… name them


def account_key(request: HttpRequest, credentials: dict[str, Any] | None) -> str:
    """Under what failures are counted: one and the same for name and address of an account, in any
    case.
    """
    login = str((credentials or {}).get("username") or "")
    known: dict[str, str] = request.__dict__.setdefault("account_keys", {})
    if login not in known:
        user = selectors.user_by_login(login)
        known[login] = str(user.pk) if user else login.strip().lower()
    return known[login]


def failures_max(request: HttpRequest, credentials: dict[str, Any] | None) -> int:
    return settings.LOGIN_FAILURES_MAX


def cool_off(request: HttpRequest | None) -> timedelta:
    return timedelta(minutes=settings.LOGIN_LOCK_MINUTES)


def locked_out(
    request: HttpRequest, response: HttpResponse, credentials: dict[str, Any] | None
) -> HttpResponse:
    """The answer of pages that ask Django themselves (the admin's), instead of
    services.check_credentials.
    """
    from accounts.services.login import (
        retry_seconds,
    )  # that one needs axes, and axes needs this module

    error = TooManyAttempts(retry_seconds(request, str((credentials or {}).get("username") or "")))
    if request.path.startswith("/api/"):
        return JsonResponse(error.as_dict(), status=error.status, headers=headers_of(error))
    return HttpResponse(
        error.message, status=error.status, headers=headers_of(error), content_type="text/plain"
    )
