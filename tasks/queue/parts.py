"""Parts of a task that turned out to be wrong are taken out again, and done anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Final

import msgspec

from core import redis
from firmlight_client.text import one_line
from tasks.queue.answers import Retracted, Woken
from tasks.queue.keys import Conns, Id, base_key, limits, task_key
from tasks.queue.progress import Part
from tasks.queue.scripts import Call

LOGGED_WHY_CHARS = 200  # of what is wrong with a part
COUNTS: Final = "counts"
CONFIRMED: Final = "confirmed"  # by another owner who computed the same
TAKEN_OUT: Final = "taken_out"
_read_part = msgspec.msgpack.Decoder(Part).decode


class Numbered(msgspec.Struct, array_like=True):
    """A part, its number within the task, and whether it counts."""

    number: int
    state: str
    part: Part | None = None


class _Listed(msgspec.Struct):
    rows: list[Numbered]

    def attach(self, raw: list[bytes]) -> None:
        for row, packed in zip(self.rows, raw, strict=True):
            row.part = _read_part(packed)


def listed(group: Id, task: Id, *, most: int, ended: bool = False) -> Call[list[Numbered]]:
    """The latest parts, at most so many, and behind those as many that were taken out before.

    With `ended` without those of leases that are active.
    """
    args = {"task": str(task), "most": most, "ended": ended}
    return Call("parts", base_key(group), args, _Listed, attrgetter("rows"))


def retract(
    group: Id, task: Id, *, parts: Sequence[int] = (), owner: Id = "", message: str
) -> Call[Retracted]:
    """Take out these parts, by their numbers, 0-based, and all of this owner; each once.

    `message` says what is wrong. Their owners are set aside from tasks of this submitter, as after
    a malformed partial.
    """
    args = {
        "task": str(task),
        "parts": list(parts),
        "owner": str(owner),
        "message": message,
        "why": one_line(message, LOGGED_WHY_CHARS),
        **limits(),
    }
    return Call("retract", base_key(group), args, Retracted)


def to_redo(group: Id, task: Id) -> set[int]:
    """The subtasks that were taken out and have no payloads yet."""
    return set(map(int, redis.connect().smembers(task_key(group, task, "redo"))))


def restore(group: Id, task: Id, payloads: Mapping[int, bytes]) -> Call[Conns]:
    """Let subtasks that were taken out wait again; returns idle connections to wake."""
    args = {"task": str(task), "subtasks": list(payloads), **limits()}
    blobs = list(payloads.values())
    return Call("restore", base_key(group), args, Woken, attrgetter("wake"), blobs=blobs)
