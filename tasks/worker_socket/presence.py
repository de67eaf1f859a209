"""Whether a worker is here, and what it may still do: heartbeats, and a look into the database now
and then.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Mapping

import structlog
from channels.db import database_sync_to_async
from django.conf import settings
from redis.exceptions import RedisError
from structlog.contextvars import bind_contextvars

from core import databases, metrics
from firmlight_client import protocol
from tasks import events
from tasks.consent import Agreement, group_key
from tasks.queue import connections, presence
from tasks.queue.keys import group_of, online_seconds
from tasks.queue.scripts import Call
from tasks.services import workers
from tasks.worker_socket.heartbeats import pulse
from tasks.worker_socket.leasing import Leasing

log = structlog.get_logger(__name__)

GROUPS_CHANGED = (
    "Your groups have changed: which of them the worker's rules are about is looked up again."
)


class Presence(Leasing):
    """`clock` checks the connection as long as it is open; `noted` is when it was last noted as
    here.
    """

    clock: asyncio.Task[None] | None = None
    noted = 0.0

    async def arrive(self, frame: protocol.Hello, kinds: list[str]) -> list[str]:
        """Enter the worker and its duty; returns the leases it named that are still its own.

        `kinds` are the ["NAME@version"] that both sides have alike.
        """
        assert self.bearer
        self.worker = await database_sync_to_async(workers.enrol)(self.bearer.user, frame)
        bind_contextvars(worker=self.me)
        await self.channel_layer.group_add(events.worker_topic(self.me), self.channel_name)
        self.groups, self.suspended = self.worker.duty.groups, self.worker.duty.suspended
        self.agreed = Agreement(self.worker.consent, kinds)
        self.agreed.unfit = bool(self.worker.unfit.intersection(self.worker.consent))
        kept = await self.adopt(frame.leases)
        await self.note_presence()
        for group in self.groups:
            await events.group_changed(group)
        return kept

    async def adopt(self, leases: list[str]) -> list[str]:
        kept: list[str] = []
        for group in self.groups:
            mine = [lease for lease in leases if group_of(lease) == group]
            if mine:
                kept += await connections.adopt(
                    group, worker=self.me, conn=self.channel_name, leases=mine
                )
        return kept

    async def note_presence(self) -> None:
        """It is here, in every group, from now on and not from the next heartbeat."""
        for call in self.beats([]):
            await call
        await self.keep_resting()

    def foreign(self, leases: list[str]) -> list[str]:
        return [lease for lease in leases if group_of(lease) not in self.groups]

    def beats(self, leases: list[str]) -> list[Call[list[str]]]:
        """For each group: it is here, and holds those of these leases that are the group's.

        Who is suspended only renews what it holds: nobody must wait for it to take anything.
        """
        assert self.worker
        self.noted = time.monotonic()
        calls = []
        for group in self.groups:
            kinds = [] if self.suspended else self.kinds_of(group)
            slots = self.agreed.slots_for(group, self.worker.slots) if kinds else 0
            mine = [lease for lease in leases if group_of(lease) == group]
            call = connections.beat(
                group,
                worker=self.me,
                owner=self.worker.owner,
                conn=self.channel_name,
                kinds=kinds,
                slots=slots,
                leases=mine,
            )
            calls.append(call)
        return calls

    async def keep_resting(self) -> None:
        """People see why it rests for as long as it says so."""
        for group in list(self.groups):
            if why := self.agreed.why_resting(group):
                await presence.note_resting(group, self.me, why)

    async def unwanted(self, leases: list[str]) -> None:
        await self.tell(protocol.Cancel(leases=leases, reason="not_wanted"))

    async def note_resting(self, resting: Mapping[str, str]) -> None:
        """Where it rests nobody must wait for it to take anything; people see why."""
        assert self.worker
        before = {group: self.agreed.why_resting(group) for group in self.groups}
        owned = self.worker.duty.owned
        self.agreed.resting = {group_key(written, owned): why for written, why in resting.items()}
        for group, was in before.items():
            now = self.agreed.why_resting(group)
            if was == now:
                continue
            await presence.note_resting(group, self.me, now)
            if not was:
                await self.leave_group(group, connections.KEPT)
            await events.group_changed(group)
        await self.note_presence()

    async def leave_group(self, group: str, how: str) -> None:
        assert self.worker
        await pulse().settled()
        left = await connections.leave(
            group,
            worker=self.me,
            owner=self.worker.owner,
            conn=self.channel_name,
            kinds=self.agreed.kinds,
            slots=self.worker.slots,
            how=how,
        )
        metrics.count("subtasks_requeued", left.requeued)
        if how != connections.KEPT:
            await presence.note_resting(group, self.me, "")
        await self.pass_on(group, left.wake, left.complete)
        await events.group_changed(group)

    async def keep_checking(self) -> None:
        """Who never says hello is closed; later token and membership are asked for again, and work
        too.
        """
        await asyncio.sleep(settings.HELLO_SECONDS_MAX)
        if not self.heard:
            await self.stop(protocol.CLOSE_NO_HELLO, "no_hello", "No hello came.")
            return
        every = min(settings.MEMBERSHIP_CHECK_SECONDS, settings.IDLE_ASK_SECONDS)
        while not self.stopped:
            await asyncio.sleep(every * random.uniform(0.8, 1.0))  # noqa: S311  spreads thousands of checks
            try:
                await self.check()
            except databases.failures(RedisError):
                log.warning(
                    "check_failed", worker=self.me, exc_info=True
                )  # the next round tries again

    async def check(self) -> None:
        if self.bearer is None or self.worker is None:
            return  # its hello is still being answered: the database may be slow
        duty = await database_sync_to_async(workers.check)(self.bearer, self.worker)
        if duty is None:
            await self.stop(protocol.CLOSE_BAD_TOKEN, "bad_token", "This token is no longer valid.")
            return
        for group in self.groups.keys() - duty.groups.keys():
            await self.drop_group(group)
        self.groups = duty.groups
        if not workers.fits_as_before(self.worker, duty.owned):
            await self.look_up_again()
            return
        await self.note_suspension(duty.suspended)
        if self.free and not self.is_silent:
            await self.lease_all()

    async def look_up_again(self) -> None:
        """A rule or a `--group` fits a group now, or none any more: the worker says hello anew, and
        both know.
        """
        for group in self.groups:
            await presence.note_resting(group, self.me, "")
        await self.stop(protocol.CLOSE_RESTARTING, "groups_changed", GROUPS_CHANGED)

    async def drop_group(self, group: str) -> None:
        """It serves this group no longer: what it holds of it goes to others, and it stops."""
        held = await connections.leases_of(group, self.channel_name)
        await self.leave_group(group, connections.RELEASED)
        if held:
            await self.tell(protocol.Cancel(leases=held, reason="not_a_member"))

    async def note_suspension(self, reason: str) -> None:
        if reason == self.suspended:
            return
        self.suspended = reason
        if reason:
            for group in self.groups:
                await self.leave_group(group, connections.KEPT)
            await self.tell_suspension()
        else:
            await self.note_presence()

    async def tell_suspension(self) -> None:
        if self.suspended:
            await self.tell(protocol.Error(code="suspended", message=self.suspended))

    @property
    def is_forgotten(self) -> bool:
        """It was silent for so long that it counts as gone: of work that came meanwhile it was not
        told.
        """
        return self.worker is not None and time.monotonic() - self.noted > online_seconds()

    @property
    def is_silent(self) -> bool:
        """Nothing came for as long as a lease lasts: the line may be cut, and work sent into it
        would be late.
        """
        return time.monotonic() - self.heard > online_seconds()
