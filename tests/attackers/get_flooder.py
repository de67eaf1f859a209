"""Many connections of one address that ask for a page again and again, and are nobody's."""

from __future__ import annotations

import contextlib
import selectors
import socket
import time

from tests.attackers.attacker import Attacker
from tests.attackers.target import Target
from tests.support.bad_clients import address, connected

SOURCE = 201  # the number of its address, which no other attacker uses
CONNECTIONS = 90  # fewer than REQUESTS_PER_ADDRESS_MAX, so that none is one too many
ROUND_SECONDS = 2.0
REQUEST = b"GET /login/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
ENDS = (b"\r\n0\r\n\r\n", b"</html>\n", b"</html>", b"}")  # of a whole answer


class GetFlooder(Attacker):
    """It reads each answer to its end, as an honest client does."""

    title = "get flooder"
    pause_seconds = 0.05

    def __init__(self, target: Target) -> None:
        super().__init__(target)
        self.selector = selectors.DefaultSelector()
        self.open: set[socket.socket] = set()

    def attack(self) -> None:
        while len(self.open) < CONNECTIONS and not self.leaving.is_set():
            port = self.target.ports[len(self.open) % len(self.target.ports)]
            one = connected(port, address(SOURCE))
            self.open.add(one)
            self.selector.register(one, selectors.EVENT_READ)
            one.sendall(REQUEST)
        end = time.monotonic() + ROUND_SECONDS
        while time.monotonic() < end and len(self.open) == CONNECTIONS:
            for key, _ in self.selector.select(0.1):
                assert isinstance(key.fileobj, socket.socket)
                self._read(key.fileobj)

    def _read(self, one: socket.socket) -> None:
        """Ask again once an answer has ended; an ended connection is opened again later."""
        try:
            piece = one.recv(2**16)
        except OSError:
            piece = b""
        if not piece:
            self._close(one)
            return
        if piece.startswith(b"HTTP/1.1 "):
            self.counts[piece[9:12].decode()] += 1
        if piece.endswith(ENDS):
            with contextlib.suppress(OSError):
                one.sendall(REQUEST)

    def _close(self, one: socket.socket) -> None:
        self.selector.unregister(one)
        self.open.discard(one)
        one.close()

    def clear_up(self) -> None:
        for one in list(self.open):
            self._close(one)
        self.selector.close()
