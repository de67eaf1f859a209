"""ASGI's types, and how an error is sent as an answer."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

from core.errors import Busy, FirmlightError, TooMany

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
App = Callable[[Any, Any, Any], Awaitable[None]]

# A close code of IANA's registry: workers and pages come back, with growing pauses.
TRY_AGAIN_LATER = 1013


def busy(retry_seconds: int, what: str = "The server is busy") -> Busy:
    """Return the error for more than the server does at a time; it says when to try again."""
    return Busy(retry_seconds, f"{what}: try again in {retry_seconds} s.")


def encoded(error: FirmlightError) -> bytes:
    """Return the error as the JSON of an answer's body."""
    return json.dumps(error.as_dict()).encode()


def headers_of(error: FirmlightError, body: bytes) -> list[tuple[bytes, bytes]]:
    """Return the headers of an answer that is this error, after which the connection is closed.

    What is still to come on it would never be read.
    """
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    if isinstance(error, Busy | TooMany):
        headers.append((b"retry-after", b"%d" % error.retry_seconds))
    return [*headers, (b"connection", b"close")]


async def refuse(scope: Scope, send: Send, error: FirmlightError, *, more: bool = False) -> None:
    """Answer a request or a handshake with an error; with `more` the caller ends the answer."""
    if scope["type"] == "websocket":
        # The answer to a handshake has no room for a reason: accept first, then close.
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.close", "code": TRY_AGAIN_LATER, "reason": error.message})
        return
    body = encoded(error)
    start = {
        "type": "http.response.start",
        "status": error.status,
        "headers": headers_of(error, body),
    }
    await send(start)
    await send({"type": "http.response.body", "body": body, "more_body": more})
