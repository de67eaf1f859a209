"""The door of a web process: what it cannot serve soon is told so at once, instead of waiting with all the rest.

Sockets that are open already are not touched, and their heartbeats need no thread: only those who come in wait.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
App = Callable[[Any, Any, Any], Awaitable[None]]  # ASGI

UNAVAILABLE = 503
TRY_AGAIN_LATER = 1013  # a close code of IANA's registry; workers and pages come back with growing pauses
ALWAYS = ("/healthz", "/readyz", "/metrics")  # who asks how it is gets an answer above all when it is busy


class Door:
    """At most `most` at a time go through to `app`; others hear "busy" and when to try again: 503, or the close code
    1013.
    """

    def __init__(self, app: App, most: int, retry_seconds: int) -> None:
        self.app, self.most, self.retry_seconds, self.inside = app, most, retry_seconds, 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.inside >= self.most and scope["path"] not in ALWAYS:
            await self._turn_away(scope, send)
            return
        with self._one_more():
            await self.app(scope, receive, send)

    @contextlib.contextmanager
    def _one_more(self) -> Iterator[None]:
        self.inside += 1
        try:
            yield
        finally:
            self.inside -= 1

    async def _turn_away(self, scope: Scope, send: Send) -> None:
        message = f"The server is busy: try again in {self.retry_seconds} s."
        if scope["type"] == "websocket":
            await send({"type": "websocket.accept"})  # the answer to a handshake has no room for a reason
            await send({"type": "websocket.close", "code": TRY_AGAIN_LATER, "reason": message})
            return
        headers = [(b"content-type", b"application/json"), (b"retry-after", b"%d" % self.retry_seconds)]
        await send({"type": "http.response.start", "status": UNAVAILABLE, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps({"code": "busy", "message": message}).encode()})
