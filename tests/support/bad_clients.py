"""Clients that hold up a server: each sends less than it promises, or does not read.

One is a socket and no thread, so that a test has a thousand of them. They come from any address of
127.0.0.0/8 (Linux has all of them), so that limits for each address count as they would for people:

    with bad_clients.crowd(port) as attack:
        attack.open(bad_clients.half_a_body, 300, addresses=30)
        …
        assert attack.still_open() == 0

`half_a_body(port)` alone is for a fleet of clients: it returns the socket, which its owner closes.
"""

from __future__ import annotations

import contextlib
import select
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

FIRST_ADDRESS = 2  # 127.0.0.2: not the one that the tests themselves come from
CONNECT_SECONDS = 5.0
READ_BYTES_MAX = 1024
PIPELINED = (
    9  # requests sent at once: one is answered, as many wait as may (PIPELINED_REQUESTS_MAX)
)

BadClient = Callable[..., socket.socket]


def address(number: int) -> str:
    """127.0.0.2 and upwards."""
    number += FIRST_ADDRESS
    return f"127.0.{number // 256}.{number % 256}"


def connected(port: int, source: str = "127.0.0.1", receive_bytes: int = 0) -> socket.socket:
    """`receive_bytes`: the size of its receive buffer; 0: the system's. Raises OSError."""
    made = socket.socket()
    made.settimeout(CONNECT_SECONDS)
    if receive_bytes:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    try:
        made.bind((source, 0))
        made.connect(("127.0.0.1", port))
    except OSError:
        made.close()
        raise
    return made


def silent(port: int, source: str = "127.0.0.1") -> socket.socket:
    """It says nothing."""
    return connected(port, source)


def half_a_head(port: int, source: str = "127.0.0.1") -> socket.socket:
    made = connected(port, source)
    made.sendall(b"GET /login/ HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ")
    return made


def half_a_body(
    port: int,
    source: str = "127.0.0.1",
    *,
    path: str = "/api/auth/login/",
    token: str = "",
    size: int = 1000,
) -> socket.socket:
    """A log-in, or what `path` says, of which half comes; with a token also what only members may
    send.
    """
    made = connected(port, source)
    with_token = f"Authorization: Bearer {token}\r\n" if token else ""
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    head += f"{with_token}Content-Length: {size}\r\n\r\n"
    made.sendall(head.encode() + b'{"login": "' + b"a" * (size // 2 - 11))
    return made


def asks_and_does_not_read(
    port: int, source: str = "127.0.0.1", *, path: str = "/api/schema/?format=json"
) -> socket.socket:
    """Again and again on one connection, so that no buffer on the way holds all the answers."""
    made = connected(port, source, READ_BYTES_MAX)
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    made.sendall(request.encode() * PIPELINED)
    return made


def handshake_and_silence(port: int, source: str = "127.0.0.1") -> socket.socket:
    """A worker's socket that never says hello."""
    made = connected(port, source)
    made.sendall(
        b"GET /ws/worker/ HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
        b"Sec-WebSocket-Protocol: firmlight.worker.v1\r\n\r\n"
    )
    return made


ALL: tuple[BadClient, ...] = (
    silent,
    half_a_head,
    half_a_body,
    asks_and_does_not_read,
    handshake_and_silence,
)


class Crowd:
    """Many of them, on one port of this machine."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.sockets: list[socket.socket] = []
        self.turned_away = 0

    def open(self, client: BadClient, count: int, *, addresses: int = 1, first: int = 0) -> None:
        """`count` more, from so many addresses in turn, the first of which has this number."""
        for number in range(count):
            try:
                self.sockets.append(client(self.port, address(first + number % addresses)))
            except OSError:
                self.turned_away += 1

    def still_open(self) -> int:
        """How many the server has not ended. What it said before stays unread."""
        return sum(not _is_ended(one) for one in self.sockets)

    def close(self) -> None:
        for one in self.sockets:
            one.close()
        self.sockets.clear()


def _is_ended(one: socket.socket) -> bool:
    """A hang-up lies behind what has not been read, and only poll tells of it."""
    look = select.poll()
    look.register(one, select.POLLIN | getattr(select, "POLLRDHUP", 0))
    events = sum(event for _, event in look.poll(0))
    if events & (select.POLLHUP | select.POLLERR | getattr(select, "POLLRDHUP", 0)):
        return True
    if events & select.POLLIN:
        with suppress(OSError):
            return one.recv(1, socket.MSG_PEEK) == b""
        return True
    return False


@contextmanager
def crowd(port: int) -> Iterator[Crowd]:
    with contextlib.closing(Crowd(port)) as made:
        yield made
