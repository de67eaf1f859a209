"""Floods a web process with heartbeats of a worker that claims all slots there are."""

from __future__ import annotations

import contextlib
import time
from uuid import uuid4

import httpx
from websockets.exceptions import ConnectionClosed

from firmlight_client import protocol
from tests.attackers.attacker import Attacker
from tests.attackers.target import Target
from tests.system.peer import ABNORMAL_CLOSE, Peer

BURST_FRAMES = 400
OWN_GROUPS = 10
SLOTS = 1024
BURST_SECONDS = 1.0


class Flooder(Attacker):
    """Its owner has ten groups of their own, since each heartbeat concerns every group."""

    title = "flooder"

    def __init__(self, target: Target) -> None:
        super().__init__(target)
        self.member = target.newcomer()
        for _ in range(OWN_GROUPS):
            with contextlib.suppress(httpx.HTTPError):
                self.member.client.post("groups/", json={"name": f"flood {uuid4().hex[:12]}"})

    def attack(self) -> None:
        peer = Peer(self.target.url, self.member.token, "flood", slots=SLOTS)
        with contextlib.closing(peer):
            try:
                while not self.leaving.is_set():
                    self._burst(peer)
            except ConnectionClosed as closed:
                code = closed.rcvd.code if closed.rcvd else ABNORMAL_CLOSE
                self.counts[f"closed with {code}"] += 1

    def _burst(self, peer: Peer) -> None:
        end = time.monotonic() + BURST_SECONDS
        for _ in range(BURST_FRAMES):
            peer.send(protocol.Heartbeat(leases=[]))
        self.counts["heartbeats"] += BURST_FRAMES
        while (left := end - time.monotonic()) > 0:
            with contextlib.suppress(TimeoutError):
                frame = peer.receive(left)
                if isinstance(frame, protocol.Error):
                    self.counts[frame.code] += 1

    def clear_up(self) -> None:
        self.member.client.close()
