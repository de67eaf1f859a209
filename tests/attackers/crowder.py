"""One member with many workers, each of which sends less than one connection may."""

from __future__ import annotations

import contextlib
import time

from websockets.exceptions import ConnectionClosed

from firmlight_client import protocol
from tests.attackers.attacker import DEFENCES, Attacker
from tests.attackers.target import Target
from tests.system.peer import ABNORMAL_CLOSE, Peer

SOCKETS = 20
FRAMES_PER_SECOND = 90  # of each
ROUND_SECONDS = 1.0
NO_LEASE = "0" * 32


class Crowder(Attacker):
    """It gives back leases that it never had: each is a question to Redis."""

    title = "crowder"

    def __init__(self, target: Target) -> None:
        super().__init__(target)
        self.member = target.newcomer()
        self.peers: dict[str, Peer] = {}
        self.release = protocol.Release(lease=f"{target.group}:{NO_LEASE}", subtasks=[0])

    def attack(self) -> None:
        """Connect all that are not, and send for a while at the pace that one may have."""
        for number in range(SOCKETS):
            name = f"crowd {number}"
            if name not in self.peers:
                with contextlib.suppress(*DEFENCES):
                    self.peers[name] = Peer(self.target.url, self.member.token, name)
        began = time.monotonic()
        for turn in range(int(ROUND_SECONDS * FRAMES_PER_SECOND)):
            if self.leaving.wait(max(0.0, began + turn / FRAMES_PER_SECOND - time.monotonic())):
                return
            for name, peer in list(self.peers.items()):
                self._send(name, peer)

    def _send(self, name: str, peer: Peer) -> None:
        try:
            peer.send(self.release)
            self.counts["frames"] += 1
            with contextlib.suppress(TimeoutError):
                peer.receive(0)
        except ConnectionClosed as closed:
            code = closed.rcvd.code if closed.rcvd else ABNORMAL_CLOSE
            self.counts[f"closed with {code}"] += 1
            del self.peers[name]
            with contextlib.suppress(*DEFENCES):
                peer.close()

    def clear_up(self) -> None:
        for peer in self.peers.values():
            with contextlib.suppress(*DEFENCES):
                peer.close()
        self.member.client.close()
