"""How many subtasks are done a minute, in each group and in all.

For charts only: nothing breaks if these numbers are lost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from core import redis
from tasks.queue.keys import Id, done_key

MINUTES_A_KEY = 60
KEPT_SECONDS = 3 * 3600


async def add_done(counts: Mapping[tuple[str, int], int]) -> None:
    """Add the subtasks done in these (group, minute since the epoch)."""
    pipe = redis.connect_async().pipeline(transaction=False)
    for (group, minute), subtasks in counts.items():
        for name in (done_key(minute // MINUTES_A_KEY, group), done_key(minute // MINUTES_A_KEY)):
            pipe.hincrby(name, str(minute), subtasks)
            pipe.expire(name, KEPT_SECONDS)
    await pipe.execute()


def done_in(minutes: Sequence[int], group: Id | None = None) -> list[int]:
    """Subtasks done in each of these minutes since the epoch, in this group or in all."""
    pipe = redis.connect().pipeline(transaction=False)
    for minute in minutes:
        pipe.hget(done_key(minute // MINUTES_A_KEY, group), str(minute))
    return [int(found or 0) for found in pipe.execute()]
