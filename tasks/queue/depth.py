"""How many subtasks wait and how many leases are open, over all groups, for monitoring.

Each function takes two round trips at most.
"""

from __future__ import annotations

from collections.abc import Sequence

from core import redis
from tasks.queue.keys import GROUPS, Id, base_key, task_key, texts

_OF_A_TASK = ("split", "leased", "done", "failed")


def waiting_and_leased(tasks: Sequence[tuple[Id, Id]]) -> tuple[int, int]:
    """(waiting, leased) subtasks of these (group, task)."""
    pipe = redis.connect().pipeline(transaction=False)
    for group, task in tasks:
        pipe.hmget(task_key(group, task, "").rstrip(":"), _OF_A_TASK)
    waiting = leased = 0
    for row in pipe.execute() if tasks else []:
        split, held, done, failed = (int(number or 0) for number in row)
        waiting, leased = waiting + max(split - held - done - failed, 0), leased + held
    return waiting, leased


def leases_open() -> int:
    """The active leases of all groups."""
    groups = texts(redis.connect().smembers(GROUPS))  # type: ignore[arg-type]
    pipe = redis.connect().pipeline(transaction=False)
    for group in groups:
        pipe.zcard(f"{base_key(group)}:leases")
    return sum(pipe.execute()) if groups else 0
