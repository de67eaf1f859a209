"""A task as a whole: paused, resumed, ended."""

from __future__ import annotations

from tasks.queue.answers import pairs
from tasks.queue.keys import Conns, Id, base_key, limits, texts
from tasks.queue.scripts import Call


def undecide(group: Id, task: Id) -> Call[Conns]:
    """The kind does not agree that the task is decided: go on. Returns idle connections to wake for
    it.
    """
    return Call("undecide", base_key(group), {"task": str(task), **limits()}, texts)


def close(group: Id, task: Id) -> Call[list[tuple[str, str]]]:
    """Drop a task's state, input and leases; return the (connection, lease) pairs that were active."""
    return Call("close", base_key(group), {"task": str(task)}, pairs)


def pause(group: Id, task: Id) -> Call[list[tuple[str, str]]]:
    """Lease nothing more of it and take back what is leased; return the (connection, lease) pairs
    that were active.
    """
    return Call("pause", base_key(group), {"task": str(task), **limits()}, pairs)


def resume(group: Id, task: Id) -> Call[Conns]:
    """Go on with a paused task. Returns idle connections to wake for it."""
    return Call("resume", base_key(group), {"task": str(task), **limits()}, texts)
