"""Probes wait for no other request.

`/healthz` is answered on the event loop; `/readyz` and `/metrics` have threads of their own.
"""

from __future__ import annotations

from core.asgi_types import App, Receive, Scope, Send

ALIVE = b'{"status": "alive"}'
HEADERS = [
    (b"content-type", b"application/json"),
    (b"content-length", b"%d" % len(ALIVE)),
    (b"cache-control", b"no-store"),
]


async def alive(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer `/healthz`."""
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": ALIVE})


class Probes:
    """`liveness` answers /healthz, `checks` /readyz and /metrics, `app` everything else.

    No probe has a body, so none is read.
    """

    def __init__(self, app: App, liveness: App, checks: App) -> None:
        self.app, self.liveness, self.checks = app, liveness, checks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/healthz" and scope["method"] in ("GET", "HEAD"):
            await self.liveness(scope, receive, send)
        elif scope["path"] in ("/readyz", "/metrics"):
            await self.checks(scope, receive, send)
        else:
            await self.app(scope, receive, send)
