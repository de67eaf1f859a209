"""Two in the fleet that mean harm: one sends poisoned partials, one sends half a body."""

from __future__ import annotations

import contextlib
import errno
import random
import socket
import threading
import time
from collections import Counter
from uuid import uuid4

import httpx
import msgspec
from websockets.exceptions import InvalidHandshake, WebSocketException

from firmlight_client import kinds, protocol
from tests.support.bad_clients import address, half_a_body
from tests.support.patient import PatientLab
from tests.system.peer import Peer

BREATH_SECONDS = 0.3  # between two poisoned results: honest workers must get something to do
HALF_BODIES, ADDRESSES = 24, 8  # connections at a time, and the addresses they come from
LOOK_SECONDS = 0.2

ALL_KINDS = {"POISON": "1", **{name: kind.version for name, kind in kinds.installed().items()}}

# Of no kind: broken MessagePack, nested 5,000 levels, 200,000 empty maps.
MALFORMED = [
    b"",
    b"\xc1",
    b"\xdc\xff\xff\x01",
    b"\x91" * 5000 + b"\xc0",
    b"\xdd" + (200_000).to_bytes(4, "big") + b"\x80" * 200_000,
]
# Well formed, and out of the bounds or of the shape that the kind has.
OUT_OF_BOUNDS = {
    "FACTORIZATION": [[["2", 10**12]], [["9" * 1000, 1]], [], {"2": 1}, [["2"]]],
    "MEAN": [
        [],
        [-1, b"", b"", 0.0, 0.0, [0, 0, []]],
        [1, b"\0" * 2**20, b"\0", 0.0, 0.0, [0, 0, [1]]],
        "7",
    ],
    "ECHO": ["all", {"count": {}}, [[[]]]],
    "POISON": [[-1], "all", [[0]]],
    "CRAWLER": [3, {"a": {"b": {"c": {}}}}, [[None]]],
}


class Poisoner(threading.Thread):
    """A member whose worker answers every lease with a partial that none of its kind can be, and
    says `decided`.

    When the server suspends the worker its owner lets it back.
    """

    def __init__(self, lab: PatientLab, seed: int) -> None:
        super().__init__(daemon=True, name="poisoner")
        self.lab, self.chance = lab, random.Random(seed)
        self.counts: Counter[str] = Counter()
        self.kinds: set[str] = set()  # that it poisoned
        self.complaints: list[str] = []
        self.leaving = threading.Event()
        self.client, self.token = _join(lab)

    def run(self) -> None:
        while not self.leaving.wait(BREATH_SECONDS):
            with contextlib.suppress(
                OSError,
                TimeoutError,
                WebSocketException,
                InvalidHandshake,
                protocol.MalformedFrame,
                AssertionError,
            ):
                self._poison_while_connected()

    def _poison_while_connected(self) -> None:
        with contextlib.closing(
            Peer(self.lab.url, self.token, "pedlar", offered=ALL_KINDS)
        ) as peer:
            sent: dict[str, str] = {}  # lease -> what was sent for it
            peer.ready()
            while not self.leaving.is_set():
                try:
                    frame = peer.receive(LOOK_SECONDS)
                except TimeoutError:
                    peer.send(protocol.Heartbeat(leases=[]))
                    continue
                self._hear(peer, frame, sent)

    def _hear(self, peer: Peer, frame: protocol.FromServer, sent: dict[str, str]) -> None:
        if isinstance(frame, protocol.Lease):
            poison = self._poison_for(frame.kind)
            sent[frame.lease] = f"{frame.kind} {poison[:40]!r}"
            self.kinds.add(frame.kind)
            result = protocol.Result(
                lease=frame.lease,
                subtasks=frame.subtasks,
                partial=poison,
                seconds=0.1,
                decided=True,
            )
            peer.send(result)
            self.counts["sent"] += 1
        elif isinstance(frame, protocol.Refused):
            self.counts[frame.reason] += 1
            time.sleep(BREATH_SECONDS)
            peer.ready()
        elif isinstance(frame, protocol.Accepted):
            self.counts["accepted"] += 1
            self.complaints.append(f"a poisoned partial was accepted: {sent.get(frame.lease)}")
        elif isinstance(frame, protocol.Error) and frame.code == "suspended":
            self.counts["suspensions"] += 1
            self._let_back()

    def _poison_for(self, kind: str) -> bytes:
        choices = [*MALFORMED, *map(msgspec.msgpack.encode, OUT_OF_BOUNDS.get(kind, []))]
        return self.chance.choice(choices)

    def _let_back(self) -> None:
        with contextlib.suppress(httpx.HTTPError, ValueError, KeyError):
            for row in self.client.get("workers/").json()["results"]:
                self.client.patch(f"workers/{row['id']}/", json={"suspended": False})

    def leave(self) -> None:
        self.leaving.set()
        self.join()
        self.client.close()


def _join(lab: PatientLab) -> tuple[httpx.Client, str]:
    """A fourth member of the group: offences of one member do not count against the others."""
    name = f"mallory-{uuid4().hex[:10]}"
    client = lab.register(name)
    lab.api[0].post(
        f"groups/{lab.group}/invitations/", json={"usernames": [name]}
    ).raise_for_status()
    (invitation,) = client.get("invitations/").json()["results"]
    client.post(f"invitations/{invitation['id']}/accept/").raise_for_status()
    answer = client.post("worker-tokens/", json={"name": "pedlar"})
    return client, answer.json()["token"]


class HalfBodies(threading.Thread):
    """Many connections from addresses of their own, of each half a log-in; what is ended is opened
    again.
    """

    def __init__(self, ports: tuple[int, ...]) -> None:
        super().__init__(daemon=True, name="half bodies")
        self.ports = ports
        self.counts: Counter[str] = Counter()
        self.sockets: list[socket.socket | None] = [None] * HALF_BODIES
        self.leaving = threading.Event()

    def run(self) -> None:
        while not self.leaving.wait(LOOK_SECONDS):
            for number, one in enumerate(self.sockets):
                if one is not None and _is_ended(one):
                    self.counts["ended"] += 1
                    one.close()
                    self.sockets[number] = None
                if self.sockets[number] is None:
                    self.sockets[number] = self._open(number)
        for one in filter(None, self.sockets):
            one.close()

    def _open(self, number: int) -> socket.socket | None:
        port = self.ports[number % len(self.ports)]
        try:
            made = half_a_body(port, address(number % ADDRESSES))
        except OSError as error:  # web is dead now; or this system has one loopback address only
            self.counts["no address"] += error.errno == errno.EADDRNOTAVAIL
            return None
        made.setblocking(False)
        self.counts["opened"] += 1
        return made

    def leave(self) -> None:
        self.leaving.set()
        self.join()


def _is_ended(one: socket.socket) -> bool:
    """Whether the server has closed it; an answer before that is read away."""
    try:
        return one.recv(4096) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True
