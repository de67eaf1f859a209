"""How many subtasks are done a minute, all groups together: for people to look at, and lost without harm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from firmlight import redis
from tasks.queue.keys import done_key

MINUTES_A_KEY = 60
KEPT_SECONDS = 3 * 3600


async def add_done(counts: Mapping[int, int]) -> None:
    """Add subtasks done to these minutes since the epoch."""
    pipe = redis.connect_async().pipeline(transaction=False)
    for minute, subtasks in counts.items():
        name = done_key(minute // MINUTES_A_KEY)
        pipe.hincrby(name, str(minute), subtasks)
        pipe.expire(name, KEPT_SECONDS)
    await pipe.execute()


def done_in(minutes: Sequence[int]) -> list[int]:
    """Subtasks done in each of these minutes since the epoch."""
    pipe = redis.connect().pipeline(transaction=False)
    for minute in minutes:
        pipe.hget(done_key(minute // MINUTES_A_KEY), str(minute))
    return [int(found or 0) for found in pipe.execute()]
