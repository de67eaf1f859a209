"""`/ws/worker/`: one connection of one worker. A method a frame; what is accepted is decided by the queue.

Leases, results and heartbeats touch Redis only; the database is asked when the worker says hello and every
MEMBERSHIP_CHECK_SECONDS, from a thread.
"""

from __future__ import annotations

import asyncio
import random
from typing import Any

import structlog
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from redis.exceptions import RedisError

from accounts.selectors import Bearer
from accounts.services import note_use
from firmlight_client import protocol
from tasks import events, queue
from tasks.consumers import doors
from tasks.services import workers

log = structlog.get_logger(__name__)
SERVER_STOPS = 1012


class WorkerConsumer(AsyncWebsocketConsumer):
    """State of a connection. `free` slots are the worker's credit, `leased` counts the leases sent to it;
    `kinds` are those of equal version here and there.
    """

    bearer: Bearer | None = None
    worker: workers.Enrolled | None = None
    free = 0
    leased = 0
    said_bye = False
    stopped = False
    clock: asyncio.Task[None] | None = None

    async def connect(self) -> None:
        self.leasing = asyncio.Lock()
        self.groups: dict[str, str] = {}
        self.kinds: list[str] = []
        offered = protocol.SUBPROTOCOL in self.scope["subprotocols"]
        await self.accept(protocol.SUBPROTOCOL if offered else None)
        self.bearer = await doors.bearer_of(self.scope)
        if not offered:
            await self.stop(
                protocol.CLOSE_BAD_VERSION, "bad_version", f"Ask for the subprotocol {protocol.SUBPROTOCOL}."
            )
        elif self.bearer is None:
            await self.stop(protocol.CLOSE_BAD_TOKEN, "bad_token", "This token is not known here, or no longer valid.")
        else:
            await database_sync_to_async(note_use)(self.bearer)
            self.clock = asyncio.create_task(self.keep_checking())

    async def disconnect(self, code: int) -> None:
        if self.clock:
            self.clock.cancel()
        if self.worker:
            how = queue.RELEASED if self.said_bye else queue.KEPT if code == SERVER_STOPS else queue.LOST
            for group in list(self.groups):
                await self.leave_group(group, how)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if self.stopped:
            return None
        try:
            frame = protocol.decode_from_worker(bytes_data or b"")
        except protocol.MalformedFrame as error:
            return await self.stop(protocol.CLOSE_MALFORMED, "malformed_frame", str(error))
        if (self.worker is None) != isinstance(frame, protocol.Hello):
            return await self.stop(protocol.CLOSE_MALFORMED, "unexpected_frame", "One hello comes first, and only one.")
        try:
            await getattr(self, f"on_{frame.__struct_config__.tag}")(frame)
        except RedisError:
            log.exception("redis_away", worker=self.worker and self.worker.id)
            await self.close(protocol.CLOSE_RESTARTING)
        return None

    # One method a frame

    async def on_hello(self, frame: protocol.Hello) -> None:
        assert self.bearer
        self.worker = await database_sync_to_async(workers.enrol)(self.bearer.user, frame)
        self.kinds, refused = workers.match_kinds(frame.kinds)
        self.groups = self.worker.groups
        kept = await self.adopt(frame.leases)
        await self.note_presence([])
        await self.tell(
            protocol.Welcome(
                worker=self.worker.id,
                name=self.worker.name,
                heartbeat_seconds=settings.HEARTBEAT_SECONDS,
                lease_seconds=settings.LEASE_SECONDS,
                frame_max_bytes=protocol.FRAME_MAX_BYTES,
                partial_bytes_max=settings.PARTIAL_BYTES_MAX,
                server_version=settings.SERVER_VERSION,
                leases=kept,
                groups=sorted(self.groups.values()),
                refused_kinds=refused,
            )
        )

    async def on_ready(self, frame: protocol.Ready) -> None:
        await self.refill(frame.slots, frame.received)

    async def on_heartbeat(self, frame: protocol.Heartbeat) -> None:
        unwanted = await self.note_presence(frame.leases)
        if unwanted:
            await self.tell(protocol.Cancel(leases=unwanted, reason="not_wanted"))

    async def on_result(self, frame: protocol.Result) -> None:
        if len(frame.partial) > settings.PARTIAL_BYTES_MAX:
            await self.tell(protocol.Refused(lease=frame.lease, reason="too_large", open=frame.subtasks))
        else:
            call = queue.complete(
                frame.lease,
                worker=self.me,
                subtasks=frame.subtasks,
                partial=frame.partial,
                seconds=frame.seconds,
                decided=frame.decided,
            )
            await self.settle(frame.lease, frame.subtasks, await call)
        await self.refill(frame.ready, frame.received)

    async def on_failure(self, frame: protocol.Failure) -> None:
        call = queue.fail(
            frame.lease,
            worker=self.me,
            subtask=frame.subtask,
            error=frame.error,
            message=frame.message,
            traceback=frame.traceback,
            seconds=frame.seconds,
        )
        await self.settle(frame.lease, [frame.subtask], await call)
        await self.refill(frame.ready, frame.received)

    async def on_release(self, frame: protocol.Release) -> None:
        call = queue.release(frame.lease, worker=self.me, subtasks=frame.subtasks)
        await self.settle(frame.lease, frame.subtasks, await call)

    async def on_bye(self, frame: protocol.Bye) -> None:
        self.said_bye = True
        await self.close()

    # What the channel layer brings

    async def work_available(self, message: dict[str, Any]) -> None:
        if self.free:
            await self.lease_all(first=message["group"])
        else:  # it is busy after all: the wake must not end here
            await self.ask_for_another(message["group"])

    async def leases_cancelled(self, message: dict[str, Any]) -> None:
        await self.tell(protocol.Cancel(leases=message["leases"], reason=message["reason"]))

    # Leasing

    @property
    def me(self) -> str:
        assert self.worker
        return self.worker.id

    async def refill(self, free: int, received: int | None) -> None:
        """Lease to the free slots, less those for which a lease was under way when it counted them."""
        under_way = 0 if received is None else max(self.leased - received, 0)
        self.free = max(free - under_way, 0)
        await self.lease_all()

    async def lease_all(self, first: str = "") -> None:
        """Lease to every free slot from the groups in turn, until a round over all of them brings nothing."""
        async with self.leasing:
            row = sorted(self.groups, key=lambda group: (group != first, random.random()))  # noqa: S311  only spreads
            for group in row:
                while self.free and not self.stopped and await self.lease_one(group):
                    self.free -= 1

    async def lease_one(self, group: str) -> bool:
        assert self.worker
        call = queue.lease(group, worker=self.me, owner=self.worker.owner, conn=self.channel_name, kinds=self.kinds)
        leased = await call
        await self.pass_on(group, leased.wake, leased.complete)
        work = leased.granted
        if work is None:
            return False
        self.leased += 1
        await self.tell(
            protocol.Lease(
                lease=work.lease,
                task=work.task,
                group=group,
                kind=work.kind.partition("@")[0],
                subtasks=work.subtasks,
                payloads=work.payloads,
                subtask_seconds_max=work.seconds_max,
            )
        )
        return True

    async def ask_for_another(self, group: str) -> None:
        conns = await queue.wake_another(group, kinds=self.kinds)
        await events.wake(conns, group)

    async def settle(self, lease: str, subtasks: list[int], settled: queue.Settled) -> None:
        """Answer a result, failure or release, and pass on what follows from it."""
        if settled.reason:
            await self.tell(protocol.Refused(lease=lease, reason=settled.reason, open=settled.open))
            return
        await self.tell(protocol.Accepted(lease=lease, subtasks=subtasks))
        group = queue.group_of(lease)
        await events.cancel(settled.unwanted, "done_by_another")
        await self.pass_on(group, settled.wake, [settled.task] if settled.complete else [])
        if settled.task and not settled.complete:  # of a complete one its conclusion tells
            await doors.announce_progress(settled.task, group)

    async def pass_on(self, group: str, wake: list[str], complete: list[str]) -> None:
        await events.wake(wake, group)
        await events.conclude_later(complete)

    # Presence

    async def adopt(self, leases: list[str]) -> list[str]:
        kept: list[str] = []
        for group in self.groups:
            mine = [lease for lease in leases if queue.group_of(lease) == group]
            if mine:
                kept += await queue.adopt(group, worker=self.me, conn=self.channel_name, leases=mine)
        return kept

    async def note_presence(self, leases: list[str]) -> list[str]:
        """Beat in every group; returns the leases of which nothing is wanted, those of foreign groups included."""
        assert self.worker
        unwanted = [lease for lease in leases if queue.group_of(lease) not in self.groups]
        for group in self.groups:
            mine = [lease for lease in leases if queue.group_of(lease) == group]
            unwanted += await queue.beat(
                group, worker=self.me, conn=self.channel_name, kinds=self.kinds, slots=self.worker.slots, leases=mine
            )
        return unwanted

    async def leave_group(self, group: str, how: str) -> None:
        assert self.worker
        left = await queue.leave(
            group, worker=self.me, conn=self.channel_name, kinds=self.kinds, slots=self.worker.slots, how=how
        )
        await self.pass_on(group, left.wake, left.complete)

    async def keep_checking(self) -> None:
        """Who never says hello is closed; later token and membership are asked for again, and work too."""
        await asyncio.sleep(settings.HELLO_SECONDS_MAX)
        if self.worker is None:
            await self.stop(protocol.CLOSE_MALFORMED, "no_hello", "No hello came.")
            return
        every = min(settings.MEMBERSHIP_CHECK_SECONDS, settings.IDLE_ASK_SECONDS)
        while not self.stopped:
            await asyncio.sleep(every * random.uniform(0.8, 1.0))  # noqa: S311  spreads thousands of checks
            await self.check()

    async def check(self) -> None:
        assert self.bearer and self.worker
        still = await database_sync_to_async(workers.check)(self.bearer, self.worker)
        if still is None:
            await self.stop(protocol.CLOSE_BAD_TOKEN, "bad_token", "This token is no longer valid.")
            return
        for group in self.groups.keys() - still.keys():
            await self.leave_group(group, queue.RELEASED)
        self.groups = still
        if self.free:
            await self.lease_all()

    # Sending

    async def tell(self, frame: protocol.Frame) -> None:
        if not self.stopped:
            await self.send(bytes_data=protocol.encode(frame))

    async def stop(self, close: int, code: str, message: str) -> None:
        await self.tell(protocol.Error(code=code, message=message))
        self.stopped = True
        await self.close(close)
