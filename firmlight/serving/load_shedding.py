"""What a web process cannot serve soon is refused now, instead of waiting with all the rest.

Sockets that are open already are not touched, and their heartbeats need no thread.
"""

from __future__ import annotations

from typing import Any

from core.asgi_types import App, Receive, Scope, Send, busy, refuse


class ConcurrencyLimit:
    """Lets at most `most` requests or sockets through to `app` at a time.

    Others are refused with `busy` (503, or the close code 1013). A request counts until its answer
    begins: a client that reads slowly takes nobody's place. A socket counts until it ends.
    """

    def __init__(self, app: App, most: int, retry_seconds: int) -> None:
        self.app, self.most, self.retry_seconds, self.inside = app, most, retry_seconds, 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.inside >= self.most:
            await refuse(scope, send, busy(self.retry_seconds))
            return
        self.inside += 1
        has_left = False

        def leave() -> None:
            nonlocal has_left
            if not has_left:
                has_left = True
                self.inside -= 1

        async def leave_and_send(message: Any) -> None:
            leave()
            await send(message)

        try:
            if scope["type"] == "http":
                await self.app(scope, receive, leave_and_send)
            else:
                await self.app(scope, receive, send)
        finally:
            leave()
