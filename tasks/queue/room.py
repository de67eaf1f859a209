"""What tasks have reserved of the memory of Redis; `lua/reserve.lua` has the keys."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from statistics import median

import msgspec

from core import redis
from tasks.queue.answers import Reserved, Spent, Unreserved
from tasks.queue.keys import Id, base_key, ms, texts
from tasks.queue.scripts import Call

BASE = base_key("room")
TASKS, SUMS, PARTIALS = f"{BASE}:tasks", f"{BASE}:sums", f"{BASE}:partials"
KEPT = f"{BASE}:kept"
EXPIRED_AT_ONCE = 5000
CLOSE_ENOUGH = 0.1  # a median that is off by less stays
MEDIAN_TASKS_MIN, MEDIAN_TASKS_MAX = 3, 5  # it is the median of so many
PARTIALS_KEPT_SECONDS = 30 * 24 * 3600
SCANNED = 1000  # tasks at a time


def reserve(
    task: Id,
    *,
    owner: Id,
    group: Id,
    need: int,
    left: int,
    left_max: int | None,
    owner_max: int | None,
    group_max: int | None,
) -> Call[Reserved]:
    """Reserve `need` bytes until the task ends, of which `left` are still to come.

    The limits are those of everything to come, and of what all tasks of the owner and of the group
    need; None: no limit.
    """
    args = {"task": str(task), "owner": str(owner), "group": str(group), "need": need, "left": left}
    limits = {"left_max": left_max, "owner_max": owner_max, "group_max": group_max}
    args |= {name: most for name, most in limits.items() if most is not None}
    return Call("reserve", BASE, args, Reserved)


def spend(task: Id, size: int) -> Call[Spent]:
    """Note that `size` bytes of what a task has reserved are in Redis now."""
    return Call("spend", BASE, {"task": str(task), "bytes": size}, Spent)


def unreserve(tasks: Sequence[Id]) -> Call[Unreserved]:
    """Give back what these tasks have reserved."""
    return Call("unreserve", BASE, {"tasks": [str(task) for task in tasks]}, Unreserved)


def keep(task: Id, *, owner: Id, group: Id, need: int, seconds: float) -> Call[Unreserved]:
    """Let a task that has ended have `need` bytes reserved for so many seconds, and no more."""
    args = {"task": str(task), "owner": str(owner), "group": str(group)}
    return Call("keep", BASE, {**args, "need": need, "keep_ms": ms(seconds)}, Unreserved)


def expired() -> list[str]:
    """Tasks whose time to keep something is over; at most EXPIRED_AT_ONCE."""
    found = redis.connect().zrange(
        KEPT, 0, ms(time.time()), byscore=True, offset=0, num=EXPIRED_AT_ONCE
    )
    return texts(found)  # type: ignore[arg-type]


def among_kept(tasks: Sequence[str]) -> set[str]:
    """Those of these tasks that have ended, and keep something."""
    if not tasks:
        return set()
    scores = redis.connect().zmscore(KEPT, list(tasks))
    return {task for task, score in zip(tasks, scores, strict=True) if score is not None}


def to_come() -> int:
    """Bytes that are reserved and not in Redis yet."""
    return int(redis.connect().hget(SUMS, "left") or 0)


def reserved_by(task: Id) -> tuple[int, int]:
    """(need, left) of a task; (0, 0) if it has reserved nothing."""
    packed = redis.connect().hget(TASKS, str(task))
    if packed is None:
        return 0, 0
    need, left, *_ = msgspec.msgpack.decode(packed)  # type: ignore[arg-type]
    return int(need), int(left)


def reservations() -> Iterator[tuple[str, float]]:
    """(task, when it reserved, in seconds since the epoch) of all that have reserved something."""
    for task, packed in redis.connect().hscan_iter(TASKS, count=SCANNED):
        yield task.decode(), msgspec.msgpack.decode(packed)[4] / 1000


def partial_bytes(group: Id, kind: str, owner: Id) -> float:
    """The bytes of partials for one subtask of this kind; 0: unknown.

    It is the median of the owner's latest tasks in this group, and unknown before there are
    MEDIAN_TASKS_MIN: one task with odd partials, or tasks of others, do not move it. `kind` is its
    name and version.
    """
    return _typical(_latest(group, kind, owner))


def note_partial_bytes(group: Id, kind: str, owner: Id, size: float) -> None:
    """Note the bytes of partials for one subtask in a task of this owner.

    Two at a time may lose one of them, which is no harm.
    """
    latest = _latest(group, kind, owner)
    before = _typical(latest)
    if len(latest) >= MEDIAN_TASKS_MAX and abs(size - before) <= before * CLOSE_ENOUGH:
        return
    kept = [*latest, size][-MEDIAN_TASKS_MAX:]
    pipe = redis.connect().pipeline(transaction=False)
    pipe.hset(PARTIALS, f"{group} {kind} {owner}", msgspec.msgpack.encode(kept))
    pipe.expire(PARTIALS, PARTIALS_KEPT_SECONDS)
    pipe.execute()


def _latest(group: Id, kind: str, owner: Id) -> list[float]:
    packed = redis.connect().hget(PARTIALS, f"{group} {kind} {owner}")
    return msgspec.msgpack.decode(packed, type=list[float]) if packed else []  # type: ignore[arg-type]


def _typical(sizes: list[float]) -> float:
    return median(sizes) if len(sizes) >= MEDIAN_TASKS_MIN else 0.0
