"""Takes all the work there is, and does none of it."""

from __future__ import annotations

import contextlib

from firmlight_client import protocol
from tests.attackers.attacker import Attacker
from tests.attackers.target import Target, offered
from tests.system.peer import Peer

SLOTS = 16
BEAT_SECONDS = 0.25  # shorter than a lease of the fleet


class Hoarder(Attacker):
    """It keeps its leases alive by heartbeats for as long as the server lets it."""

    title = "hoarder"

    def __init__(self, target: Target) -> None:
        super().__init__(target)
        self.member = target.newcomer()

    def attack(self) -> None:
        peer = Peer(self.target.url, self.member.token, "hoard", slots=SLOTS, offered=offered())
        held: set[str] = set()
        with contextlib.closing(peer):
            peer.ready(SLOTS)
            while not self.leaving.is_set():
                try:
                    frame = peer.receive(BEAT_SECONDS)
                except TimeoutError:
                    peer.send(protocol.Heartbeat(leases=sorted(held)))
                    continue
                self._hear(peer, frame, held)

    def _hear(self, peer: Peer, frame: protocol.FromServer, held: set[str]) -> None:
        match frame:
            case protocol.Lease():
                held.add(frame.lease)
                self.counts["leases"] += 1
                self.counts["subtasks"] += len(frame.subtasks)
            case protocol.Cancel():
                gone = held & set(frame.leases)
                held -= gone
                peer.ready(len(gone))
                self.counts["taken back"] += len(gone)

    def clear_up(self) -> None:
        self.member.client.close()
