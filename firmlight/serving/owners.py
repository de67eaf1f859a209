"""Whose a request is, as far as its head tells, before a large body is read for it."""

from __future__ import annotations

from importlib import import_module
from typing import Any
from uuid import UUID

from channels.db import database_sync_to_async
from django.conf import settings
from django.http.cookie import parse_cookie

from accounts import selectors
from accounts.services.browser_sessions import SID
from accounts.socket_authentication import token_of
from core.asgi_types import Scope


async def owner_of(scope: Scope) -> str | None:
    """The id of the user whose token or cookie this request carries; None if neither is good.

    This decides how much is read. What the user may do is for Django to judge, when the body is
    there.
    """
    return await database_sync_to_async(find_owner)(scope)


def find_owner(scope: Scope) -> str | None:
    """The same from blocking code. One or two queries."""
    token = token_of(scope)
    bearer = selectors.bearer(token) if token else None
    if bearer is None:
        session_id = _session_id(scope)
        bearer = selectors.session_bearer(session_id) if session_id else None
    return str(bearer.user.pk) if bearer else None


def _session_id(scope: Scope) -> UUID | None:
    """What the session behind the cookie says; a cookie can name any session, or none."""
    cookies = (value.decode("latin-1") for name, value in scope["headers"] if name == b"cookie")
    key = parse_cookie("; ".join(cookies)).get(settings.SESSION_COOKIE_NAME)
    session: Any = import_module(settings.SESSION_ENGINE).SessionStore(key)
    try:
        return UUID(session.get(SID))
    except (ValueError, TypeError, AttributeError):
        return None
