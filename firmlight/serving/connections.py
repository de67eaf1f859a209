"""Every connection of a web process, and when one has been waited for long enough.

uvicorn waits for ever for the head of a request, and for a client that does not read. Here each
connection knows when its present head began and how many bytes its client has read. All of them are
looked at every second or two, and those that are too slow are ended. Connections count against
their address until their owner is known.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from core.address_limits import AddressCounts
from core.asgi_types import busy, encoded, headers_of
from core.client_address import key_of
from core.errors import FirmlightError
from firmlight.serving.bodies import TooSlow
from firmlight.serving.least_rate import LeastRate

LOOK_SECONDS_MAX = 2.0
UNSENT_BYTES = 128 * 1024  # in the kernel; with more of them one could not see if a client reads
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: on, for no time
NOT_SENT_LOWAT = getattr(socket, "TCP_NOTSENT_LOWAT", None)  # Linux, macOS
DESCRIPTORS_WANTED = 65_536
PHRASES = {
    408: b"Request Timeout",
    431: b"Request Header Fields Too Large",
    503: b"Service Unavailable",
}


class HeadTooLarge(FirmlightError):
    """A head of more than HEAD_BYTES_MAX."""

    code, status = "head_too_large", 431
    message = (
        "The head of this request is larger than the server takes: "
        "send fewer or shorter headers and cookies."
    )


@dataclass(frozen=True)
class Limits:
    """Seconds, bytes, and connections.

    A client must read `window_seconds * bytes_per_second` bytes in every `window_seconds`, or all
    there are. `pipelined` requests may wait for their turn on one connection. A socket may send
    `stranger_bytes` before its owner is known. The process has descriptors for `connections`, and
    one address may have `per_address` of them whose owners are not known. `counts_addresses` is off
    behind a proxy, whose address all connections have.
    """

    head_seconds: float
    head_bytes: int
    window_seconds: float
    bytes_per_second: float
    pipelined: int
    stranger_bytes: int
    per_address: int
    connections: int
    retry_seconds: int
    counts_addresses: bool = True


class Connection:
    """A transport that knows how much was written to it, and how long it has been waited for."""

    def __init__(self, transport: asyncio.Transport, connections: Connections) -> None:
        self.transport, self.connections = transport, connections
        self.written_bytes = 0
        self.read_bytes = 0  # by the client, when it was last looked at
        self.head_began: float | None = None
        self.rate: LeastRate | None = None  # while something waits to be read
        self.received_bytes = 0  # of the present head; of a socket since the handshake
        self.is_stranger = True
        self.give_back: Callable[[], None] | None = None  # its place among those of its address
        self.write_now, self.buffer_size = transport.write, transport.get_write_buffer_size
        self.is_closing = transport.is_closing

    def write(self, data: bytes) -> None:
        """Write, or do nothing on a closed connection: whatever still answers need not know."""
        if not self.is_closing():
            self.written_bytes += len(data)
            self.write_now(data)

    def abort(self) -> None:
        """End it with a reset, without waiting for the client; the kernel keeps nothing."""
        found = self.transport.get_extra_info("socket")
        if found is not None:
            with contextlib.suppress(OSError):
                found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self.transport.abort()

    def __getattr__(self, name: str) -> Any:
        """Whatever is not defined here is the transport's."""
        return getattr(self.transport, name)

    def mark_owner_known(self) -> None:
        """Its owner is known: it counts against its address no longer."""
        self.is_stranger = False
        if self.give_back:
            self.give_back()

    def begin_head(self) -> None:
        """A request begins, or may: from now on its head is waited for."""
        if self.head_began is None:
            self.head_began = self.connections.loop.time()
            self.received_bytes = 0
            self.connections.heads[self] = None

    def end_head(self) -> None:
        self.head_began = None
        self.connections.heads.pop(self, None)

    def refuse(self, error: FirmlightError) -> None:
        """Answer what is not yet a request, and close."""
        body = encoded(error)
        lines = [b"HTTP/1.1 %d %s" % (error.status, PHRASES[error.status])]
        lines += [b"%s: %s" % header for header in headers_of(error, body)]
        self.end_head()
        self.write(b"\r\n".join([*lines, b"", body]))
        self.transport.close()

    def look(self, now: float) -> None:
        """End it if its head comes too slowly, or if its client reads too slowly."""
        head_seconds_max = self.connections.limits.head_seconds
        if self.head_began is not None and now - self.head_began > head_seconds_max:
            self._end_late_head()
        self._check_reader(now)

    def _check_reader(self, now: float) -> None:
        waiting = self.buffer_size()
        if not waiting:
            self.rate = None
            return
        read_before, self.read_bytes = self.read_bytes, self.written_bytes - waiting
        if self.rate is None:
            self.rate = self.connections.new_rate(now)
        else:
            self.rate.note(self.read_bytes - read_before, now)
            if self.rate.is_broken(now):
                self.abort()

    def _end_late_head(self) -> None:
        if self.received_bytes:
            self.refuse(TooSlow("The head of this request did not arrive in time."))
        else:
            self.end_head()
            self.transport.close()


