"""How often somebody may do something: each user, or where nobody is logged in each address.

Counted in the cache (Redis), in windows of a minute or an hour that begin for all at once; one
atomic increment, so that callers at once cannot get past it. A view names its scopes in
`throttles`, by method: {"POST": ("submit",)}.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from core.client_address import address_of
from core.errors import TooMany
from core.windows import count_in_window

MINUTE, HOUR = 60, 3600
SCOPES = {
    "login": ("LOGIN_PER_MINUTE_MAX", MINUTE),
    "register": ("REGISTER_PER_HOUR_MAX", HOUR),
    "refresh": ("REFRESH_PER_MINUTE_MAX", MINUTE),
    "mail": ("MAIL_PER_HOUR_MAX", HOUR),
    "device": ("DEVICE_PER_HOUR_MAX", HOUR),
    "device_code": ("DEVICE_CODE_PER_MINUTE_MAX", MINUTE),
    "submit": ("SUBMIT_PER_MINUTE_MAX", MINUTE),
    "upload": ("UPLOAD_PER_MINUTE_MAX", MINUTE),
    "invite": ("INVITE_PER_HOUR_MAX", HOUR),
    "join": ("JOIN_PER_HOUR_MAX", HOUR),
    "search": ("SEARCH_PER_MINUTE_MAX", MINUTE),
}
"""Scope -> its setting, and the seconds that the setting's name speaks of."""


def check(scope: str, request: HttpRequest | Request) -> None:
    """Count this request, for pages. Raises TooMany (429 `throttled`) with the seconds to wait."""
    if wait := _count(scope, who(request)):
        raise TooMany(wait)


def who(request: HttpRequest | Request) -> str:
    user = getattr(request, "user", None)
    if user is not None and user.is_authenticated:
        return f"user-{user.pk}"
    return (
        f"address-{address_of(getattr(request, '_request', request))}"  # DRF's request is a wrapper
    )


def _count(scope: str, ident: str) -> float:
    """Count one; the seconds to wait if that was too much, else 0."""
    setting, seconds = SCOPES[scope]
    window, gone = divmod(time.time(), seconds)
    key = f"throttle-{scope}-{ident}-{int(window)}"
    try:
        count = cache.incr(key)
    except ValueError:  # the first of this window
        cache.add(key, 0, timeout=2 * seconds)
        count = cache.incr(key)
    return seconds - gone if count > getattr(settings, setting) else 0.0


class ScopedThrottle(BaseThrottle):
    """DRF's end of it, on all views. "upload" counts only what comes as a form, with a file."""

    seconds = 0.0

    def allow_request(self, request: Request, view: Any) -> bool:
        scopes: Sequence[str] = getattr(view, "throttles", {}).get(request.method, ())
        waits = [
            _count(scope, who(request))
            for scope in scopes
            if scope != "upload" or _is_form(request)
        ]
        self.seconds = max(waits, default=0.0)
        return not self.seconds

    def wait(self) -> float:
        return self.seconds


def _is_form(request: Request) -> bool:
    return (request.content_type or "").startswith("multipart/")


async def count_connect(digest: str) -> int:
    """Count a connection made with this worker token (its digest); how many in this minute."""
    return await count_in_window(f"fl:connects:{digest[:32]}", MINUTE * 1000)
