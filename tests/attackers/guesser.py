"""A stranger who guesses passwords, registers accounts and asks for what needs a log-in."""

from __future__ import annotations

from uuid import uuid4

import httpx

from tests.attackers.attacker import Attacker
from tests.attackers.target import Target
from tests.support.bad_clients import address
from tests.system.lab import TLS

SOURCE = 200  # the number of its address, which no other attacker uses
ROUND = 5


class Guesser(Attacker):
    """All from one address (on Linux), each guess with another name."""

    title = "guesser"
    pause_seconds = 0.1

    def __init__(self, target: Target) -> None:
        super().__init__(target)
        transport = httpx.HTTPTransport(verify=TLS, local_address=address(SOURCE))
        port = target.ports[0]
        self.client = httpx.Client(
            base_url=f"http://127.0.0.1:{port}/api/", transport=transport, timeout=30
        )

    def attack(self) -> None:
        try:
            self._ask()
        except httpx.ConnectError:  # web is dead now; or this system has one loopback address only
            self.counts["no connection"] += 1

    def _ask(self) -> None:
        for _ in range(ROUND):
            name = f"nobody-{uuid4().hex[:10]}"
            self._post("auth/login/", {"login": name, "password": "a guess of many"})
            self._post("auth/register/", {"username": name, "email": "x", "password": "short"})
            self._count(self.client.get("tasks/"))

    def _post(self, path: str, body: dict[str, str]) -> None:
        self._count(self.client.post(path, json=body))

    def _count(self, answer: httpx.Response) -> None:
        self.counts[str(answer.status_code)] += 1

    def clear_up(self) -> None:
        self.client.close()
