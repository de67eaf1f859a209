"""The throughput of the last hour, noted where results are accepted."""

from __future__ import annotations

import asyncio

from tasks.queue import throughput
from tasks.selectors import statistics
from tasks.worker_socket import throughput_notes


def test_what_connections_note_is_written_together_and_shown_by_the_minute():
    async def work() -> int:
        for _ in range(3):
            throughput_notes.note_done("some", 2)
        throughput_notes.note_done("others", 4)
        await throughput_notes.write_noted()
        await throughput_notes.write_noted()  # the timer's own, later
        return statistics.this_minute()

    minute = asyncio.run(work())
    asyncio.run(_again(minute - 1))
    assert throughput.done_in([minute - 2, minute - 1, minute]) == [0, 7, 10]
    assert throughput.done_in([minute - 2, minute - 1, minute], "some") == [0, 3, 6]
    assert sum(statistics.pace(60)) == 17


async def _again(minute: int) -> None:
    await throughput.add_done({("some", minute): 3})
    await throughput.add_done({("others", minute): 4})
