"""The user of a request, by its head, before a large body is read for it."""

from __future__ import annotations

from importlib import import_module
from typing import Any
from uuid import UUID

from channels.db import database_sync_to_async
from django.conf import settings
from django.http.cookie import parse_cookie

from accounts import selectors
from accounts.selectors import Bearer
from accounts.services.browser_sessions import SID
from accounts.socket_authentication import token_of
from core.asgi_types import Scope


async def owner_of(scope: Scope) -> str | None:
    """Return the id of the user whose token or cookie this request carries, None if it is nobody's.

    This decides how much is read. What the user may do Django checks once the body is there.
    """
    return await database_sync_to_async(find_owner)(scope)


def find_owner(scope: Scope) -> str | None:
    """The same from blocking code. One or two queries."""
    bearer = _bearer_of_token(scope) or _bearer_of_cookie(scope)
    return str(bearer.user.pk) if bearer else None


def _bearer_of_token(scope: Scope) -> Bearer | None:
    token = token_of(scope)
    return selectors.bearer(token) if token else None


def _bearer_of_cookie(scope: Scope) -> Bearer | None:
    session_id = _session_id(scope)
    return selectors.session_bearer(session_id) if session_id else None


def _session_id(scope: Scope) -> UUID | None:
    """Return the id that the session behind the cookie holds; a cookie may name none."""
    cookies = (value.decode("latin-1") for name, value in scope["headers"] if name == b"cookie")
    key = parse_cookie("; ".join(cookies)).get(settings.SESSION_COOKIE_NAME)
    session: Any = import_module(settings.SESSION_ENGINE).SessionStore(key)
    try:
        return UUID(session.get(SID))
    except (ValueError, TypeError, AttributeError):
        return None
