"""Log-in sessions of browsers: Django's session cookie, and a Session row beside it.

The row's id lies in the cookie's session under "sid". So people see their browsers in the list of
their sessions and can end them there. The rows follow Django's own signals: every log-in makes one,
also that of the admin.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import auth
from django.http import HttpRequest
from django.utils import timezone

from accounts import known_devices
from accounts.models import Session, User
from accounts.services.sessions import (
    announce_access_ended,
    count_login,
    device_name,
    end_surplus_sessions,
    require_current,
)

SID = "sid"
BACKEND = "accounts.backends.LoginBackend"


def open_browser_session(request: HttpRequest, user: User) -> None:
    """Log this user in on the browser behind the request, for BROWSER_SESSION_DAYS.

    Another user who was logged in there is logged out. Raises TooManyLogins.
    """
    count_login(user)
    if request.user.is_authenticated and request.user != user:
        auth.logout(request)
    auth.login(request, user, backend=BACKEND)


def close_browser_session(request: HttpRequest) -> None:
    """Log the browser behind the request out; harmless if nobody is logged in."""
    auth.logout(request)


def browser_session(request: HttpRequest) -> UUID | None:
    """The id of the session of the browser behind the request; None if it has none."""
    session = getattr(request, "session", None)
    if session is None:
        return None
    try:
        return UUID(session.get(SID))
    except (ValueError, TypeError, AttributeError):  # missing, or not an id
        return None


def on_login(*, request: HttpRequest, user: User, **_: Any) -> None:
    """Receives Django's `user_logged_in`: keep a row for this browser. Raises BadToken."""
    _end_session_of(request)  # of the same user, who logs in once more
    expires = timezone.now() + timedelta(seconds=settings.SESSION_COOKIE_AGE)
    device = device_name(request.META.get("HTTP_USER_AGENT", ""))
    row = Session.objects.create(user=user, device=device, expires=expires)
    request.session[SID] = str(row.pk)
    require_current(user, row.pk)
    known_devices.note_login(request, user)
    end_surplus_sessions(user, keep=row.pk)


def on_logout(*, request: HttpRequest, **_: Any) -> None:
    """Receives Django's `user_logged_out`, before the cookie's session is emptied."""
    _end_session_of(request)


def _end_session_of(request: HttpRequest) -> None:
    session_id = browser_session(request)
    if session_id is None:
        return
    row = Session.objects.filter(pk=session_id).first()
    if row is not None:
        Session.objects.filter(pk=row.pk).revoke()
        announce_access_ended(row.user_id)
