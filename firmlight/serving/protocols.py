"""uvicorn's protocols for HTTP and WebSockets, whose connections `connections` watches.

`python -m uvicorn --http firmlight.serving.protocols:Http --ws
firmlight.serving.protocols:WebSocket` uses them. Both inherit from uvicorn's own (0.35 and later),
whose methods they extend and never replace.
"""

from __future__ import annotations

import asyncio
from functools import cache
from typing import Any, cast
from weakref import WeakKeyDictionary

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from core.address_limits import OWNER_KNOWN
from firmlight.serving.connections import Connection, Connections, HeadTooLarge, Limits, descriptors
from firmlight.serving.outgoing import ABORT

DESCRIPTORS_KEPT = 300  # for files, and for connections to Redis and to the database

_of_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, Connections] = WeakKeyDictionary()


@cache
def limits() -> Limits:
    """Return those of the settings, which are not read yet when uvicorn loads this module."""
    from django.conf import settings

    return Limits(
        head_seconds=settings.HEAD_SECONDS_MAX,
        head_bytes=settings.HEAD_BYTES_MAX,
        window_seconds=settings.TRANSFER_WINDOW_SECONDS,
        bytes_per_second=settings.TRANSFER_BYTES_PER_SECOND_MIN,
        pipelined=settings.PIPELINED_REQUESTS_MAX,
        stranger_bytes=settings.HELLO_BYTES_MAX,
        per_address=settings.CONNECTIONS_PER_ADDRESS_MAX,
        connections=max(100, descriptors() - DESCRIPTORS_KEPT),
        retry_seconds=settings.BUSY_RETRY_SECONDS,
        counts_addresses=not settings.BEHIND_PROXY,
    )


class Http(HttpToolsProtocol):
    """A connection until it is closed or becomes a socket."""

    transport: Any  # a Connection
    # Of several requests that were sent together, the one that is answered now.
    running: RequestResponseCycle | None = None
    head_bytes = 0

    def watch(self) -> Connections:
        """Return the connections of this event loop."""
        found = _of_loop.get(self.loop)
        if found is None:
            found = _of_loop[self.loop] = Connections(limits(), self.loop)
        return found

    def connection_made(self, transport: Any) -> None:
        connection, error = self.watch().open(transport)
        super().connection_made(cast(Any, connection))  # it has all that a transport has
        if error:
            connection.refuse(error)
        else:
            connection.begin_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """End the request that is answered now, too.

        Of several requests that were sent together uvicorn ends only the last one.
        """
        self.transport.connections.close(self.transport)
        super().connection_lost(exc)
        if self.running and not self.running.response_complete:
            self.running.disconnected = True
            self.running.message_event.set()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self.running = cycle
        super()._start_asgi_task(cycle, app)

    def data_received(self, data: bytes) -> None:
        """Take data; between two requests they begin a head.

        They may be only the rest of a body that nobody waits for: that keeps the connection open,
        but not for ever.
        """
        connection: Connection = self.transport
        if connection.is_closing():
            return
        if self.cycle is None or self.cycle.response_complete:
            connection.begin_head()
        connection.received_bytes += len(data)
        super().data_received(data)
        if connection.head_began is not None and connection.received_bytes > self.head_bytes_max:
            self.refuse_head()

    @property
    def head_bytes_max(self) -> int:
        return self.transport.connections.limits.head_bytes

    def on_message_begin(self) -> None:
        super().on_message_begin()
        scope = cast(dict[str, Any], self.scope)
        scope[OWNER_KNOWN], scope[ABORT] = self.transport.mark_owner_known, self.transport.abort
        self.head_bytes = 0

    def on_url(self, url: bytes) -> None:
        self.head_bytes += len(url)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self.head_bytes += len(name) + len(value)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if self.head_bytes > self.head_bytes_max:
            self.refuse_head()
        if not self.transport.is_closing():
            super().on_headers_complete()
            self.transport.end_head()
            if len(self.pipeline) > self.transport.connections.limits.pipelined:
                self.transport.abort()  # a refusal out of turn would be read as another answer

    def on_body(self, body: bytes) -> None:
        if not self.transport.is_closing():
            super().on_body(body)

    def on_message_complete(self) -> None:
        if not self.transport.is_closing():
            super().on_message_complete()

    def refuse_head(self) -> None:
        if not self.transport.is_closing():
            self.transport.refuse(HeadTooLarge())


class WebSocket(WebSocketsSansIOProtocol):
    """A connection that has become a socket."""

    transport: Any  # a Connection, from Http

    def data_received(self, data: bytes) -> None:
        """Take data; before its owner is known a socket may send a hello, and not much more."""
        connection: Connection = self.transport
        if connection.is_stranger:
            connection.received_bytes += len(data)
            if connection.received_bytes > connection.connections.limits.stranger_bytes:
                connection.abort()
                return
        super().data_received(data)

    async def run_asgi(self) -> None:
        cast(dict[str, Any], self.scope)[OWNER_KNOWN] = self.transport.mark_owner_known
        await super().run_asgi()

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport.connections.close(self.transport)
        super().connection_lost(exc)
