"""Counters in Redis that start again at 0 when their time is over."""

from __future__ import annotations

from core import redis


async def count_in_window(name: str, milliseconds: int) -> int:
    """Count one more of what `name`, a key in Redis, stands for; returns how many in this window.

    A window begins with the first one and lasts so many milliseconds.
    """
    pipe = redis.connect_async().pipeline(transaction=True)
    pipe.set(name, 0, nx=True, px=milliseconds)
    pipe.incr(name)
    return int((await pipe.execute())[1])
