"""Whose connection it is, and whether it may be opened from this page."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from channels.db import database_sync_to_async
from django.conf import settings

from accounts.selectors import Bearer
from accounts.socket_authentication import bearer_of, token_of
from tasks.live_socket import views


@dataclass(frozen=True)
class Refusal:
    """Why a connection is closed: the close code, and the error that goes before it."""

    close: int
    code: str
    message: str


NOT_LOGGED_IN = Refusal(4401, "not_logged_in", "Log in again.")
FOREIGN_ORIGIN = Refusal(4403, "foreign_origin", "Open this page from its own address.")


async def authenticate(scope: dict[str, Any]) -> Bearer | Refusal:
    """Return the user of the access token or, from our own pages, of the cookie."""
    if token_of(scope):
        bearer = await bearer_of(scope)
        if bearer is None or bearer.kind != "access":
            return NOT_LOGGED_IN
        return bearer
    if not is_our_origin(scope["headers"], [settings.PUBLIC_URL, *settings.CSRF_TRUSTED_ORIGINS]):
        return FOREIGN_ORIGIN
    return await database_sync_to_async(views.browser_bearer)(scope) or NOT_LOGGED_IN


def is_our_origin(headers: Iterable[tuple[bytes, bytes]], trusted_urls: list[str]) -> bool:
    """Whether the page that opens the socket is one of this server or of these addresses.

    A cookie authenticates, and browsers send it along with the requests of any site: another site's
    page must not be able to open this socket.
    """
    found = dict(headers)
    host = found.get(b"host", b"").decode("latin-1")
    origin = found.get(b"origin", b"").decode("latin-1")
    page = urlsplit(origin).netloc
    trusted = {urlsplit(url).netloc for url in trusted_urls}
    return page != "" and page in {host, *trusted}
