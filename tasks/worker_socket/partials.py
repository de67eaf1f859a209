"""What comes as a partial: looked at before anything is made of it. No database, and mostly no
Redis either.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from weakref import WeakValueDictionary

from django.conf import settings

from core.errors import Busy
from firmlight_client import kinds, protocol
from firmlight_client.kinds.partials import is_scanned
from tasks.kind_processes import calls
from tasks.kind_processes.outcomes import KindChanged, KindStopped
from tasks.queue import leasing
from tasks.queue.answers import Granted

SCANNED_SHARE = (
    8  # counting the values of a kind without `Partial` takes about as much longer, at worst
)
TRIES = 2  # a process that checks may die, or the machine be busy


@dataclass(frozen=True)
class Flaw:
    """Why bytes are no partial. `reason` is that of the `refused` frame; `message` says more, for
    people.
    """

    reason: str  # bad_partial, kind_changed
    message: str


class NotChecked(Exception):
    """No process could look at it now. The worker keeps what it has and comes back."""


class LeasedKinds:
    """Which kind each lease of a connection is of: noted as it is granted, so that its result needs
    no question.

    It is forgotten when all of the lease is settled. Of a lease that came on another connection
    Redis tells.
    """

    def __init__(self) -> None:
        self._kinds: dict[str, str] = {}  # lease -> "NAME@version", the oldest first
        self._owed: dict[str, int] = {}  # lease -> its subtasks that are not settled

    def note(self, granted: Granted) -> None:
        if len(self._kinds) >= protocol.LEASES_HELD_MAX:
            self.forget(next(iter(self._kinds)))
        self._kinds[granted.lease] = granted.kind
        self._owed[granted.lease] = len(granted.subtasks)

    def settle(self, lease: str, subtasks: int) -> None:
        """So many of its subtasks are no longer owed."""
        if lease in self._owed:
            self._owed[lease] -= subtasks
            if self._owed[lease] <= 0:
                self.forget(lease)

    def forget(self, lease: str) -> None:
        self._kinds.pop(lease, None)
        self._owed.pop(lease, None)

    async def of(self, lease: str, worker: str) -> str:
        """ "NAME@version"; "" if the worker never had such a lease, or its task is over."""
        return self._kinds.get(lease) or await leasing.kind_of(lease, worker=worker)


def may_be_decided(kind_key: str) -> bool:
    """Whether the kind "NAME@version" says of any partial that it alone settles a task.

    Of the others no worker's word counts: each would stop the task until all there is was combined.
    """
    kind = kinds.installed().get(kind_key.partition("@")[0])
    return kind is not None and type(kind).is_decided is not kinds.Kind.is_decided


async def flaw_in(partial: bytes, kind_key: str, owner: str) -> Flaw | None:
    """What is wrong with a partial of the kind "NAME@version"; None if nothing is. Raises
    NotChecked.

    A large one is decoded in a child process, of each owner one at a time in this process.
    """
    name, _, version = kind_key.partition("@")
    kind = kinds.installed().get(name)
    if kind is None or kind.version != version:
        return Flaw(
            "kind_changed", f"The server has {name} {kind.version if kind else 'no longer'} now."
        )
    if len(partial) > settings.PARTIAL_INLINE_BYTES_MAX // (
        SCANNED_SHARE if is_scanned(type(kind)) else 1
    ):
        async with _turns.setdefault(owner, asyncio.Lock()):
            return await _flaw_in_large(partial, kind)
    try:
        kinds.decode_partial(kind, partial)
    except kinds.BadPartial as error:
        return Flaw("bad_partial", str(error))
    return None


_turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()  # by owner


async def _flaw_in_large(partial: bytes, kind: kinds.Kind) -> Flaw | None:
    for _ in range(TRIES):
        try:
            wrong = await calls.check_partial(kind, partial)
        except KindChanged as changed:
            return Flaw("kind_changed", str(changed))
        except KindStopped as stopped:
            if stopped.lasting:  # it takes more memory or time than any partial should
                return Flaw("bad_partial", str(stopped))
        except Busy:
            continue
        else:
            return Flaw("bad_partial", wrong) if wrong else None
    raise NotChecked
