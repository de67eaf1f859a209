"""What attackers know of the system that they attack."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import httpx

from firmlight_client import kinds


@dataclass(frozen=True)
class Member:
    """A member of the attacked group: their logged-in client (base URL `…/api/`) and worker token.

    Each attacker has an account of its own, so that what is held against one is not held against
    another.
    """

    client: httpx.Client
    token: str

    def let_workers_back(self) -> None:
        """Lift the suspension of all their workers, as their owner may. Raises httpx.HTTPError."""
        for row in self.client.get("workers/").raise_for_status().json()["results"]:
            if row["suspended"]:
                self.client.patch(f"workers/{row['id']}/", json={"suspended": False})


@dataclass(frozen=True)
class Target:
    """`ports` are those of all web servers of this system, behind `url`.

    `newcomer` registers somebody and has them join the attacked group `group`. `seed` is for what
    attackers leave to chance.
    """

    url: str
    ports: tuple[int, ...]
    group: str
    newcomer: Callable[[], Member]
    seed: int = 0


def offered() -> dict[str, str]:
    """{name: version} of all that this server computes, POISON of the chaos fleet included."""
    return {"POISON": "1", **{name: kind.version for name, kind in kinds.installed().items()}}


def enter(client: httpx.Client, leader: httpx.Client, group: str, username: str) -> Member:
    """Have `leader` invite this user, who accepts and makes a worker token.

    Raises httpx.HTTPError.
    """
    leader.post(f"groups/{group}/invitations/", json={"usernames": [username]}).raise_for_status()
    (invitation,) = client.get("invitations/").raise_for_status().json()["results"]
    client.post(f"invitations/{invitation['id']}/accept/").raise_for_status()
    answer = client.post("worker-tokens/", json={"name": "pedlar"}).raise_for_status()
    return Member(client, answer.json()["token"])
