"""Check a password: the one way in for the REST API, the pages and the admin."""

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
    """The active user with this name or e-mail and password.

    Raises BadCredentials or TooManyAttempts. After LOGIN_FAILURES_MAX failures for one account from
    one address, log-ins to it from there are refused for LOGIN_LOCK_MINUTES, also with the right
    password. The answer and its time are the same whether or not the account exists.
    """
    user = authenticate(request, username=login, password=password)
    if getattr(request, "axes_locked_out", False):
        # We answer here, so the middleware of axes must not answer a second time.
        request.axes_locked_out = False  # type: ignore[attr-defined]
        raise TooManyAttempts(retry_seconds(request, login))
    if user is None:
        raise BadCredentials
    assert isinstance(user, User)
    AxesProxyHandler.user_logged_in(User, request=request, user=user)  # resets the count
    return user


def retry_seconds(request: HttpRequest, login: str) -> float:
    """How much longer the lock lasts."""
    (key,) = get_client_cache_keys(request, {"username": login})
    seconds = settings.LOGIN_LOCK_MINUTES * 60
    # A cache does not tell when an entry expires, so the first caller stores when the lock ends.
    until = cache.get_or_set(f"{key}-until", time.time() + seconds, seconds)
    return float(until or 0) - time.time()
