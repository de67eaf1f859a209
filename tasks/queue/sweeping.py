"""What the sweep needs: which groups and tasks there are, and how to heal them."""

from __future__ import annotations

from django.conf import settings

from core import redis
from tasks.queue.answers import Mended, Reaped
from tasks.queue.keys import GROUPS, Id, base_key, group_key, limits, ms, task_key, texts
from tasks.queue.scripts import Call


def note_group(group: Id) -> None:
    """Put a group on the sweep's list."""
    redis.connect().sadd(GROUPS, str(group))


def groups() -> list[str]:
    """The groups that have, or lately had, a task."""
    return texts(redis.connect().smembers(GROUPS))  # type: ignore[arg-type]


def forget_group(group: Id) -> None:
    """Take a group off the sweep's list; its next task puts it back."""
    redis.connect().srem(GROUPS, str(group))


def drop_group(group: Id) -> None:
    """Delete everything about a deleted group: what its members were served, their results."""
    client = redis.connect()
    for name in client.scan_iter(match=f"{group_key(group)}:*", count=1000):
        client.unlink(name)
    forget_group(group)


def tasks_with_state(group: Id) -> list[str]:
    """The tasks of a group whose subtasks are in Redis."""
    return texts(redis.connect().smembers(f"{base_key(group)}:tasks"))  # type: ignore[arg-type]


def may_ask(group: Id, task: Id, seconds: float) -> bool:
    """Whether the sweep may send a job for this task: at most once in so many seconds."""
    name = task_key(group, task, "asked")
    return bool(redis.connect().set(name, 1, nx=True, px=max(ms(seconds), 1)))


def reap(group: Id) -> Call[Reaped]:
    """Requeue up to SWEEP_LEASES_MAX leases whose deadline has passed; fewer if they are long."""
    args = {"most": settings.SWEEP_LEASES_MAX, **limits()}
    return Call("reap", base_key(group), args, Reaped)


def mend(group: Id, task: Id) -> Call[Mended]:
    """Let open subtasks that are neither waiting nor leased wait again."""
    return Call("mend", base_key(group), {"task": str(task), **limits()}, Mended)
