"""Fill the queue: a task gets its state, then its subtasks."""

from __future__ import annotations

from collections.abc import Sequence

from core import redis
from tasks import states
from tasks.queue.answers import Opened, Pushed
from tasks.queue.keys import Id, base_key, limits, ms, task_key
from tasks.queue.scripts import Call
from tasks.verification import NONE

MEASURED = 100  # payloads whose length is looked at, to know about how much all of them take


def open_task(
    group: Id,
    task: Id,
    *,
    kind: str,
    creator: Id,
    priority: str,
    seconds_max: float,
    allow_partial: bool,
    order: float,
    verify: str = NONE,
) -> Call[Opened]:
    """Make the state of a task if it has none. `order`, in any unit: the least came first.

    `verify`: how much of it other owners are to compute again, one of verification.VERIFY.
    """
    args = {
        "task": str(task),
        "kind": kind,
        "creator": str(creator),
        "prio": states.PRIORITIES.index(priority),
        "max_ms": ms(seconds_max),
        "partial_ok": allow_partial,
        "seq": order,
        "verify": verify,
    }
    return Call("open", base_key(group), args, Opened)


def push(group: Id, task: Id, *, first: int, payloads: Sequence[bytes], last: bool) -> Call[Pushed]:
    """Add subtasks `first`.. ; taken only if exactly `first` are split already."""
    args = {"task": str(task), "first": first, "last": last, **limits()}
    return Call("push", base_key(group), args, Pushed, blobs=payloads)


def payload_bytes(group: Id, task: Id) -> int:
    """What the payloads of a task take in Redis, about: of what is open, or kept to be checked.

    Redis knows how long some of them are, and how many there are.
    """
    pipe = redis.connect().pipeline(transaction=False)
    for part in ("payloads", "kept", "canary_payloads"):
        pipe.memory_usage(task_key(group, task, part), samples=MEASURED)
    return sum(size or 0 for size in pipe.execute())
