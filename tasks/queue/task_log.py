"""What happened to a live task: its log, and the latest failures of its subtasks."""

from __future__ import annotations

from typing import Any

import msgspec

from core import redis
from tasks.event_log import Entry
from tasks.queue.keys import Id, task_key
from tasks.queue.progress import Blame


def failures(group: Id, task: Id) -> list[Blame]:
    """The latest failures of a task's subtasks, the oldest first."""
    rows: Any = redis.connect().lrange(task_key(group, task, "failures"), 0, -1)
    return [msgspec.msgpack.decode(row, type=Blame) for row in rows]


def log(group: Id, task: Id, *, after: int = 0) -> list[Entry]:
    """The log's entries after number `after`, the oldest first; of thousands only the latest."""
    newest = _latest(group, task, 1)
    count = newest[0].number - after if newest else 0
    while count > 0:
        rows = _latest(group, task, count)
        missed = rows[0].number - after - 1 if rows else 0  # written since the length was asked for
        if missed <= 0 or len(rows) < count:
            return [row for row in rows if row.number > after]
        count += missed
    return []


def _latest(group: Id, task: Id, count: int) -> list[Entry]:
    rows: Any = redis.connect().lrange(task_key(group, task, "log"), -count, -1)
    return [msgspec.msgpack.decode(row, type=Entry, strict=False) for row in rows]
