"""Which workers are online and what they hold, for people to look at. Nothing is decided by it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from core import redis
from tasks.queue.keys import Id, base_key, online_ms, texts

LEASES_READ_MAX = 2000  # of a group: enough to say which workers are at work


def present(groups: Sequence[Id], kinds: Sequence[str]) -> list[set[str]]:
    """For each of these groups the workers heard of lately that take any of these kinds.

    Two round trips for all of them.
    """
    oldest = redis.now_ms() - online_ms()
    keys = [f"{base_key(group)}:workers:{kind}" for group in groups for kind in kinds]
    answers = iter(_pipeline([("zrangebyscore", name, oldest, "+inf") for name in keys]))
    return [{_worker(member) for _ in kinds for member in texts(next(answers))} for _ in groups]


def at_work(group: Id) -> dict[str, list[str]]:
    """{worker: the task of each lease that it holds now} of this group."""
    found_leases: Any = redis.connect().zrange(f"{base_key(group)}:leases", 0, LEASES_READ_MAX - 1)
    held = _pipeline(
        [
            ("hmget", f"{base_key(group)}:l:{lease}", ["worker", "task"])
            for lease in texts(found_leases)
        ]
    )
    found: dict[str, list[str]] = {}
    for worker, task in held:
        if worker and task:
            found.setdefault(worker.decode(), []).append(task.decode())
    return found


def online_workers(group: Id, kind: str) -> list[str]:
    """Workers of the group that take this kind and were heard of lately, sorted."""
    oldest = redis.now_ms() - online_ms()
    members: Any = redis.connect().zrangebyscore(
        f"{base_key(group)}:workers:{kind}", oldest, "+inf"
    )
    return sorted({_worker(member) for member in texts(members)})


async def note_resting(group: Id, worker: Id, reason: str) -> None:
    """Note why a worker that is online takes nothing of this group now; "" if it does take work.

    The note lasts as long as a heartbeat does.
    """
    name, client = _resting_key(group), redis.connect_async()
    if reason:
        until = int(time.time() * 1000) + online_ms()
        pipe = client.pipeline(transaction=False)
        pipe.hset(name, str(worker), f"{until} {reason}")
        pipe.pexpire(name, online_ms())
        await pipe.execute()
    else:
        await client.hdel(name, str(worker))


def resting(groups: Sequence[Id]) -> list[dict[str, str]]:
    """For each of these groups {worker that is online and takes nothing now: why}."""
    now = int(time.time() * 1000)
    found = _pipeline([("hgetall", _resting_key(group)) for group in groups])
    return [
        {worker.decode(): why for worker, text in row.items() if (why := _still(text, now))}
        for row in found
    ]


def _resting_key(group: Id) -> str:
    return f"{base_key(group)}:resting"


def _still(text: bytes, now: int) -> str:
    until, _, reason = text.decode().partition(" ")
    return reason if int(until) > now else ""


def _worker(member: str) -> str:
    return member.partition(" ")[0]  # "<worker> <conn> <owner>"


def _pipeline(asks: Sequence[tuple[Any, ...]]) -> list[Any]:
    """The answers to these commands, in one round trip."""
    if not asks:
        return []
    pipe = redis.connect().pipeline(transaction=False)
    for name, *arguments in asks:
        getattr(pipe, name)(*arguments)
    return pipe.execute()
