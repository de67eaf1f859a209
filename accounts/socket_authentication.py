"""The user that opens a socket, by the bearer token of the handshake."""

from __future__ import annotations

from typing import Any

from channels.db import database_sync_to_async

from accounts import selectors
from accounts.selectors import Bearer


def token_of(scope: dict[str, Any]) -> str:
    """Return the bearer token of the handshake or request; "" without one."""
    for name, value in scope["headers"]:
        if name == b"authorization":
            scheme, _, token = value.decode("latin-1").partition(" ")
            return token.strip() if scheme.lower() == "bearer" else ""
    return ""


async def bearer_of(scope: dict[str, Any]) -> Bearer | None:
    """Return whose token it is; None without one, or if it is not valid."""
    token = token_of(scope)
    return await database_sync_to_async(selectors.bearer)(token) if token else None
