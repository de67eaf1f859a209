"""One member whose three workers fail whatever they get."""

from __future__ import annotations

import contextlib
from itertools import cycle

import httpx

from firmlight_client import protocol
from tests.attackers.attacker import Attacker
from tests.attackers.target import Target, offered
from tests.system.peer import Peer

NAMES = ("one", "two", "three")
LOOK_SECONDS = 0.1


class Failer(Attacker):
    """A worker's name costs nothing, so sanctions that count by name stop nobody."""

    title = "failer"

    def __init__(self, target: Target) -> None:
        super().__init__(target)
        self.member = target.newcomer()

    def attack(self) -> None:
        with contextlib.ExitStack() as stack:
            peers = [stack.enter_context(contextlib.closing(self._connect(name))) for name in NAMES]
            for peer in peers:
                peer.ready()
            for peer in cycle(peers):
                if self.leaving.is_set():
                    return
                with contextlib.suppress(TimeoutError):
                    self._hear(peer, peer.receive(LOOK_SECONDS))
                peer.send(protocol.Heartbeat(leases=[]))

    def _connect(self, name: str) -> Peer:
        return Peer(self.target.url, self.member.token, name, offered=offered())

    def _hear(self, peer: Peer, frame: protocol.FromServer) -> None:
        match frame:
            case protocol.Lease():
                self._fail(peer, frame)
            case protocol.Error(code="suspended"):
                self.counts["suspensions"] += 1
                with contextlib.suppress(httpx.HTTPError):
                    self.member.let_workers_back()

    def _fail(self, peer: Peer, lease: protocol.Lease) -> None:
        for subtask in lease.subtasks:
            failure = protocol.Failure(
                lease=lease.lease, subtask=subtask, error="ValueError", message="I do not want to"
            )
            peer.send(failure)
        peer.ready()
        self.counts["failures"] += len(lease.subtasks)

    def clear_up(self) -> None:
        self.member.client.close()
