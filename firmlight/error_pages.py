"""Errors as pages: what a service refuses, what is not there, and what does not answer.

Under `/api/` errors are JSON (core/errors.py); everywhere else they come through here.
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
from core.errors import FirmlightError, Forbidden, NotFound, Unauthenticated, Unavailable

log = structlog.get_logger(__name__)


class ProblemPages:
    """Middleware: an error that a view did not catch becomes a page, or a message on the page it
    came from.
    """

    def __init__(self, answer: Callable[[HttpRequest], HttpResponse]) -> None:
        self.answer = answer

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.answer(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """None, which is Django's 500, for what nobody foresaw."""
        if request.path.startswith("/api/"):
            return None
        if isinstance(error, databases.lost(RedisError)):
            log.error("unavailable", exc_info=error)
            return unavailable()
        return refusal(request, error) if isinstance(error, FirmlightError) else None


def refusal(request: HttpRequest, error: FirmlightError) -> HttpResponse:
    """A page for what cannot be seen; a sentence on the page before for what could not be done."""
    if isinstance(error, Unauthenticated):
        return views.login_first(request, error)
    if isinstance(error, NotFound):
        return render(request, "404.html", status=404)
    if request.method == "POST" and not isinstance(error, Forbidden):
        messages.error(request, error.message)
        return views.back(request)
    return render(request, "403.html", {"message": error.message}, status=error.status)


def unavailable() -> HttpResponse:
    """Asks neither the database nor Redis, since one of them does not answer."""
    text = render_to_string("503.html", {"message": Unavailable.message})
    return HttpResponse(text, status=Unavailable.status, headers={"Retry-After": "5"})


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Django's CSRF_FAILURE_VIEW: cookies are off, or the page was open while its owner logged in
    elsewhere.
    """
    return render(request, "403_csrf.html", status=403)
