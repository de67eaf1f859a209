"""What the queue's modules share: the names of keys, lease ids, limits."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings

Id = UUID | str
Conns = list[str]
GROUPS = "fl:groups"  # set of groups that have had a task; in no group's slot
FORMAT_NOTED = "fl:format"  # the format of all data, see formats.py; in no group's slot
QUEUE = "queue"
BLOBS = ("input", "failed-input", "submissions", "result")


def group_key(group: Id) -> str:
    """What all keys of a group begin with, also those that no script knows."""
    return f"fl:{{{group}}}"


def base_key(group: Id) -> str:
    """What the keys of the group's scripts begin with. Their data have a format, see formats.py."""
    return f"{group_key(group)}:{QUEUE}"


def task_key(group: Id, task: Id, part: str) -> str:
    return f"{base_key(group)}:t:{task}:{part}"


def blob_key(group: Id, task: Id, part: str) -> str:
    """One of BLOBS: bytes of a task whose form has been the same in every release."""
    return f"{group_key(group)}:t:{task}:{part}"


def input_key(group: Id, task: Id) -> str:
    return blob_key(group, task, "input")


def failed_input_key(group: Id, task: Id) -> str:
    return blob_key(group, task, "failed-input")


def submissions_key(group: Id, task: Id) -> str:
    """Set of the attempts to submit a task that may still need its input."""
    return blob_key(group, task, "submissions")


def result_key(group: Id, task: Id) -> str:
    return blob_key(group, task, "result")


def done_key(hour: int, group: Id | None = None) -> str:
    """Subtasks done in the minutes of an hour since the epoch: in this group, or in all."""
    return f"{group_key(group)}:done:{hour}" if group else f"fl:done:{hour}"


def new_lease_id(group: Id) -> str:
    """A random id.

    A counter would give an id twice if Redis lost its last second.
    """
    return f"{group}:{uuid4().hex}"


def group_of(lease: str) -> str:
    """The group that a lease id names; "" if it is not a lease id."""
    group, _, rest = lease.partition(":")
    try:
        return str(UUID(group)) if rest else ""
    except ValueError:
        return ""


def ms(seconds: float) -> int:
    return int(seconds * 1000)


def limits() -> dict[str, Any]:
    """Arguments of every script that gives subtasks back or wakes workers for them."""
    return {
        "idle_ms": ms(settings.IDLE_ASK_SECONDS * 2),
        "memory_ms": ms(settings.LEASE_MEMORY_SECONDS),
        "losses_max": settings.MAX_LOSSES,
        "online_ms": online_ms(),
        "aside_ms": ms(settings.SET_ASIDE_SECONDS),
        "barred_ms": ms(settings.RETRY_ELSEWHERE_SECONDS_MAX),
        "reserved_ms": ms(settings.CHECK_RESERVED_SECONDS),
    }


def online_seconds() -> float:
    """How long after its last heartbeat a worker counts as online."""
    return max(settings.LEASE_SECONDS, settings.HEARTBEAT_SECONDS * 3)


def online_ms() -> int:
    return ms(online_seconds())


def texts(items: Iterable[bytes]) -> list[str]:
    return [item.decode() for item in items]
