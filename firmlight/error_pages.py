"""Error pages: for what a service refuses, what is not found, and what does not answer.

Under `/api/` errors are JSON (core/errors.py). This module handles all others.
"""

from __future__ import annotations

from collections.abc import Callable

import structlog
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from redis.exceptions import RedisError

from core import databases, views
from core.errors import (
    FirmlightError,
    Forbidden,
    NotFound,
    TooMany,
    Unauthenticated,
    Unavailable,
    headers_of,
)

log = structlog.get_logger(__name__)


class ErrorPages:
    """Middleware: shows an error that a view did not catch as a page, or on the page before."""

    def __init__(self, answer: Callable[[HttpRequest], HttpResponse]) -> None:
        self.answer = answer

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.answer(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """The answer to an error that we know; None, Django's 500, for all others."""
        if request.path.startswith("/api/"):
            return None
        if isinstance(error, databases.lost(RedisError)):
            log.error("unavailable", exc_info=error)
            return unavailable()
        if isinstance(error, FirmlightError):
            return refusal(request, error)
        return None


def refusal(request: HttpRequest, error: FirmlightError) -> HttpResponse:
    """A page if something cannot be shown; a message on the page before if an action failed."""
    if isinstance(error, Unauthenticated):
        return views.login_first(request, error)
    if isinstance(error, NotFound):
        return render(request, "404.html", status=404)
    if request.method == "POST" and not isinstance(error, Forbidden | TooMany):
        messages.error(request, error.message)
        return views.back(request)
    answer = render(request, "403.html", {"message": error.message}, status=error.status)
    for name, value in headers_of(error).items():
        answer[name] = value
    return answer


def unavailable() -> HttpResponse:
    """A page that needs neither the database nor Redis: one of them does not answer."""
    text = render_to_string("503.html", {"message": Unavailable.message})
    return HttpResponse(text, status=Unavailable.status, headers={"Retry-After": "5"})


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Django's CSRF_FAILURE_VIEW.

    The browser refuses cookies, or the user has logged in again since the page was opened.
    """
    return render(request, "403_csrf.html", status=403)
