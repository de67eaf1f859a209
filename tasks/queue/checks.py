"""Checks: what one owner computed is computed once more by another, and compared.

The queue draws which parts are checked when they come (`lua/complete.lua`), leases their subtasks
once more (`lua/lease.lua`) and keeps the answers; `lua/_checks.lua` says how. Whoever compares them
settles the checks.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter

import msgspec
from django.conf import settings

from core import redis
from firmlight_client.text import one_line
from tasks.queue.answers import Checks, Lacking, Noted, Rechecked, Settlement, Woken
from tasks.queue.keys import Conns, Id, base_key, limits, ms, online_ms, task_key
from tasks.queue.parts import LOGGED_WHY_CHARS
from tasks.queue.progress import Part
from tasks.queue.scripts import Call
from tasks.runs import expanded

AGAIN, CONFIRMED, SAME_OWNER = "again", "confirmed", "same_owner"
UNDECIDED, UNCHECKED = "undecided", "unchecked"
CANARY, DOUBTED = "canary", "doubted"  # of a canary


class Check(msgspec.Struct):
    """A check that is not settled. `partial` and, for each of `pieces`, `answers` are the bytes."""

    number: int  # of the part
    others: bool  # an owner who is online could be asked still
    part: Part
    answered: int  # owners
    canary: bool = False  # what the part says is known: it is checked who answers
    pieces: list[Part] = []
    partial: bytes = b""
    answers: list[bytes] = []


class Unsettled(msgspec.Struct):
    checks: list[Check]

    def attach(self, raw: list[bytes]) -> None:
        rows = iter(raw)
        for check in self.checks:
            check.partial = next(rows)
            check.answers = [next(rows) for _ in check.pieces]


def standing_of(group: Id, task: Id) -> Call[Checks | None]:
    """Where the checks of a task stand; None if it has no state."""
    args = {"task": str(task), "online_ms": online_ms()}
    return Call("checks", base_key(group), args, Checks | None)


def look_again(group: Id, task: Id, after_seconds: float) -> None:
    """Let the sweep ask for the conclusion of a complete task again, at the earliest then."""
    args = {"task": str(task), "after_ms": ms(after_seconds) + 1}
    Call("look_again", base_key(group), args, Noted).now()


def unsettled(
    group: Id, task: Id, *, most: int, bytes_max: int, every: bool = False
) -> Call[list[Check]]:
    """Checks whose answers can be compared; with `every` all that are not settled."""
    args = {
        "task": str(task),
        "most": most,
        "bytes_max": bytes_max,
        "all": every,
        "online_ms": online_ms(),
    }
    return Call("answers", base_key(group), args, Unsettled, attrgetter("checks"))


def settle(
    group: Id,
    task: Id,
    *,
    check: Check,
    how: str,
    lease: str = "",
    checkers: Sequence[str] = (),
    wrong: Sequence[str] = (),
    message: str = "",
) -> Call[Settlement]:
    """Say what came of comparing a check's answers.

    `how` is AGAIN, CONFIRMED, SAME_OWNER, UNDECIDED or UNCHECKED. Of a canary it is CANARY, or
    DOUBTED if the answer differs from what was taken for known: that is checked anew.

    `lease` is the one whose answer takes the part's place, "" if the part stands. All parts of the
    owners in `wrong` are taken out of the task.
    """
    args = {
        "task": str(task),
        "number": check.number,
        "answered": check.answered,
        "how": how,
        "lease": lease,
        "checkers": list(checkers),
        "wrong": list(wrong),
        "message": message,
        "why": one_line(message, LOGGED_WHY_CHARS),
        **limits(),
    }
    return Call("settle", base_key(group), args, Settlement)


# What an owner did before they were found wrong: the payloads of it are made anew.

# The number of a part, payloads by subtask, and whether these are the last that it lacks.
Piece = tuple[int, dict[int, bytes], bool]


def recheck(group: Id, task: Id, owner: Id) -> Call[Rechecked]:
    """Have the latest results of this owner checked that nobody has checked yet."""
    most = settings.RECHECK_RESULTS_MAX
    args = {"task": str(task), "owner": str(owner), "most": most}
    return Call("recheck", base_key(group), args, Rechecked)


def lacking_payloads(group: Id, task: Id) -> dict[int, set[int]]:
    """{number of a part: its subtasks}, of those that are to be checked and lack their payloads."""
    found: Lacking = Call("lacking", base_key(group), {"task": str(task)}, Lacking).now()
    return {number: set(expanded(runs)) for number, runs in found.parts}


def keep_payloads(group: Id, task: Id, pieces: Sequence[Piece]) -> Call[Conns]:
    """Keep these payloads for checks that lack them; returns idle connections to wake."""
    named = [(number, list(payloads), is_last) for number, payloads, is_last in pieces]
    args = {"task": str(task), "pieces": named, **limits()}
    blobs = [payload for _, payloads, _ in pieces for payload in payloads.values()]
    return Call("keep_payloads", base_key(group), args, Woken, attrgetter("wake"), blobs=blobs)


def begin_comparing(group: Id, task: Id, seconds: float) -> bool:
    """Whether no other job compares the answers of this task; it is noted for so many seconds."""
    name = task_key(group, task, "comparing")
    return bool(redis.connect().set(name, 1, nx=True, px=max(ms(seconds), 1)))


def end_comparing(group: Id, task: Id) -> None:
    redis.connect().unlink(task_key(group, task, "comparing"))


# Standing, as complete.lua needs it: the database has it, this is a copy in the group's slot.


def note_standing(group: Id, kind_key: str, owner: Id, agreements: int) -> None:
    """Note how many results in a row of this owner others have confirmed."""
    redis.connect().hset(_standing_key(group, kind_key), str(owner), agreements)


def forget_standing(group: Id, kind_key: str, owner: Id) -> None:
    """Nothing is known of this owner: all that they compute is checked."""
    redis.connect().hdel(_standing_key(group, kind_key), str(owner))


def _standing_key(group: Id, kind_key: str) -> str:
    return f"{base_key(group)}:standing:{kind_key}"
