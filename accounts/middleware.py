"""Middleware: where a request comes from, and whether its browser session is still valid."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from django.conf import settings
from django.contrib.auth import SESSION_KEY, logout
from django.http import HttpRequest, HttpResponse

from accounts import audit, known_devices, selectors, services
from accounts.services.browser_sessions import browser_session

Answer = Callable[[HttpRequest], HttpResponse]


class AddressMiddleware:
    """Keeps the address that a request comes from, for the audit log."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer

    def __call__(self, request: HttpRequest) -> HttpResponse:
        mark = audit.current_address.set(audit.address_of(request))
        try:
            return self.answer(request)
        finally:
            audit.current_address.reset(mark)


class BrowserSessionMiddleware:
    """Logs a browser out whose session has ended, and marks those in which somebody logs in.

    The user may have ended it elsewhere or changed the password, or a moderator has ended it.
    """

    def __init__(self, answer: Answer) -> None:
        self.answer = answer

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if settings.SESSION_COOKIE_NAME in request.COOKIES and request.session.get(SESSION_KEY):
            self.check(request, browser_session(request))
        answer = self.answer(request)
        known_devices.remember(request, answer)
        return answer

    def check(self, request: HttpRequest, session_id: UUID | None) -> None:
        bearer = selectors.session_bearer(session_id) if session_id else None
        if bearer is None or str(bearer.user.pk) != request.session[SESSION_KEY]:
            logout(request)
        else:
            services.note_use(bearer)
