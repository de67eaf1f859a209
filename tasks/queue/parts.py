"""Parts of a task that turned out to be wrong are taken out again, and done anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import attrgetter

from core import redis
from tasks.queue.answers import Retracted, Woken
from tasks.queue.keys import Conns, Id, base_key, limits, task_key
from tasks.queue.scripts import Call


def retract(group: Id, task: Id, *, parts: Sequence[int], message: str) -> Call[Retracted]:
    """Take out these parts, by their numbers, 0-based, once. `message` says what is wrong.

    Their owners are set aside from tasks of this submitter, as after a malformed partial.
    """
    args = {"task": str(task), "parts": list(parts), "message": message, **limits()}
    return Call("retract", base_key(group), args, Retracted)


def to_redo(group: Id, task: Id) -> set[int]:
    """The subtasks that were taken out and have no payloads yet."""
    return set(map(int, redis.connect().smembers(task_key(group, task, "redo"))))


def restore(group: Id, task: Id, payloads: Mapping[int, bytes]) -> Call[Conns]:
    """Let subtasks that were taken out wait again; returns idle connections to wake."""
    args = {"task": str(task), "subtasks": list(payloads), **limits()}
    blobs = list(payloads.values())
    return Call("restore", base_key(group), args, Woken, attrgetter("wake"), blobs=blobs)
