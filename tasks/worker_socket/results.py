"""What a worker gives back: results, failures and releases.

Each goes to the queue, which decides what counts, and its answer goes to the worker.
"""

from __future__ import annotations

import time
from uuid import UUID

import structlog
from channels.db import database_sync_to_async
from django.conf import settings

from core import metrics
from firmlight_client import protocol
from firmlight_client.text import LINE_BREAKS, visible
from tasks import events, offences
from tasks.frame_budget import FrameMeter
from tasks.queue import leasing
from tasks.queue.answers import Failing, Settled
from tasks.queue.keys import group_of
from tasks.services import workers
from tasks.worker_socket import frame_costs, throughput_notes
from tasks.worker_socket.connection import Connection
from tasks.worker_socket.leased_kinds import LeasedKinds
from tasks.worker_socket.partials import Flaw, can_prove, flaw_in, may_be_decided
from tasks.worker_socket.progress_throttle import announce_progress
from tasks.worker_socket.session import Session
from tasks.worker_socket.too_large import TooLarge

# Of one owner's workers, while those of others are there too.
NO_ROOM_LEFT = "too much beside what your other results of this submitter's tasks take already"
log = structlog.get_logger(__name__)


class Results:
    """Those of one connection. Redis only; the database is asked where a worker is suspended."""

    def __init__(
        self,
        connection: Connection,
        session: Session,
        leased_kinds: LeasedKinds,
        meter: FrameMeter,
    ) -> None:
        self.connection, self.session = connection, session
        self.leased_kinds, self.meter = leased_kinds, meter
        self.too_large = TooLarge()

    async def complete(self, frame: protocol.Result) -> None:
        """Give a result to the queue. Raises NotChecked if its partial cannot be looked at now."""
        worker = self.session.me
        if len(frame.partial) > settings.PARTIAL_BYTES_MAX:
            sizes = f"{len(frame.partial):,} bytes; at most {settings.PARTIAL_BYTES_MAX:,}"
            await self._refuse_too_large(frame, sizes)
            return
        kind_key = self.leased_kinds.find(frame.lease)
        if not kind_key:
            kind_key = await leasing.kind_of(frame.lease, worker=worker.id)
        flaw = None
        if kind_key:  # a lease that Redis does not know is refused by the queue
            flaw = await flaw_in(frame.partial, kind_key, worker.owner)
        if flaw:
            await self._reject(frame, flaw)
            return
        call = leasing.complete(
            frame.lease,
            worker=worker.id,
            subtasks=frame.subtasks,
            partial=frame.partial,
            seconds=frame.seconds,
            decided=frame.decided and may_be_decided(kind_key),
            proves=can_prove(kind_key),
        )
        settled = await call
        if settled.reason == "too_large":
            await self._refuse_too_large(frame, NO_ROOM_LEFT)
            return
        if not settled.reason:
            if settled.is_check:
                metrics.count("subtasks_recomputed", len(frame.subtasks))
            else:
                metrics.count("subtasks_completed", len(frame.subtasks))
                metrics.count("checks_drawn", int(settled.drawn))
                throughput_notes.note_done(group_of(frame.lease), len(frame.subtasks))
            self.meter.give_back()  # a fast worker sends a thousand in a second
        await self._answer(frame.lease, frame.subtasks, settled)
        for failing in settled.failing:
            await _suspend(failing)

    async def fail(self, frame: protocol.Failure) -> None:
        """Count a failure."""
        call = leasing.fail(
            frame.lease,
            worker=self.session.me.id,
            subtask=frame.subtask,
            error=_storable(frame.error),
            message=_storable(frame.message),
            traceback=_storable(frame.traceback),
            seconds=frame.seconds,
        )
        settled = await call
        if not settled.reason:
            metrics.count("subtasks_failed")
            self.meter.give_back()
        await self._answer(frame.lease, [frame.subtask], settled)

    async def release(self, frame: protocol.Release) -> None:
        """Give subtasks back undone."""
        call = leasing.release(frame.lease, worker=self.session.me.id, subtasks=frame.subtasks)
        await self._answer(frame.lease, frame.subtasks, await call)

    async def _answer(self, lease: str, subtasks: list[int], settled: Settled) -> None:
        """Tell the worker what the queue made of it, and pass on what follows."""
        log.debug(
            "settled",
            task=settled.task,
            lease=lease,
            subtasks=len(subtasks),
            refused=settled.reason,
        )
        if settled.reason:
            self._count_refused()
            metrics.count("subtasks_refused", len(subtasks), settled.reason)
            await self.connection.send(
                protocol.Refused(lease=lease, reason=settled.reason, open=settled.open)
            )
            return
        self.leased_kinds.settle(lease, len(subtasks))
        await self.connection.send(protocol.Accepted(lease=lease, subtasks=subtasks))
        group = group_of(lease)
        await events.cancel(settled.unwanted, "done_by_another")
        complete = [settled.task] if settled.complete else []
        await events.follow_up(group, settled.wake, complete)
        if settled.compare:
            await events.compare_later(settled.task)
        if settled.task and not settled.complete:  # its conclusion announces a complete one
            await announce_progress(settled.task, group)

    # Results that are not taken

    def _count_refused(self) -> None:
        """It cost what an accepted one costs, and nobody has anything of it."""
        self.meter.charge(frame_costs.REFUSED, time.monotonic())

    async def _refuse_too_large(self, frame: protocol.Result, why: str) -> None:
        """Let the worker send parts of it, but not for ever.

        All of its subtasks stay open, so a worker that sends the same again would never end.
        """
        self._count_refused()
        times = self.too_large.count(frame.lease)
        if times > settings.RESULTS_TOO_LARGE_MAX:
            message = f"{times:,} results of this lease were too large, the last one {why}"
            await self._reject(frame, Flaw("bad_partial", message))
            return
        metrics.count("subtasks_refused", len(frame.subtasks), "too_large")
        await self.connection.send(
            protocol.Refused(
                lease=frame.lease, reason="too_large", open=frame.subtasks, message=why
            )
        )

    async def _reject(self, frame: protocol.Result, flaw: Flaw) -> None:
        """Take the lease away: it is no partial of its kind, and other workers compute it."""
        worker = self.session.me
        call = leasing.reject(
            frame.lease,
            worker=worker.id,
            owner=worker.owner,
            why=flaw.reason,
            message=flaw.message,
        )
        rejected = await call
        self.leased_kinds.forget(frame.lease)
        if rejected.reason:
            await self._answer(frame.lease, frame.subtasks, rejected)
            return
        self._count_refused()
        log.warning(
            "partial_rejected",
            task=rejected.task,
            lease=frame.lease,
            why=flaw.reason,
            message=flaw.message,
        )
        metrics.count("subtasks_refused", len(frame.subtasks), flaw.reason)
        await self.connection.send(
            protocol.Refused(lease=frame.lease, reason=flaw.reason, message=flaw.message)
        )
        group = group_of(frame.lease)
        await events.wake(rejected.wake, group)
        await announce_progress(rejected.task, group)
        if flaw.reason == "bad_partial":
            await self._count_bad_partial(flaw.message)

    async def _count_bad_partial(self, last_error: str) -> None:
        """With too many of them, all workers of this owner get nothing more."""
        worker = self.session.me
        if await offences.count_bad_partial(worker.owner) < settings.BAD_PARTIALS_MAX:
            return
        suspend_all = database_sync_to_async(workers.suspend_all_of)
        suspended = await suspend_all(UUID(worker.owner), worker.id, last_error)
        await events.workers_changed(suspended)


async def _suspend(failing: Failing) -> None:
    """Suspend a worker that fails what others can do, or all of its owner's, who learn why."""
    if failing.all:
        suspend_all = database_sync_to_async(workers.suspend_failing_owner)
        suspended = await suspend_all(UUID(failing.owner))
    else:
        await database_sync_to_async(workers.suspend)(failing.worker)
        suspended = [failing.worker]
    await events.workers_changed(suspended)


def _storable(text: str) -> str:
    """An error may say anything, and is shown to others; PostgreSQL keeps no NUL."""
    return visible(text, keep=LINE_BREAKS)[: protocol.WORDS_CHARS_MAX]
