"""A task as a whole: where it stands, what it has come to, its end; and what is overdue."""

from __future__ import annotations

from django.conf import settings

from tasks.queue.answers import Reaped, pairs
from tasks.queue.keys import Conns, Id, base_key, limits, texts
from tasks.queue.progress import Outcome, Progress, read_outcome, read_progress
from tasks.queue.scripts import Call


def reap(group: Id) -> Call[Reaped]:
    """Requeue up to SWEEP_LEASES_MAX leases whose deadline has passed; fewer if they have very many
    subtasks.
    """
    args = {"most": settings.SWEEP_LEASES_MAX, **limits()}
    return Call(
        "reap",
        base_key(group),
        args,
        lambda r: Reaped(r[0], texts(r[1]), texts(r[2]), r[3] == b"1", r[4]),
    )


def outcome(group: Id, task: Id) -> Call[Outcome | None]:
    """Completeness and partials in one read; None if the task has no state."""
    return Call("outcome", base_key(group), {"task": str(task)}, read_outcome)


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


def mend(group: Id, task: Id) -> Call[tuple[int, Conns]]:
    """Let open subtasks that are neither waiting nor leased wait again; how many there were, and
    whom to wake.
    """
    return Call(
        "mend", base_key(group), {"task": str(task), **limits()}, lambda r: (r[0], texts(r[1]))
    )


def progress(group: Id, task: Id) -> Call[Progress | None]:
    """Where a task stands; None if it has no state (not split yet, or over)."""
    return Call("progress", base_key(group), {"task": str(task)}, read_progress)
