"""Counters that start again when their time is over."""

from __future__ import annotations

import asyncio

from core import redis
from core.windows import count_in_window

MINUTE_MS = 60_000


def test_each_name_is_counted_by_itself() -> None:
    async def count() -> list[int]:
        names = ["fl:test:a", "fl:test:a", "fl:test:b", "fl:test:a"]
        return [await count_in_window(name, MINUTE_MS) for name in names]

    assert asyncio.run(count()) == [1, 2, 1, 3]


def test_a_window_ends_after_its_time_however_often_it_is_counted() -> None:
    async def count() -> int:
        return await count_in_window("fl:test:a", MINUTE_MS)

    asyncio.run(count())
    redis.connect().pexpire("fl:test:a", 5000)
    assert asyncio.run(count()) == 2
    assert 0 < redis.connect().pttl("fl:test:a") <= 5000, "counting does not prolong it"
    redis.connect().delete("fl:test:a")  # its time is over
    assert asyncio.run(count()) == 1
