"""Leases for a connection: the queue is asked for work, and what it grants is sent."""

from __future__ import annotations

import asyncio
import random
import time

import structlog

from core import metrics
from firmlight_client import protocol
from tasks import events, kind_keys
from tasks.queue import connections, leasing
from tasks.queue.answers import Granted
from tasks.worker_socket.connection import Connection
from tasks.worker_socket.credit import Credit
from tasks.worker_socket.leased_kinds import LeasedKinds
from tasks.worker_socket.session import Session

EMPTY_SECONDS = 0.1  # for which a group that had nothing is not asked again, unless it wakes us
log = structlog.get_logger(__name__)


class Leasing:
    """Fills the free slots of one worker. Redis only, never the database.

    `turn` is held while the queue is asked: frames and the connection's clock both lease.
    """

    def __init__(
        self, connection: Connection, session: Session, credit: Credit, leased_kinds: LeasedKinds
    ) -> None:
        self.connection, self.session = connection, session
        self.credit, self.leased_kinds = credit, leased_kinds
        self.turn = asyncio.Lock()
        self._empty_at: dict[str, float] = {}  # group -> when it had nothing, on the loop's clock
        self._late: asyncio.TimerHandle | None = None  # looks for work that comes late elsewhere

    async def refill(self, slots: int | None, received: int | None) -> None:
        """The worker has so many free slots, and had received so many leases: lease to them.

        None: as many as it said before, less those that were leased to since.
        """
        self.credit.offer(slots, received)
        await self.fill()

    async def fill(self, first: str = "") -> None:
        """Lease to every free slot, until no group has work for it any more.

        The groups are asked in a random order, but for the one that is to be asked `first`. Others
        that had nothing just now are asked a little later: a flood of frames must not become one of
        questions. Work that comes meanwhile wakes the worker.
        """
        async with self.turn:
            groups = list(self.session.groups)
            random.shuffle(groups)
            groups.sort(key=lambda group: group != first)
            for group in groups:
                if group != first and self._had_nothing(group):
                    self._look_again(EMPTY_SECONDS)
                    continue
                while self._may_lease() and await self._lease_one(group):
                    pass

    def _had_nothing(self, group: str) -> bool:
        empty_at = self._empty_at.get(group)
        return empty_at is not None and asyncio.get_running_loop().time() < empty_at + EMPTY_SECONDS

    def _may_lease(self) -> bool:
        if self.connection.stopped or self.session.suspended:
            return False
        return self.credit.free > 0

    async def _lease_one(self, group: str) -> bool:
        """Lease to one slot; returns False if the group has nothing for this worker now."""
        worker, kinds = self.session.me, self.session.kinds_of(group)
        rules = self.session.agreement.rules_for(group)
        if not kinds or await self._has_enough(group, rules.slots):
            return False
        began = time.monotonic()
        call = leasing.lease(
            group,
            worker=worker.id,
            owner=worker.owner,
            conn=self.connection.name,
            kinds=kinds,
            longest_seconds=rules.subtask_seconds_max,
        )
        leased = await call
        metrics.count("subtasks_requeued", leased.requeued)
        await events.follow_up(group, leased.wake, leased.complete)
        if leased.granted is None:
            self._empty_at[group] = asyncio.get_running_loop().time()
            self._look_again(leased.ask_again_seconds)
            return False
        self.credit.spend(leased.granted.lease)
        self.leased_kinds.note(leased.granted)
        group_name = self.session.groups.get(group, "")
        await self.connection.send(_frame(leased.granted, group, group_name))
        _note_lease(leased.granted, time.monotonic() - began)
        return True

    async def _has_enough(self, group: str, slots: int | None) -> bool:
        """Whether it works on as much of this group as its owner agreed to."""
        if slots is None:
            return False
        return len(await connections.leases_of(group, self.connection.name)) >= slots

    # Work that comes later

    async def wake_another(self, group: str) -> None:
        """This worker was woken and takes nothing: another one is to be woken instead."""
        conns = await connections.wake_another(group, kinds=self.session.agreement.kinds)
        await events.wake(conns, group)

    def _look_again(self, seconds: float) -> None:
        """Ask once more when a second copy of late work may be wanted; the soonest time counts."""
        if not seconds:
            return
        loop = asyncio.get_running_loop()
        due = loop.time() + seconds
        if self._late is None or due < self._late.when():
            self.forget_late()
            self._late = loop.call_at(due, self._ask_late)

    def _ask_late(self) -> None:
        self._late = None
        for group in self.session.groups:
            self.connection.in_background(
                self.connection.remind({"type": "work.available", "group": group})
            )

    def forget_late(self) -> None:
        """Do not ask once more."""
        if self._late:
            self._late.cancel()
            self._late = None


def _frame(granted: Granted, group: str, group_name: str) -> protocol.Lease:
    return protocol.Lease(
        lease=granted.lease,
        task=granted.task,
        group=group,
        kind=kind_keys.name_in(granted.kind),
        subtasks=granted.subtasks,
        payloads=granted.payloads,
        subtask_seconds_max=granted.seconds_max,
        group_name=group_name,
    )


def _note_lease(granted: Granted, seconds: float) -> None:
    log.debug("leased", task=granted.task, lease=granted.lease, subtasks=len(granted.subtasks))
    metrics.count("leases")
    metrics.count("subtasks_leased", len(granted.subtasks))
    metrics.observe("lease_seconds", seconds)
