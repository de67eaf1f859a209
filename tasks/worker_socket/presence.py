"""Whether a worker is here, and what it may still do, as the queue and other people see it."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterable, Mapping
from typing import assert_never

import structlog
from channels.db import database_sync_to_async
from django.conf import settings
from redis.exceptions import RedisError
from structlog.contextvars import bind_contextvars

from core import databases, metrics
from firmlight_client import protocol
from tasks import events
from tasks.queue import connections, presence
from tasks.queue.scripts import Call, run_all_later
from tasks.services import workers
from tasks.worker_socket import heartbeats, session
from tasks.worker_socket.connection import Connection
from tasks.worker_socket.leasing import Leasing

REST_SECONDS = 1.0  # between two news of where a worker rests
log = structlog.get_logger(__name__)


class Presence:
    """Takes the steps that the session's rules lead to."""

    def __init__(self, connection: Connection, rules: session.Session, leasing: Leasing) -> None:
        self.connection, self.session, self.leasing = connection, rules, leasing
        self._rest_told_at = -REST_SECONDS
        self._rest_due: asyncio.TimerHandle | None = None

    # Coming

    async def arrive(self, frame: protocol.Hello, kinds: list[str]) -> list[str]:
        """Enter the worker; returns the leases it named that are still its own.

        `kinds` are the ["NAME@version"] that both sides have alike.
        """
        bearer = self.session.bearer
        assert bearer
        worker = await database_sync_to_async(workers.enrol)(bearer.user, frame)
        bind_contextvars(worker=worker.id)
        await self.connection.join(events.worker_topic(worker.id))
        self.session.begin(worker, kinds)
        kept = await self._adopt(frame.leases)
        await self.note()
        for group in self.session.groups:
            await events.group_changed(group)
        return kept

    async def _adopt(self, leases: list[str]) -> list[str]:
        """Move the leases of an earlier connection to this one; returns those still of use."""
        kept: list[str] = []
        for group, mine in self.session.by_group(leases).items():
            kept += await connections.adopt(
                group, worker=self.session.worker_id, conn=self.connection.name, leases=mine
            )
        return kept

    # Being here

    async def note(self) -> None:
        """Note the worker as here in every group, now and not with the next heartbeat."""
        await run_all_later(self.beats([]))

    async def rest(self, resting: Mapping[str, str]) -> None:
        """The worker rests in these groups now {id, name or ALL_GROUPS: why}.

        Others get news of what follows at most every REST_SECONDS: it takes some calls to Redis in
        each group.
        """
        self.session.rest(resting)
        if self._rest_due is not None:
            return  # it will tell this, too
        loop = asyncio.get_running_loop()
        wait_seconds = self._rest_told_at + REST_SECONDS - loop.time()
        if wait_seconds <= 0:
            await self.tell_rest()
        else:
            self._rest_due = loop.call_later(wait_seconds, self._remind_of_rest)

    def _remind_of_rest(self) -> None:
        self.connection.in_background(self.connection.remind({"type": "worker.rests"}))

    async def tell_rest(self) -> None:
        """Show where the worker rests now, and let no task wait for it there."""
        self._rest_due = None
        self._rest_told_at = asyncio.get_running_loop().time()
        await self._take(self.session.after_rest())

    def stop(self) -> None:
        """The connection is closed: no more news of it."""
        if self._rest_due:
            self._rest_due.cancel()

    async def say_suspended(self) -> None:
        """If the worker is suspended, say why."""
        await self._take(self.session.suspension())

    # What the heartbeats of this process ask of it (see `heartbeats.Beating`)

    @property
    def stopped(self) -> bool:
        return self.connection.stopped

    def beats(self, leases: list[str]) -> list[Call[list[str]]]:
        """Return the calls that note it as here in each group and renew these leases."""
        self.session.noted_at = time.monotonic()
        worker = self.session.me
        return [
            connections.beat(
                beat.group,
                worker=worker.id,
                owner=worker.owner,
                conn=self.connection.name,
                kinds=beat.kinds,
                slots=beat.slots,
                leases=beat.leases,
                resting=beat.resting,
            )
            for beat in self.session.beats(leases)
        ]

    async def unwanted(self, leases: list[str]) -> None:
        """Nothing of these leases is wanted any more."""
        cancel = protocol.Cancel(leases=leases, reason="not_wanted")
        # A worker that reads nothing must not hold up the heartbeats of all others.
        self.connection.in_background(self.connection.send(cancel))

    async def broken(self, at: str) -> None:
        """Redis or the database did not answer; called while the error is handled.

        The worker hears that the server restarts: it comes back later, and keeps its leases.
        """
        log.exception("line_broken", worker=self.session.worker_id, message=at)
        await self.connection.hang_up(protocol.CLOSE_RESTARTING)

    # Checks

    async def keep_checking(self) -> None:
        """Close the connection if no hello comes; afterwards check it as long as it is open."""
        await asyncio.sleep(settings.HELLO_SECONDS_MAX)
        if self.session.heard_at is None:
            await self.connection.stop(protocol.CLOSE_NO_HELLO, "no_hello", "No hello came.")
            return
        every = min(settings.MEMBERSHIP_CHECK_SECONDS, settings.IDLE_ASK_SECONDS)
        while not self.connection.stopped:
            pause = every * random.uniform(0.8, 1.0)  # noqa: S311  spreads thousands of checks
            await asyncio.sleep(pause)
            try:
                await self.check()
            except databases.failures(RedisError):  # the next round tries again
                log.warning("check_failed", worker=self.session.worker_id, exc_info=True)

    async def check(self) -> None:
        """Ask the database what the worker may do now, and lease to its free slots."""
        bearer, worker = self.session.bearer, self.session.worker
        if bearer is None or worker is None:
            return  # its hello is still being answered: the database may be slow
        duty = await database_sync_to_async(workers.check)(bearer, worker)
        await self._take(self.session.after_check(duty))

    # Steps

    async def _take(self, steps: Iterable[session.Step]) -> None:
        for step in steps:
            await self._take_one(step)

    async def _take_one(self, step: session.Step) -> None:
        match step:
            case session.Send():
                await self.connection.send(step.frame)
            case session.Close():
                await self.connection.stop(step.close, step.code, step.message)
            case session.NotePresence():
                await self.note()
            case session.ShowResting():
                await presence.note_resting(step.group, self.session.worker_id, step.why)
            case session.LeaveGroup():
                await self._leave_group(step.group, connections.KEPT)
            case session.DropGroup():
                await self._drop_group(step.group)
            case session.AnnounceGroup():
                await events.group_changed(step.group)
            case session.LeaseMore():
                await self._lease_more()
            case _:
                assert_never(step)

    async def _lease_more(self) -> None:
        if self.leasing.credit.free and not self.session.is_silent(time.monotonic()):
            await self.leasing.fill()

    async def _drop_group(self, group: str) -> None:
        held = await connections.leases_of(group, self.connection.name)
        await self._leave_group(group, connections.RELEASED)
        if held:
            await self.connection.send(protocol.Cancel(leases=held, reason="not_a_member"))

    async def _leave_group(self, group: str, how: str) -> None:
        """The queue forgets the connection in this group; `how`: what its leases become."""
        worker = self.session.me
        await heartbeats.shared().settled()
        left = await connections.leave(
            group,
            worker=worker.id,
            owner=worker.owner,
            conn=self.connection.name,
            kinds=self.session.agreement.kinds,
            how=how,
        )
        metrics.count("subtasks_requeued", left.requeued)
        if how != connections.KEPT:
            await presence.note_resting(group, worker.id, "")
        await events.follow_up(group, left.wake, left.complete)
        await events.group_changed(group)

    # Leaving

    async def leave(self, close: int) -> None:
        """The connection is closed with this code: give back or keep what the worker held."""
        how = self.session.how_it_leaves(close)
        await self.connection.part(events.worker_topic(self.session.worker_id))
        for group in list(self.session.groups):
            await self._leave_group(group, how)
