"""What comes as a partial: looked at before anything is made of it. No database, and mostly no Redis either."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from django.conf import settings

from firmlight_client import kinds, protocol
from firmlight_client.kinds.partials import is_scanned
from tasks import queue

SCANNED_SHARE = 8  # to count the values of a kind without `Partial` takes about as much longer, at worst


@dataclass(frozen=True)
class Flaw:
    """Why bytes are no partial. `reason` is that of the `refused` frame; `message` says more, for people."""

    reason: str  # bad_partial, kind_changed
    message: str


class LeasedKinds:
    """Which kind each lease of a connection is of: noted as it is granted, so that its result needs no question.

    It is forgotten when all of the lease is settled. Of a lease that came on another connection Redis tells.
    """

    def __init__(self) -> None:
        self._kinds: dict[str, str] = {}  # lease -> "NAME@version", the oldest first
        self._owed: dict[str, int] = {}  # lease -> its subtasks that are not settled

    def note(self, granted: queue.Granted) -> None:
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
        return self._kinds.get(lease) or await queue.kind_of(lease, worker=worker)


async def flaw_in(partial: bytes, kind_key: str) -> Flaw | None:
    """What is wrong with a partial of the kind "NAME@version"; None if nothing is."""
    name, _, version = kind_key.partition("@")
    kind = kinds.installed().get(name)
    if kind is None or kind.version != version:
        return Flaw("kind_changed", f"The server has {name} {kind.version if kind else 'no longer'} now.")
    most = settings.PARTIAL_INLINE_BYTES_MAX
    if is_scanned(kind):
        most //= SCANNED_SHARE
    try:
        if len(partial) <= most:
            kinds.decode_partial(kind, partial)
        else:
            await asyncio.to_thread(kinds.decode_partial, kind, partial)
    except kinds.BadPartial as error:
        return Flaw("bad_partial", str(error))
    return None