class Connections:
    """Those of one event loop.

    `heads` are the connections whose head is waited for, the longest first.
    """

    def __init__(self, limits: Limits, loop: asyncio.AbstractEventLoop) -> None:
        self.limits, self.loop = limits, loop
        self.all: set[Connection] = set()
        self.heads: dict[Connection, None] = {}  # an ordered set
        self.strangers = AddressCounts(limits.per_address)
        self.look_seconds = min(
            LOOK_SECONDS_MAX, limits.head_seconds / 4, limits.window_seconds / 4
        )
        self.clock: asyncio.TimerHandle | None = None

    def new_rate(self, now: float) -> LeastRate:
        return LeastRate(self.limits.window_seconds, self.limits.bytes_per_second, now)

    def open(self, transport: asyncio.Transport) -> tuple[Connection, FirmlightError | None]:
        """Return the new connection; if it cannot be served, with the error that says why."""
        _keep_unsent_small(transport)
        one = Connection(transport, self)
        error = None
        if not self._has_room():
            error = self._busy("The server has too many connections")
        elif self.limits.counts_addresses:
            one.give_back = self.strangers.claim(_address_key(transport))
            if one.give_back is None:
                error = self._busy("Your address has too many connections that are not logged in")
        self.all.add(one)
        self._look_later()
        return one, error

    def close(self, one: Connection) -> None:
        """This connection is closed."""
        one.end_head()
        self.all.discard(one)
        if one.give_back:
            one.give_back()

    def _busy(self, message: str) -> FirmlightError:
        return busy(self.limits.retry_seconds, message)

    def _has_room(self) -> bool:
        """Whether there is room for one more.

        Where descriptors run short, the connection that has taken longest over a head is ended.
        """
        if len(self.all) < self.limits.connections:
            return True
        oldest = next(iter(self.heads), None)
        if oldest is None:
            return False
        oldest.end_head()
        oldest.abort()
        return True

    def _look_later(self) -> None:
        if self.clock is None:
            self.clock = self.loop.call_later(self.look_seconds, self._look)

    def _look(self) -> None:
        self.clock = None
        now = self.loop.time()
        for one in list(self.all):
            one.look(now)
        if self.all:
            self._look_later()


def _address_key(transport: asyncio.Transport) -> str:
    """Return what connections of this client's address are counted by."""
    peer = transport.get_extra_info("peername")  # (address, port, …); "" or None of a UNIX socket
    address = str(peer[0]) if peer else ""
    return key_of(address)


def _keep_unsent_small(transport: asyncio.Transport) -> None:
    found = transport.get_extra_info("socket")
    if found is not None and NOT_SENT_LOWAT is not None and found.family != socket.AF_UNIX:
        with contextlib.suppress(OSError):
            found.setsockopt(socket.IPPROTO_TCP, NOT_SENT_LOWAT, UNSENT_BYTES)


def descriptors() -> int:
    """Raise the limit of open files as far as the system lets us; returns it."""
    if sys.platform == "win32":
        return 8192
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = DESCRIPTORS_WANTED
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft < wanted:
        with contextlib.suppress(ValueError, OSError):  # macOS has a smaller limit besides
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
