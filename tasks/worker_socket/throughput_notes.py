"""Notes how many subtasks are done, for the charts of groups and of the whole system.

Connections of workers note here what was accepted. Every few seconds the notes go to Redis in one
write, because each result must not wait for a write of its own. A crash loses a few seconds of a
chart.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from weakref import WeakKeyDictionary

import structlog
from redis.exceptions import RedisError

from tasks.queue import throughput
from tasks.selectors.statistics import this_minute

WRITE_SECONDS = 5.0
log = structlog.get_logger(__name__)
_noted: WeakKeyDictionary[asyncio.AbstractEventLoop, Counter[tuple[str, int]]] = WeakKeyDictionary()
_writes: set[asyncio.Task[None]] = set()  # asyncio itself keeps no task alive


def note_done(group: str, subtasks: int) -> None:
    """Note that so many more subtasks of this group are done now. From the event loop."""
    loop = asyncio.get_running_loop()
    if loop not in _noted:
        _noted[loop] = Counter()
        loop.call_later(WRITE_SECONDS, _start_writing, loop)
    _noted[loop][group, this_minute()] += subtasks


def _start_writing(loop: asyncio.AbstractEventLoop) -> None:
    write = loop.create_task(write_noted())
    _writes.add(write)
    write.add_done_callback(_writes.discard)


async def write_noted() -> None:
    """Write what was noted on this event loop."""
    counts = _noted.pop(asyncio.get_running_loop(), None)
    if not counts:
        return
    try:
        await throughput.add_done(counts)
    except RedisError:
        log.warning("pace_not_written", subtasks=counts.total(), exc_info=True)
