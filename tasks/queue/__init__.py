"""The queue: subtasks, leases and partials of a group's tasks in Redis.

Only this package and `lua/` name the keys of a group; `lua/_common.lua` lists them. Import its
modules: `from tasks.queue import leasing, lifecycle`.

Every call prepares one atomic script (`scripts.Call`): `.now()` runs it from blocking code, `await`
from the event loop. One call concerns one group, whose keys are one cluster slot.
"""

from typing import Any

# For the sockets, until they import the modules as well.
from core.throttling import count_connect
from tasks.queue.answers import Granted, Settled
from tasks.queue.connections import (
    KEPT,
    LOST,
    RELEASED,
    adopt,
    beat,
    leases_of,
    leave,
    wake_another,
)
from tasks.queue.keys import group_of, online_seconds
from tasks.queue.leasing import complete, fail, kind_of, lease, reject, release
from tasks.queue.presence import note_resting, online_workers
from tasks.queue.scripts import Call, run_all_later


def get_result(*arguments: Any) -> Any:
    from tasks import blobs

    return blobs.get_result(*arguments)


def count_bad_partial(*arguments: Any) -> Any:
    from tasks import offences

    return offences.count_bad_partial(*arguments)


__all__ = [
    "KEPT",
    "LOST",
    "RELEASED",
    "Call",
    "Granted",
    "Settled",
    "adopt",
    "beat",
    "complete",
    "count_connect",
    "fail",
    "group_of",
    "kind_of",
    "lease",
    "leases_of",
    "leave",
    "note_resting",
    "online_seconds",
    "online_workers",
    "reject",
    "release",
    "run_all_later",
    "wake_another",
]
