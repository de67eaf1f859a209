"""Inputs, results, and the lists by which the sweep finds its way."""

from __future__ import annotations

from typing import Any

import msgspec
from django.conf import settings
from redis.exceptions import ResponseError

from core import redis
from tasks.event_log import Entry
from tasks.queue.keys import GROUPS, Id, base_key, ms, online_ms, task_key, texts
from tasks.queue.progress import Blame


def put_input(group: Id, task: Id, data: bytes) -> None:
    """Once: who submits the same task again must not change what the first one may be split from
    already.
    """
    redis.connect().set(
        task_key(group, task, "input"), data, px=ms(settings.INPUT_TTL_HOURS * 3600), nx=True
    )
    redis.connect().sadd(GROUPS, str(group))


def get_input(group: Id, task: Id) -> bytes | None:
    return redis.connect().get(task_key(group, task, "input"))  # type: ignore[return-value]


def drop_input(group: Id, task: Id) -> None:
    redis.connect().unlink(task_key(group, task, "input"))


def keep_input(group: Id, task: Id) -> bool:
    """A task that still waits must not lose its input to the clock; False if it is lost."""
    name, whole = task_key(group, task, "input"), ms(settings.INPUT_TTL_HOURS * 3600)
    left = int(redis.connect().pttl(name))
    if 0 < left < whole / 2:  # a write costs a look at the disk: not at each sweep
        redis.connect().pexpire(name, whole)
    return left != -2  # no such key


def keep_failed_input(group: Id, task: Id) -> None:
    """Set the input of a task that has failed aside for FAILED_INPUT_HOURS, so that it can be
    submitted again.
    """
    aside = task_key(group, task, "failed-input")
    _rename(task_key(group, task, "input"), aside)
    redis.connect().pexpire(aside, ms(settings.FAILED_INPUT_HOURS * 3600))


def get_failed_input(group: Id, task: Id) -> bytes | None:
    return redis.connect().get(task_key(group, task, "failed-input"))  # type: ignore[return-value]


def take_failed_input(group: Id, failed: Id, task: Id) -> bool:
    """Make the input of a failed task that of a new one; False if it is not held. Of two callers
    one gets it.
    """
    mine = task_key(group, task, "input")
    _rename(task_key(group, failed, "failed-input"), mine)
    redis.connect().sadd(GROUPS, str(group))
    return bool(redis.connect().pexpire(mine, ms(settings.INPUT_TTL_HOURS * 3600)))


def _rename(old: str, new: str) -> None:
    """Once: what is not there was renamed before, perhaps by this very call, sent twice over a line
    that broke.
    """
    try:
        redis.connect().rename(old, new)
    except ResponseError as error:
        if "no such key" not in str(error):
            raise


def failures(group: Id, task: Id) -> list[Blame]:
    """The latest failures of a task's subtasks, the oldest first."""
    rows: list[bytes] = redis.connect().lrange(task_key(group, task, "failures"), 0, -1)  # type: ignore[assignment]
    return [msgspec.msgpack.decode(row, type=Blame, strict=False) for row in rows]


def log(group: Id, task: Id, *, after: int = 0) -> list[Entry]:
    """What happened to a live task behind its entry number `after`, the oldest first; the latest
    thousands at most.
    """
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
    rows: list[bytes] = redis.connect().lrange(task_key(group, task, "log"), -count, -1)  # type: ignore[assignment]
    return [_entry(row) for row in rows]


def _entry(row: bytes) -> Entry:
    return msgspec.msgpack.decode(row, type=Entry, strict=False)


def put_result(group: Id, task: Id, data: bytes) -> None:
    redis.connect().set(
        task_key(group, task, "result"), data, px=ms(settings.RESULT_TTL_HOURS * 3600)
    )


def get_result(group: Id, task: Id) -> bytes | None:
    return redis.connect().get(task_key(group, task, "result"))  # type: ignore[return-value]


def drop_result(group: Id, task: Id) -> None:
    redis.connect().unlink(task_key(group, task, "result"))


def may_ask(group: Id, task: Id, seconds: float) -> bool:
    """Whether the sweep may ask for a job for this task: at most once in so many seconds."""
    return bool(
        redis.connect().set(task_key(group, task, "asked"), 1, nx=True, px=max(ms(seconds), 1))
    )


def groups() -> list[str]:
    return texts(redis.connect().smembers(GROUPS))  # type: ignore[arg-type]


def tasks_with_state(group: Id) -> list[str]:
    return texts(redis.connect().smembers(f"{base_key(group)}:tasks"))  # type: ignore[arg-type]


def online_workers(group: Id, kind: str) -> list[str]:
    """Workers of the group that take this kind and were heard of lately."""
    oldest = redis.now_ms() - online_ms()
    members = redis.connect().zrangebyscore(f"{base_key(group)}:workers:{kind}", oldest, "+inf")
    return sorted({member.partition(" ")[0] for member in texts(members)})  # type: ignore[arg-type]  # "<worker> <conn> <owner>"


def forget_group(group: Id) -> None:
    """Take a group off the sweep's list; its next task puts it back."""
    redis.connect().srem(GROUPS, str(group))


def drop_group(group: Id) -> None:
    """Forget everything about a group that is no more: what its members were served, their results."""
    client = redis.connect()
    for name in client.scan_iter(match=f"{base_key(group)}:*", count=1000):
        client.unlink(name)
    forget_group(group)


CONNECTS_MS = 60_000


async def count_connect(digest: str) -> int:
    """One more connection of this token (its digest); returns how many within the running minute."""
    name = f"fl:connects:{digest[:32]}"  # of no group
    pipe = redis.connect_async().pipeline(transaction=True)
    pipe.set(name, 0, nx=True, px=CONNECTS_MS)
    pipe.incr(name)
    return int((await pipe.execute())[1])


async def leases_of(group: Id, conn: str) -> list[str]:
    """The active leases of one connection in a group."""
    held: Any = redis.connect_async().smembers(f"{base_key(group)}:c:{conn}")
    return texts(await held)
