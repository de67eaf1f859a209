"""Connections of workers: heartbeats, reconnecting, leaving, being woken."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Any

from django.conf import settings

from core import redis
from tasks.queue.answers import Adopted, Heard, Leased, Woken
from tasks.queue.keys import Conns, Id, base_key, limits, ms, online_ms, texts
from tasks.queue.scripts import Call


def beat(
    group: Id,
    *,
    worker: Id,
    owner: Id = "",
    conn: str,
    kinds: Sequence[str],
    slots: int,
    leases: Sequence[str],
    resting: str = "",
) -> Call[list[str]]:
    """Note that a worker is online and renew the leases it names.

    `resting` is why it takes nothing of this group now, for people. Returns those of the leases of
    which nothing is wanted any more.
    """
    args = {
        "worker": str(worker),
        "owner": str(owner),
        "conn": conn,
        "kinds": list(kinds),
        "slots": slots,
        "resting": resting,
        "leases": list(leases),
        "lease_ms": ms(settings.LEASE_SECONDS),
        "online_ms": online_ms(),
    }
    return Call("beat", base_key(group), args, Heard, attrgetter("unwanted"))


def adopt(group: Id, *, worker: Id, conn: str, leases: Sequence[str]) -> Call[list[str]]:
    """Move leases to the connection their worker came back on; return those still of use."""
    args = {
        "worker": str(worker),
        "conn": conn,
        "leases": list(leases),
        "lease_ms": ms(settings.LEASE_SECONDS),
    }
    return Call("adopt", base_key(group), args, Adopted, attrgetter("kept"))


LOST, RELEASED, KEPT = "lost", "released", "kept"


def leave(
    group: Id, *, worker: Id, owner: Id = "", conn: str, kinds: Sequence[str], how: str
) -> Call[Leased]:
    """A connection is gone.

    LOST requeues its leases immediately, RELEASED gives them back, KEPT leaves them alone.
    """
    who = {"worker": str(worker), "owner": str(owner), "conn": conn}
    args = {**who, "kinds": list(kinds), "how": how, **limits()}
    return Call("leave", base_key(group), args, Leased)


def wake_another(group: Id, *, kinds: Sequence[str]) -> Call[Conns]:
    """Name at most one more idle connection to wake, if there is work of these kinds."""
    args = {"kinds": list(kinds), **limits()}
    return Call("wake", base_key(group), args, Woken, attrgetter("wake"))


async def leases_of(group: Id, conn: str) -> list[str]:
    """The active leases of one connection in a group."""
    held: Any = redis.connect_async().smembers(f"{base_key(group)}:c:{conn}")
    return texts(await held)
