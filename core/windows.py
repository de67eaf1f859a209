"""Counters in Redis that start again at 0 when their time is over."""

from __future__ import annotations

from core import redis


async def count_in_window(name: str, milliseconds: int, amount: int = 1) -> int:
    """Count so many more of what `name`, a key in Redis, stands for; returns the count by now.

    A window begins with the first one and lasts so many milliseconds.
    """
    pipe = redis.connect_async().pipeline(transaction=True)
    pipe.set(name, 0, nx=True, px=milliseconds)
    pipe.incrby(name, amount)
    return int((await pipe.execute())[1])
