"""`/ws/worker/`: one connection of one worker. A method a frame; what is accepted is decided by the
queue.

Leases, results and heartbeats touch Redis only; the database is asked when the worker says hello
and every MEMBERSHIP_CHECK_SECONDS, from a thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import time
from typing import Any

import structlog
from channels.db import database_sync_to_async
from django.conf import settings
from redis.exceptions import RedisError

from accounts.services import note_use
from accounts.socket_authentication import bearer_of, token_of
from core import databases, metrics, throttling
from core.address_limits import let_in
from firmlight_client import protocol
from tasks import events, statistics
from tasks.queue import connections, leasing
from tasks.queue.keys import group_of
from tasks.services import workers
from tasks.worker_socket.heartbeats import pulse
from tasks.worker_socket.partials import Flaw, NotChecked, flaw_in, may_be_decided
from tasks.worker_socket.presence import Presence

log = structlog.get_logger(__name__)


class WorkerConsumer(Presence):
    """From the handshake to the close."""

    door, said_bye = "worker", False

    async def connect(self) -> None:
        offered = protocol.SUBPROTOCOL in self.scope["subprotocols"]
        await self.accept(protocol.SUBPROTOCOL if offered else None)
        if not offered:
            return await self.stop(
                protocol.CLOSE_BAD_VERSION,
                "bad_version",
                f"Ask for the subprotocol {protocol.SUBPROTOCOL}.",
            )
        if await self.comes_too_often():
            return await self.stop(
                protocol.CLOSE_TOO_MANY,
                "too_many_connections",
                "This token connects too often: come back in a minute.",
            )
        self.bearer = await bearer_of(self.scope)
        if self.bearer is None:
            return await self.stop(
                protocol.CLOSE_BAD_TOKEN,
                "bad_token",
                "This token is not known here, or no longer valid.",
            )
        self.remember(asyncio.create_task(self.note_use()))
        self.clock = asyncio.create_task(self.keep_checking())
        return None

    async def note_use(self) -> None:
        """Beside the rest: while the database is locked workers must still get in."""
        assert self.bearer
        with contextlib.suppress(*databases.failures()):
            await database_sync_to_async(note_use)(self.bearer)

    async def comes_too_often(self) -> bool:
        """Counted before the database is asked: a loop of connections must cost little."""
        digest = hashlib.sha256(token_of(self.scope).encode("utf-8", "replace")).hexdigest()
        return await throttling.count_connect(digest) > settings.WORKER_CONNECTS_PER_MINUTE_MAX

    async def disconnect(self, code: int) -> None:
        """A lease call of the clock that is under way ends first, or it would grant to nobody."""
        self.stopped = True
        self.forget_late()
        async with self.leasing:
            if self.clock:
                self.clock.cancel()
        if self.worker is None:
            return
        log.info("worker_gone", code=code, said_bye=self.said_bye)
        how = (
            connections.RELEASED
            if self.said_bye
            else connections.KEPT
            if code == protocol.CLOSE_RESTARTING
            else connections.LOST
        )
        with contextlib.suppress(RedisError):  # it is away: the leases end at their deadline
            await self.channel_layer.group_discard(events.worker_topic(self.me), self.channel_name)
            for group in list(self.groups):
                await self.leave_group(group, how)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if self.stopped:
            return None
        self.heard = time.monotonic()
        try:
            frame = protocol.decode_from_worker(bytes_data or b"")
        except protocol.MalformedFrame as error:
            return await self.stop(protocol.CLOSE_MALFORMED, "malformed_frame", str(error))
        if (self.worker is None) != isinstance(frame, protocol.Hello):
            return await self.stop(
                protocol.CLOSE_MALFORMED, "unexpected_frame", "One hello comes first, and only one."
            )
        comes_back = self.is_forgotten
        if comes_back:
            await self.note_presence()
        await getattr(self, f"on_{frame.__struct_config__.tag}")(frame)
        if comes_back and self.free:
            await self.lease_all()
        return None

    # One method a frame

    async def on_hello(self, frame: protocol.Hello) -> None:
        if update := workers.update_of(frame.client_version):
            return await self.stop(protocol.CLOSE_BAD_VERSION, "client_too_old", update)
        same, refused = workers.match_kinds(frame.kinds)
        kept = await self.arrive(frame, same)
        assert self.worker
        let_in(self.scope)
        welcome = protocol.Welcome(
            worker=self.worker.id,
            name=self.worker.name,
            heartbeat_seconds=settings.HEARTBEAT_SECONDS,
            lease_seconds=settings.LEASE_SECONDS,
            frame_max_bytes=protocol.FRAME_MAX_BYTES,
            partial_bytes_max=settings.PARTIAL_BYTES_MAX,
            server_version=settings.SERVER_VERSION,
            leases=kept,
            groups=sorted(self.groups.values()),
            owner_groups=self.worker.duty.owned,
            refused_kinds=refused,
        )
        await self.tell(welcome)
        log.info("worker_here", slots=self.worker.slots, groups=len(self.groups), kept=len(kept))
        await self.tell_suspension()
        return None

    async def on_ready(self, frame: protocol.Ready) -> None:
        if frame.resting is not None:
            await self.note_resting(frame.resting)
        await self.refill(frame.slots, frame.received)

    async def on_heartbeat(self, frame: protocol.Heartbeat) -> None:
        self.note_received(frame.received)
        held = [*frame.leases, *self.under_way]
        pulse().add(self, held)
        await self.keep_resting()
        if foreign := self.foreign(held):
            await self.unwanted(foreign)

    async def on_result(self, frame: protocol.Result) -> None:
        try:
            await self.take_result(frame)
        except NotChecked:
            return await self.hang_up(protocol.CLOSE_RESTARTING)
        return await self.refill(frame.ready, frame.received)

    async def take_result(self, frame: protocol.Result) -> None:
        if len(frame.partial) > settings.PARTIAL_BYTES_MAX:
            metrics.count("subtasks_refused", len(frame.subtasks), "too_large")
            await self.tell(
                protocol.Refused(lease=frame.lease, reason="too_large", open=frame.subtasks)
            )
        elif flaw := await self.flaw_in(frame):
            await self.reject(frame, flaw)
        else:
            kind_key = await self.leased_kinds.of(frame.lease, self.me) if frame.decided else ""
            call = leasing.complete(
                frame.lease,
                worker=self.me,
                subtasks=frame.subtasks,
                partial=frame.partial,
                seconds=frame.seconds,
                decided=may_be_decided(kind_key),
            )
            settled = await call
            if not settled.reason:
                metrics.count("subtasks_completed", len(frame.subtasks))
                statistics.note_done(group_of(frame.lease), len(frame.subtasks))
            await self.settle(frame.lease, frame.subtasks, settled)

    async def flaw_in(self, frame: protocol.Result) -> Flaw | None:
        """Whether its partial is none of its lease's kind. A lease that is not known the queue
        refuses anyway.
        """
        assert self.worker
        kind_key = await self.leased_kinds.of(frame.lease, self.me)
        return await flaw_in(frame.partial, kind_key, self.worker.owner) if kind_key else None

    async def on_failure(self, frame: protocol.Failure) -> None:
        call = leasing.fail(
            frame.lease,
            worker=self.me,
            subtask=frame.subtask,
            error=_storable(frame.error),
            message=_storable(frame.message),
            traceback=_storable(frame.traceback),
            seconds=frame.seconds,
        )
        settled = await call
        metrics.count("subtasks_failed", 0 if settled.reason else 1)
        await self.settle(frame.lease, [frame.subtask], settled)
        if settled.streak:
            await self.suspend(f"{frame.error}: {frame.message}".rstrip(": "))
            await self.check()
        await self.refill(frame.ready, frame.received)

    async def on_release(self, frame: protocol.Release) -> None:
        call = leasing.release(frame.lease, worker=self.me, subtasks=frame.subtasks)
        await self.settle(frame.lease, frame.subtasks, await call)
        await self.lease_all()  # what it held may have been all that its owner agreed to

    async def on_bye(self, frame: protocol.Bye) -> None:
        self.said_bye = True
        await self.close()

    # What the channel layer brings

    async def work_available(self, message: dict[str, Any]) -> None:
        if self.free and not self.suspended:
            await self.lease_all(first=message["group"])
        else:  # it is busy after all: the wake must not end here
            await self.ask_for_another(message["group"])

    async def leases_cancelled(self, message: dict[str, Any]) -> None:
        await self.tell(protocol.Cancel(leases=message["leases"], reason=message["reason"]))
        await self.lease_all()  # a slot may be free already that had to wait for their end

    async def worker_changed(self, message: dict[str, Any]) -> None:
        if self.worker:
            await self.check()

    async def worker_drain(self, message: dict[str, Any]) -> None:
        self.free = 0
        await self.tell(protocol.Drain(reason="asked for by its owner"))


def _storable(text: str) -> str:
    """An error may say anything; PostgreSQL keeps no NUL."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")
