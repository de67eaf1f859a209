"""How Django checks a password, and what django-axes asks us about its locks."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.backends import ModelBackend
from django.http import HttpRequest, HttpResponse, JsonResponse

from accounts import known_devices, password_checks, selectors
from accounts.errors import TooManyAttempts
from accounts.models import User
from core import throttling
from core.client_address import address_of, key_of
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
        login = username or ""
        user = selectors.user_by_login(login)
        device = known_devices.device_of(request, user) if request is not None else ""
        is_right = password_checks.is_login_password(user, login, password or "", device)
        if not (user and is_right and self.user_can_authenticate(user)):
            return None
        if request is not None:
            known_devices.note_login(request, user)
        return user


# For django-axes: the settings AXES_… name these functions


def account_key(request: HttpRequest, credentials: dict[str, Any] | None) -> str:
    """The key that failures count under: what was typed, whether or not it names an account."""
    return password_checks.login_key(_login_of(credentials))


def address_key(request: HttpRequest) -> str:
    """The address that failures count under."""
    return key_of(address_of(request))


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
