"""Many connections of each half a request."""

from __future__ import annotations

import errno
import socket

from tests.attackers.attacker import Attacker
from tests.attackers.target import Target
from tests.support.bad_clients import address, half_a_body

CONNECTIONS, ADDRESSES = 24, 8


class HalfBodies(Attacker):
    """From addresses of their own, of each half a log-in; what is ended is opened again."""

    title = "half bodies"
    pause_seconds = 0.2

    def __init__(self, target: Target) -> None:
        super().__init__(target)
        self.sockets: list[socket.socket | None] = [None] * CONNECTIONS

    def attack(self) -> None:
        for number, one in enumerate(self.sockets):
            if one is not None and _is_ended(one):
                self.counts["ended"] += 1
                one.close()
                self.sockets[number] = None
            if self.sockets[number] is None:
                self.sockets[number] = self._open(number)

    def _open(self, number: int) -> socket.socket | None:
        port = self.target.ports[number % len(self.target.ports)]
        try:
            made = half_a_body(port, address(number % ADDRESSES))
        except OSError as error:  # web is dead now; or this system has one loopback address only
            self.counts["no address"] += error.errno == errno.EADDRNOTAVAIL
            return None
        made.setblocking(False)
        self.counts["opened"] += 1
        return made

    def clear_up(self) -> None:
        for one in filter(None, self.sockets):
            one.close()


def _is_ended(one: socket.socket) -> bool:
    """Whether the server has closed it; an answer before that is read away."""
    try:
        return one.recv(4096) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True
