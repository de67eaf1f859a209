"""The one door for passwords: REST, pages and admin."""

from __future__ import annotations

import time

from axes.handlers.proxy import AxesProxyHandler
from axes.helpers import get_client_cache_keys
from django.conf import settings
from django.contrib.auth import authenticate
from django.core.cache import cache
from django.http import HttpRequest

from accounts.errors import BadCredentials, TooManyAttempts
from accounts.models import User


def check_credentials(*, request: HttpRequest, login: str, password: str) -> User:
    """The active user of this name or e-mail and password. Raises BadCredentials or
    TooManyAttempts.

    After LOGIN_FAILURES_MAX failures for one account from one address nobody gets in there for
    LOGIN_LOCK_MINUTES, not even with the password. It looks and takes the same whether or not the
    account exists.
    """
    user = authenticate(request, username=login, password=password)
    if getattr(request, "axes_locked_out", False):
        request.axes_locked_out = False  # type: ignore[attr-defined]  # said here, so its middleware need not say it
        raise TooManyAttempts(retry_seconds(request, login))
    if user is None:
        raise BadCredentials
    assert isinstance(user, User)
    AxesProxyHandler.user_logged_in(User, request=request, user=user)  # it counts from nought again
    return user


def retry_seconds(request: HttpRequest, login: str) -> float:
    """How long the lock lasts; the first who asks notes when it began, since a cache does not tell."""
    (key,) = get_client_cache_keys(request, {"username": login})
    seconds = settings.LOGIN_LOCK_MINUTES * 60
    until = cache.get_or_set(f"{key}-until", time.time() + seconds, seconds)
    return float(until or 0) - time.time()
