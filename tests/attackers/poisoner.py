"""Answers every lease with a partial that none of its kind can be."""

from __future__ import annotations

import contextlib
import random
import time
from typing import Any

import httpx
import msgspec

from firmlight_client import protocol
from tests.attackers.attacker import Attacker
from tests.attackers.target import Target, offered
from tests.system.peer import Peer

BREATH_SECONDS = 0.3  # between two poisoned results: honest workers must get something to do
LOOK_SECONDS = 0.2

# Of no kind: broken MessagePack, nested 5,000 levels, 200,000 empty maps.
MALFORMED = [
    b"",
    b"\xc1",
    b"\xdc\xff\xff\x01",
    b"\x91" * 5000 + b"\xc0",
    b"\xdd" + (200_000).to_bytes(4, "big") + b"\x80" * 200_000,
]
# Well formed, and out of the bounds or of the shape that the kind has.
OUT_OF_BOUNDS: dict[str, list[Any]] = {
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


class Poisoner(Attacker):
    """It says `decided` with each. When the server suspends the worker its owner lets it back."""

    title = "poisoner"

    def __init__(self, target: Target) -> None:
        super().__init__(target)
        self.member = target.newcomer()
        self.chance = random.Random(target.seed)
        self.kinds: set[str] = set()  # that it poisoned

    def attack(self) -> None:
        peer = Peer(self.target.url, self.member.token, "pedlar", offered=offered())
        with contextlib.closing(peer):
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
        match frame:
            case protocol.Lease():
                self._poison(peer, frame, sent)
            case protocol.Refused():
                self.counts[frame.reason] += 1
                time.sleep(BREATH_SECONDS)
                peer.ready()
            case protocol.Accepted():
                self.counts["accepted"] += 1
                self.complaints.append(f"a poisoned partial was accepted: {sent.get(frame.lease)}")
            case protocol.Error(code="suspended"):
                self.counts["suspensions"] += 1
                with contextlib.suppress(httpx.HTTPError):
                    self.member.let_workers_back()

    def _poison(self, peer: Peer, lease: protocol.Lease, sent: dict[str, str]) -> None:
        poison = self._poison_for(lease.kind)
        sent[lease.lease] = f"{lease.kind} {poison[:40]!r}"
        self.kinds.add(lease.kind)
        result = protocol.Result(
            lease=lease.lease,
            subtasks=lease.subtasks,
            partial=poison,
            seconds=0.1,
            decided=True,
        )
        peer.send(result)
        self.counts["sent"] += 1

    def _poison_for(self, kind: str) -> bytes:
        out_of_bounds = [msgspec.msgpack.encode(each) for each in OUT_OF_BOUNDS.get(kind, [])]
        choices = [*MALFORMED, *out_of_bounds]
        return self.chance.choice(choices)

    @property
    def has_struck(self) -> bool:
        return self.counts["bad_partial"] > 0

    def clear_up(self) -> None:
        self.member.client.close()
