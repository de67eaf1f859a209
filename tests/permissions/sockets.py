"""Both sockets, in this process: the real consumers, channel layer, Redis and database, without a
network.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from functools import cache
from typing import Any

import msgspec
from asgiref.testing import ApplicationCommunicator
from channels.layers import get_channel_layer
from channels.routing import URLRouter
from django.conf import settings

from core import redis
from firmlight_client import protocol
from tasks.routing import websocket_urlpatterns
from tests.permissions.world import PEOPLE, World

WORKER, LIVE = "/ws/worker/", "/ws/live/"
SILENCE_SECONDS = 0.25
PATIENCE_SECONDS = 10.0
Heard = tuple[str, Any]  # ("frame", the message) or ("close", its code) or ("silence", None)


@cache
def _runner() -> asyncio.Runner:
    """One loop for all tests of a process: connections to Redis belong to it."""
    return asyncio.Runner()


def run(work: Coroutine[Any, Any, Any]) -> Any:
    return _runner().run(work)


def close() -> None:
    """At the end of all: close what the loop has opened."""
    if _runner.cache_info().currsize:
        run(_close_connections())
        _runner().close()
        _runner.cache_clear()


async def _close_connections() -> None:
    await redis.connect_async().aclose()
    await get_channel_layer().flush()


class Line:
    """One end of a socket. (That of channels.testing needs a server that we do not use.)"""

    def __init__(self, address: str, headers: list[tuple[bytes, bytes]]) -> None:
        protocols = [protocol.SUBPROTOCOL] if address == WORKER else []
        scope = {
            "type": "websocket",
            "path": address,
            "query_string": b"",
            "headers": headers,
            "subprotocols": protocols,
        }
        self.end = ApplicationCommunicator(URLRouter(websocket_urlpatterns), scope)

    async def open(self) -> None:
        await self.end.send_input({"type": "websocket.connect"})
        answer = await self.end.receive_output(PATIENCE_SECONDS)
        assert answer["type"] == "websocket.accept", (
            "a code can only be given once the handshake was accepted"
        )

    async def send(self, data: bytes | str) -> None:
        kind = "bytes" if isinstance(data, bytes) else "text"
        await self.end.send_input({"type": "websocket.receive", kind: data})

    async def hear(self, seconds: float = PATIENCE_SECONDS) -> Heard:
        """What comes next. Whatever the consumer raises is raised here."""
        if await self.end.receive_nothing(seconds):
            return "silence", None
        message = await self.end.receive_output()
        if message["type"] == "websocket.close":
            return "close", message.get("code")
        data = message.get("bytes") or message.get("text")
        return "frame", msgspec.msgpack.decode(data) if isinstance(
            data, bytes
        ) else msgspec.json.decode(data)

    async def hang_up(self) -> None:
        if not self.end.future.done():
            await self.end.send_input({"type": "websocket.disconnect", "code": 1001})
        await self.end.wait(timeout=PATIENCE_SECONDS)


@asynccontextmanager
async def line(address: str, *headers: tuple[bytes, bytes]) -> AsyncIterator[Line]:
    """A socket that is open: its handshake has been accepted."""
    opened = Line(address, list(headers))
    await opened.open()
    try:
        yield opened
    finally:
        await opened.hang_up()


def bearer(token: str) -> tuple[bytes, bytes]:
    return b"authorization", f"Bearer {token}".encode()


def worker_headers(world: World, who: str) -> list[tuple[bytes, bytes]]:
    return [bearer(world.worker_tokens[who])] if who in PEOPLE else []


def live_headers(world: World, who: str) -> list[tuple[bytes, bytes]]:
    """As a browser: a cookie, and the origin of our own pages."""
    origin = (b"origin", settings.PUBLIC_URL.encode())
    cookie = f"{settings.SESSION_COOKIE_NAME}={world.cookie(who)}" if who in PEOPLE else ""
    return [origin, (b"cookie", cookie.encode())]
