"""The pace of the last hour, counted where results are accepted."""

from __future__ import annotations

import asyncio

from tasks import statistics
from tasks.queue import throughput


def test_what_connections_note_is_written_together_and_shown_by_the_minute():
    async def work() -> int:
        for _ in range(3):
            statistics.note_done("some", 2)
        statistics.note_done("others", 4)
        await statistics.write_noted()
        await statistics.write_noted()  # the timer's own, later
        return statistics.this_minute()

    minute = asyncio.run(work())
    asyncio.run(_again(minute - 1))
    assert throughput.done_in([minute - 2, minute - 1, minute]) == [0, 7, 10]
    assert throughput.done_in([minute - 2, minute - 1, minute], "some") == [0, 3, 6]
    assert sum(statistics.pace(60)) == 17


async def _again(minute: int) -> None:
    await throughput.add_done({("some", minute): 3})
    await throughput.add_done({("others", minute): 4})


def test_an_hour_without_work_is_sixty_zeros():
    assert statistics.pace(60) == [0] * 60
