"""Work for a connection: leases go out, results come in, news of both is passed on. Redis only,
never the database.
"""

from __future__ import annotations

import asyncio
import random
import time
from uuid import UUID

import structlog
from channels.db import database_sync_to_async
from django.conf import settings

from core import metrics
from firmlight_client import protocol
from tasks import events, offences
from tasks.queue import connections, leasing
from tasks.queue.answers import Granted, Settled
from tasks.queue.keys import group_of
from tasks.services import workers
from tasks.worker_socket.connection import Line
from tasks.worker_socket.partials import Flaw
from tasks.worker_socket.progress_throttle import announce_progress

log = structlog.get_logger(__name__)


class Leasing(Line):
    """`late` is the timer of a look for work that another worker will be late with."""

    late: asyncio.TimerHandle | None = None

    async def refill(self, free: int, received: int | None) -> None:
        """Lease to the free slots, less those for which a lease was under way when it counted them."""
        self.note_received(received)
        self.free = max(free - len(self.under_way), 0)
        await self.lease_all()

    def note_received(self, received: int | None) -> None:
        """So many leases have come to the worker. Of one that does not count all have."""
        left = 0 if received is None else max(self.leased - received, 0)
        self.under_way = self.under_way[-left:] if left else []

    async def lease_all(self, first: str = "") -> None:
        """Lease to every free slot from the groups in turn, until a round over all of them brings
        nothing.
        """
        async with self.leasing:
            row = sorted(self.groups, key=lambda group: (group != first, random.random()))  # noqa: S311  only spreads
            for group in row:
                while (
                    self.free
                    and not self.stopped
                    and not self.suspended
                    and await self.lease_one(group)
                ):
                    self.free -= 1

    async def lease_one(self, group: str) -> bool:
        assert self.worker
        kinds, agreed = self.kinds_of(group), self.agreed.of(group)
        if not kinds or await self.has_enough(group, agreed.slots):
            return False
        began = time.monotonic()
        call = leasing.lease(
            group,
            worker=self.me,
            owner=self.worker.owner,
            conn=self.channel_name,
            kinds=kinds,
            longest_seconds=agreed.subtask_seconds_max,
        )
        leased = await call
        metrics.count("subtasks_requeued", leased.requeued)
        await self.pass_on(group, leased.wake, leased.complete)
        if leased.granted is None:
            self.look_again(leased.ask_again_seconds)
            return False
        self.leased += 1
        self.under_way.append(leased.granted.lease)
        self.leased_kinds.note(leased.granted)
        await self.send_lease(group, leased.granted)
        _note_lease(leased.granted, time.monotonic() - began)
        return True

    async def has_enough(self, group: str, slots: int | None) -> bool:
        """Whether it works on as much of this group as its owner agreed to."""
        return (
            slots is not None
            and len(await connections.leases_of(group, self.channel_name)) >= slots
        )

    async def send_lease(self, group: str, work: Granted) -> None:
        lease = protocol.Lease(
            lease=work.lease,
            task=work.task,
            group=group,
            kind=work.kind.partition("@")[0],
            subtasks=work.subtasks,
            payloads=work.payloads,
            subtask_seconds_max=work.seconds_max,
            group_name=self.groups.get(group, ""),
        )
        await self.tell(lease)

    def look_again(self, seconds: float) -> None:
        """Ask once more when a second copy may be wanted; the soonest time counts."""
        if not seconds:
            return
        due = asyncio.get_running_loop().time() + seconds
        if self.late is None or due < self.late.when():
            self.forget_late()
            self.late = asyncio.get_running_loop().call_at(due, self.ask_late)

    def ask_late(self) -> None:
        """As news of work to ourselves, so that it is handled in turn with all others."""
        self.late = None
        for group in self.groups:
            self.remember(
                asyncio.create_task(self.channel_layer.send(self.channel_name, _work_in(group)))
            )

    def remember(self, task: asyncio.Task[None]) -> None:
        """asyncio itself keeps no task alive."""
        self.errands.add(task)
        task.add_done_callback(self.errands.discard)

    def forget_late(self) -> None:
        if self.late:
            self.late.cancel()
            self.late = None

    async def ask_for_another(self, group: str) -> None:
        conns = await connections.wake_another(group, kinds=self.agreed.kinds)
        await events.wake(conns, group)

    async def settle(self, lease: str, subtasks: list[int], settled: Settled) -> None:
        """Answer a result, failure or release, and pass on what follows from it."""
        log.debug(
            "settled",
            task=settled.task,
            lease=lease,
            subtasks=len(subtasks),
            refused=settled.reason,
        )
        if settled.reason:
            metrics.count("subtasks_refused", len(subtasks), settled.reason)
            await self.tell(protocol.Refused(lease=lease, reason=settled.reason, open=settled.open))
            return
        self.leased_kinds.settle(lease, len(subtasks))
        await self.tell(protocol.Accepted(lease=lease, subtasks=subtasks))
        group = group_of(lease)
        await events.cancel(settled.unwanted, "done_by_another")
        await self.pass_on(group, settled.wake, [settled.task] if settled.complete else [])
        if settled.task and not settled.complete:  # of a complete one its conclusion tells
            await announce_progress(settled.task, group)

    async def pass_on(self, group: str, wake: list[str], complete: list[str]) -> None:
        await events.wake(wake, group)
        await events.conclude_later(complete)

    async def reject(self, frame: protocol.Result, flaw: Flaw) -> None:
        """It is no partial of its kind: nothing of the lease is wanted any more, and others do it."""
        assert self.worker
        owner = self.worker.owner
        call = leasing.reject(
            frame.lease, worker=self.me, owner=owner, why=flaw.reason, message=flaw.message
        )
        rejected = await call
        self.leased_kinds.forget(frame.lease)
        if rejected.reason:
            await self.settle(frame.lease, frame.subtasks, rejected)
            return
        log.warning(
            "partial_rejected",
            task=rejected.task,
            lease=frame.lease,
            why=flaw.reason,
            message=flaw.message,
        )
        metrics.count("subtasks_refused", len(frame.subtasks), flaw.reason)
        await self.tell(
            protocol.Refused(lease=frame.lease, reason=flaw.reason, message=flaw.message)
        )
        group = group_of(frame.lease)
        await events.wake(rejected.wake, group)
        await announce_progress(rejected.task, group)
        if (
            flaw.reason == "bad_partial"
            and await offences.count_bad_partial(owner) >= settings.BAD_PARTIALS_MAX
        ):
            await self.suspend_owner(flaw.message)

    async def suspend_owner(self, last_error: str) -> None:
        """All workers of its owner get nothing more: their connections are told, and the owner has
        word why.
        """
        assert self.worker
        suspended = await database_sync_to_async(workers.suspend_all_of)(
            UUID(self.worker.owner), self.me, last_error
        )
        await events.workers_changed(suspended)

    async def suspend(self, last_error: str) -> None:
        """It fails everything: its other connections are told too, and its owner has word why."""
        await database_sync_to_async(workers.suspend)(self.me, last_error)
        await events.workers_changed([self.me])


def _note_lease(granted: Granted, seconds: float) -> None:
    log.debug("leased", task=granted.task, lease=granted.lease, subtasks=len(granted.subtasks))
    metrics.count("leases")
    metrics.count("subtasks_leased", len(granted.subtasks))
    metrics.observe("lease_seconds", seconds)


def _work_in(group: str) -> dict[str, str]:
    return {"type": "work.available", "group": group}
