"""Log-in sessions of browsers: Django's cookie, and a Session row beside it whose id lies in it
under "sid".

So people see their browsers in the list of their sessions, and end them there. The rows follow
Django's own signals: whoever logs in by whatever page, the admin's included, has one.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import auth
from django.http import HttpRequest
from django.utils import timezone

from accounts.models import Session, User
from accounts.services.sessions import device_name, end_access

SID = "sid"
BACKEND = "accounts.backends.LoginBackend"


def open_browser_session(request: HttpRequest, user: User) -> None:
    """Log this user in on the browser behind this request, for BROWSER_SESSION_DAYS; whoever was
    before is out.
    """
    if request.user.is_authenticated and request.user != user:
        auth.logout(request)
    auth.login(request, user, backend=BACKEND)


def close_browser_session(request: HttpRequest) -> None:
    """Log the browser behind this request out. Nobody logged in is no error."""
    auth.logout(request)


def browser_session(request: HttpRequest) -> UUID | None:
    """The id of the session of the browser behind this request; None if it has none."""
    session = getattr(request, "session", None)
    return _uuid(session.get(SID)) if session is not None else None


def _uuid(text: Any) -> UUID | None:
    try:
        return UUID(text)
    except (ValueError, TypeError, AttributeError):
        return None


def note_login(*, request: HttpRequest, user: User, **_: Any) -> None:
    """Receives Django's `user_logged_in`."""
    end_row(request)  # of the same user, who logs in once more
    expires = timezone.now() + timedelta(seconds=settings.SESSION_COOKIE_AGE)
    device = device_name(request.META.get("HTTP_USER_AGENT", ""))
    row = Session.objects.create(user=user, device=device, expires=expires)
    request.session[SID] = str(row.pk)


def note_logout(*, request: HttpRequest, **_: Any) -> None:
    """Receives Django's `user_logged_out`, before the cookie's session is emptied."""
    end_row(request)


def end_row(request: HttpRequest) -> None:
    session_id = browser_session(request)
    row = Session.objects.filter(pk=session_id).first() if session_id else None
    if row is not None:
        Session.objects.filter(pk=row.pk).revoke()
        end_access(row.user_id)
