"""How often each user may do something, or each address where nobody is logged in.

Requests are counted in the cache (Redis), in windows of a minute, an hour or a day that begin for
all users at the same time. The count is one atomic increment, so simultaneous callers cannot get
past the limit. A view names its scopes in `throttles`, by method: {"POST": ("submit",)}. Whatever
else a user changes counts as "write", so that nothing can be made or changed without bound.
Services count what may be made a day (`spend`): rows could be deleted and made anew.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from core.client_address import address_of, key_of
from core.errors import TooMany
from core.windows import count_in_window

MINUTE, HOUR, DAY = 60, 3600, 86_400
SCOPES = {
    "login": ("LOGIN_PER_MINUTE_MAX", MINUTE),
    "register": ("REGISTER_PER_HOUR_MAX", HOUR),
    "refresh": ("REFRESH_PER_MINUTE_MAX", MINUTE),
    "login_failure": ("LOGIN_FAILURES_PER_HOUR_MAX", HOUR),
    "password_failure": ("PASSWORD_FAILURES_PER_HOUR_MAX", HOUR),
    "mail": ("MAIL_PER_HOUR_MAX", HOUR),
    "mail_pair": ("MAIL_PER_PAIR_PER_HOUR_MAX", HOUR),
    "recipient": ("MAIL_PER_RECIPIENT_PER_HOUR_MAX", HOUR),
    "notice": ("MAIL_PER_RECIPIENT_PER_HOUR_MAX", HOUR),
    "device": ("DEVICE_PER_HOUR_MAX", HOUR),
    "device_poll": ("DEVICE_POLLS_PER_MINUTE_MAX", MINUTE),
    "device_code": ("DEVICE_CODE_PER_MINUTE_MAX", MINUTE),
    "submit": ("SUBMIT_PER_MINUTE_MAX", MINUTE),
    "upload": ("UPLOAD_PER_MINUTE_MAX", MINUTE),
    "invite": ("INVITE_PER_HOUR_MAX", HOUR),
    "join": ("JOIN_PER_HOUR_MAX", HOUR),
    "search": ("SEARCH_PER_MINUTE_MAX", MINUTE),
    "write": ("WRITES_PER_MINUTE_MAX", MINUTE),
    "write_day": ("WRITES_PER_DAY_MAX", DAY),
    # What services count, of a user, a group, or a pair of two
    "group": ("GROUPS_PER_DAY_MAX", DAY),
    "invitation_group": ("INVITATIONS_PER_GROUP_DAY_MAX", DAY),
    "invitation_user": ("INVITATIONS_PER_USER_DAY_MAX", DAY),
    "invitation_pair": ("INVITATIONS_PER_PAIR_DAY_MAX", DAY),
    "join_request_group": ("JOIN_REQUESTS_PER_GROUP_DAY_MAX", DAY),
    "join_request_address": ("JOIN_REQUESTS_PER_ADDRESS_DAY_MAX", DAY),
    "join_request_pair": ("JOIN_REQUESTS_PER_PAIR_DAY_MAX", DAY),
    "link": ("LINKS_PER_GROUP_DAY_MAX", DAY),
    "session": ("LOGINS_PER_DAY_MAX", DAY),
    "worker_token": ("WORKER_TOKENS_PER_DAY_MAX", DAY),
    "task": ("TASKS_PER_DAY_MAX", DAY),
}
"""Scope -> its setting, and the length of its window in seconds."""
WRITES = ("write", "write_day")
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


def check(scope: str, request: HttpRequest | Request) -> None:
    """Count this request of a page. Raises TooMany (429 `throttled`) with the seconds to wait."""
    if wait := count(scope, _caller(request)):
        raise TooMany(wait)


def check_write(request: HttpRequest) -> None:
    """Count this request of a page if it may change something. Raises TooMany."""
    if request.method not in SAFE_METHODS:
        for scope in WRITES:
            check(scope, request)


def spend(scope: str, whose: object, error: type[TooMany] = TooMany) -> None:
    """Count one more thing that this user, group or pair makes. Raises `error` if it is too many.

    Redis may lose the counts, which are not worth a transaction: then the day begins anew.
    """
    if wait := count(scope, str(whose)):
        raise error(wait)


def _caller(request: HttpRequest | Request) -> str:
    """Whom the request counts for: the user, or the address of a visitor."""
    user = getattr(request, "user", None)
    if user is not None and user.is_authenticated:
        return f"user-{user.pk}"
    django_request = getattr(request, "_request", request)  # DRF's request wraps Django's
    # Of an IPv6 address its /64: whoever has one has all others of it too.
    return f"address-{key_of(address_of(django_request))}"


def count(scope: str, caller: str) -> float:
    """Count one request; the seconds to wait if it is one too many, otherwise 0."""
    setting, seconds = SCOPES[scope]
    key = _key(scope, caller)
    try:
        counted = cache.incr(key)
    except ValueError:  # the first of this window
        cache.add(key, 0, timeout=2 * seconds)
        counted = cache.incr(key)
    if counted <= getattr(settings, setting):
        return 0.0
    return seconds - time.time() % seconds


def give_back(scope: str, caller: str) -> None:
    """Count one request less: it turned out to be none of those that are limited."""
    with suppress(ValueError):  # its window has ended meanwhile
        cache.decr(_key(scope, caller))


def forget(scope: str, caller: str) -> None:
    """Count this caller from zero again."""
    cache.delete(_key(scope, caller))


def _key(scope: str, caller: str) -> str:
    window = time.time() // SCOPES[scope][1]
    return f"throttle-{scope}-{caller}-{int(window)}"


class ScopedThrottle(BaseThrottle):
    """Throttles the API's views. The scope "upload" counts only forms, which may hold a file."""

    seconds = 0.0

    def allow_request(self, request: Request, view: Any) -> bool:
        scopes: Sequence[str] | None = getattr(view, "throttles", {}).get(request.method)
        if scopes is None:
            scopes = WRITES if _writes(request) else ()
        self.seconds = 0.0
        for scope in scopes:
            if scope != "upload" or _is_form(request):
                self.seconds = max(self.seconds, count(scope, _caller(request)))
        return not self.seconds

    def wait(self) -> float:
        return self.seconds


def _writes(request: Request) -> bool:
    """Whether a user may change something with it. What is open to all has scopes of its own."""
    return request.method not in SAFE_METHODS and request.user.is_authenticated


def _is_form(request: Request) -> bool:
    return (request.content_type or "").startswith("multipart/")


async def count_connect(whose: str, amount: int = 1) -> int:
    """Count a connection of this worker token (its digest) or user; how many in this minute.

    With a large `amount` none is left until the minute is over.
    """
    return await count_in_window(f"fl:connects:{whose[:48]}", MINUTE * 1000, amount)
