"""What a web process cannot serve soon is told so immediately, instead of waiting with all the
rest.

Sockets that are open already are not touched, and their heartbeats need no thread.
"""

from __future__ import annotations

from typing import Any

from core.asgi_types import App, Receive, Scope, Send, busy, refuse


class ConcurrencyLimit:
    """At most `most` at a time go through to `app`; others hear `busy` (503, or the close code
    1013).

    A request counts until its answer begins: a client that reads slowly takes nobody's place. A
    socket counts until it ends.
    """

    def __init__(self, app: App, most: int, retry_seconds: int) -> None:
        self.app, self.most, self.retry_seconds, self.inside = app, most, retry_seconds, 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.inside >= self.most:
            await refuse(scope, send, busy(self.retry_seconds))
            return
        self.inside += 1
        left = False

        def leave() -> None:
            nonlocal left
            self.inside -= not left
            left = True

        async def send_outside(message: Any) -> None:
            leave()
            await send(message)

        try:
            await self.app(scope, receive, send_outside if scope["type"] == "http" else send)
        finally:
            leave()
