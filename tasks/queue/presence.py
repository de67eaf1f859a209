"""Who is here: workers heard of lately and the leases they hold, for people to look at. Nothing is decided by it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from firmlight import redis
from tasks.queue.keys import Id, base_key, online_ms, texts

LEASES_READ_MAX = 2000  # of a group: enough to say which workers are at work


def present(groups: Sequence[Id], kinds: Sequence[str]) -> list[set[str]]:
    """For each of these groups the workers heard of lately that take any of these kinds. Two round trips for all."""
    seconds, micros = redis.connect().time()
    oldest = seconds * 1000 + micros // 1000 - online_ms()
    keys = [f"{base_key(group)}:workers:{kind}" for group in groups for kind in kinds]
    answers = iter(_pipeline([("zrangebyscore", name, oldest, "+inf") for name in keys]))
    return [{_worker(member) for _ in kinds for member in texts(next(answers))} for _ in groups]


def at_work(group: Id) -> dict[str, list[str]]:
    """{worker: the task of each lease that it holds now} of this group."""
    leases = texts(redis.connect().zrange(f"{base_key(group)}:leases", 0, LEASES_READ_MAX - 1))  # type: ignore[arg-type]
    held = _pipeline([("hmget", f"{base_key(group)}:l:{lease}", ["worker", "task"]) for lease in leases])
    found: dict[str, list[str]] = {}
    for worker, task in held:
        if worker and task:
            found.setdefault(worker.decode(), []).append(task.decode())
    return found


def _worker(member: str) -> str:
    return member.partition(" ")[0]  # "<worker> <conn>"


def _pipeline(asks: Sequence[tuple[Any, ...]]) -> list[Any]:
    """The answers to these commands, in one round trip."""
    if not asks:
        return []
    pipe = redis.connect().pipeline(transaction=False)
    for name, *arguments in asks:
        getattr(pipe, name)(*arguments)
    return pipe.execute()
