"""The format of the data in Redis: two releases that keep them in different forms never mix.

FORMAT is the number of the form in which this release keeps them. Redis has the number of what it
holds, once for all (FORMAT_NOTED) and once for each group, where every script
compares it and fails if it is another one: these are in one cluster slot with the group.

Each process compares the number when it starts. Older data are brought to today's form; newer ones
are left alone, and the process ends. A process that runs notices by itself that a newer release has
been there (`firmlight.format_watch`).

Releases before this one noted no number, and their scripts compare none. So their keys had other
names (without QUEUE), and `move.lua` lets their scripts fail on each task that they had.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import structlog
from redis import Redis

from core import redis
from tasks.data_format import FORMAT
from tasks.queue import sweeping
from tasks.queue.answers import Converted, Moved
from tasks.queue.keys import BLOBS, FORMAT_NOTED, QUEUE, Id, base_key, limits, ms
from tasks.queue.scripts import Call

MOVED_AT_ONCE = 500  # keys in one script
WARNING = "moved by a newer release of Firmlight: this program must not run any more"
WARNING_SECONDS = 7 * 24 * 3600
KEY = re.compile(r"fl:\{(?P<group>[^}]+)\}:(?P<part>.+)", re.DOTALL)
NOT_MOVED = re.compile(rf"(?:{QUEUE}|done):|t:[^:]+:(?:{'|'.join(BLOBS)})$")
OTHERS = "metrics"  # in place of a group: keys that are no queue's
log = structlog.get_logger(__name__)


class NewerData(Exception):
    """The data in Redis are of a newer release, which this program must not touch."""

    def __init__(self, found: int) -> None:
        super().__init__(
            f"the data in Redis have format {found}, and this program reads and writes only "
            f"{FORMAT}: a newer release of Firmlight has been started on them. Start that one, or "
            "restore a backup of this one's"
        )


def noted(client: Redis | None = None) -> int | None:
    """The format of the data in Redis; None if there is no number."""
    found: Any = (client or redis.connect()).get(FORMAT_NOTED)
    return int(found) if found else None


def require_known(found: int | None) -> None:
    """Raises NewerData if data of this format are not for this program."""
    if found is not None and found > FORMAT:
        raise NewerData(found)


def adopt() -> None:
    """Bring the data in Redis to the format of this program, and note its number.

    Several processes may do so at the same time. Raises NewerData.
    """
    found = noted()
    require_known(found)
    if found == FORMAT:
        return
    _upgrade()
    redis.connect().set(FORMAT_NOTED, FORMAT)


# From before formats had numbers


def _upgrade() -> None:
    moved = sum(_move(group, parts) for group, parts in _old_keys().items())
    for group in sweeping.groups():
        for task in sweeping.tasks_with_state(group):
            converted = _convert(group, task).now()
            log.info(
                "task_converted",
                task=task,
                leases_given_back=converted.leases,
                parts_unknown=converted.parts,
            )
    if moved:
        log.info("data_upgraded", format=FORMAT, keys=moved)


def _old_keys() -> dict[str, list[str]]:
    """The keys to be moved of each group, as what comes behind "fl:{<group>}:"."""
    found = defaultdict(list)
    for name in redis.connect().scan_iter(match="fl:{*}:*", count=1000):
        key = KEY.fullmatch(name.decode())
        if key and key["group"] != OTHERS and not NOT_MOVED.match(key["part"]):
            found[key["group"]].append(key["part"])
    return found


def _move(group: Id, parts: Sequence[str]) -> int:
    """Returns how many keys were moved."""
    moved = 0
    for some in _batches(parts):
        args = {"parts": some, "warning": WARNING, "warning_ms": ms(WARNING_SECONDS)}
        moved += Call("move", base_key(group), args, Moved).now().moved
    return moved


def _batches(parts: Sequence[str]) -> Iterator[Sequence[str]]:
    for first in range(0, len(parts), MOVED_AT_ONCE):
        yield parts[first : first + MOVED_AT_ONCE]


def _convert(group: Id, task: Id) -> Call[Converted]:
    return Call("convert", base_key(group), {"task": str(task), **limits()}, Converted)
