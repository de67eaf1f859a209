"""A task as a whole: paused, resumed, ended."""

from __future__ import annotations

from operator import attrgetter

from tasks.queue.answers import Abandoned, Held, Noted, Sealed, TakenBack, Woken
from tasks.queue.keys import Conns, Id, base_key, limits
from tasks.queue.progress import Outcome
from tasks.queue.scripts import Call


def abandon(group: Id, task: Id, attempt: str) -> Call[bool]:
    """Drop the input that a failed attempt to submit has stored; False: another one needs it."""
    args = {"task": str(task), "attempt": attempt}
    return Call("abandon", base_key(group), args, Abandoned, attrgetter("dropped"))


def undecide(group: Id, task: Id) -> Call[Conns]:
    """Go on with a task that its kind says is not decided; returns idle connections to wake."""
    args = {"task": str(task), **limits()}
    return Call("undecide", base_key(group), args, Woken, attrgetter("wake"))


def close(group: Id, task: Id) -> Call[TakenBack]:
    """Drop a task's state, input and leases."""
    return Call("close", base_key(group), {"task": str(task)}, TakenBack)


def seal(group: Id, task: Id, outcome: Outcome) -> Call[bool]:
    """Whether what was read of a task still counts, so that its result may be delivered.

    If so, nothing is taken out of it any more.
    """
    args = {"task": str(task), "taken_out": outcome.taken_out}
    return Call("seal", base_key(group), args, Sealed, attrgetter("sealed"))


def note(group: Id, task: Id, what: str) -> Call[Noted]:
    """Put "delivered" or "withdrawn" into a task's history: its result was."""
    return Call("note", base_key(group), {"task": str(task), "what": what}, Noted)


def pause(group: Id, task: Id) -> Call[Held]:
    """Lease nothing more of a task and take back its leases; returns those that were active."""
    args = {"task": str(task), **limits()}
    return Call("pause", base_key(group), args, TakenBack, attrgetter("held"))


def resume(group: Id, task: Id) -> Call[Conns]:
    """Go on with a paused task; returns idle connections to wake."""
    args = {"task": str(task), **limits()}
    return Call("resume", base_key(group), args, Woken, attrgetter("wake"))
