"""`/ws/worker/`: frames and messages of the channel layer become calls of the parts.

No rule stands here: `session` says what is accepted, the queue decides what counts.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import time
from collections.abc import Coroutine
from typing import Any, assert_never

import structlog
from channels.db import database_sync_to_async
from django.conf import settings
from redis.exceptions import RedisError

from accounts.selectors import Bearer
from accounts.services import note_use
from accounts.socket_authentication import bearer_of, token_of
from core import databases, throttling
from core.address_limits import mark_owner_known
from firmlight_client import protocol
from tasks import consent
from tasks.frame_budget import FrameBudget, FrameMeter, Verdict
from tasks.services import workers
from tasks.socket_base import Socket
from tasks.worker_socket import frame_costs, heartbeats
from tasks.worker_socket.connection import Connection
from tasks.worker_socket.credit import Credit
from tasks.worker_socket.leased_kinds import LeasedKinds
from tasks.worker_socket.leasing import Leasing
from tasks.worker_socket.partials import NotChecked
from tasks.worker_socket.presence import Presence
from tasks.worker_socket.results import Results
from tasks.worker_socket.session import Session, UnexpectedFrame

log = structlog.get_logger(__name__)


class WorkerConsumer(Socket):
    """One worker, from the handshake to the close.

    `clock` checks the connection as long as it is open.
    """

    metrics_label = "worker"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        leased_kinds = LeasedKinds()
        self.connection = Connection(self)
        self.session = Session()
        self.credit = Credit()
        self.meter = FrameMeter(FrameBudget(*frame_limits()))
        self.leasing = Leasing(self.connection, self.session, self.credit, leased_kinds)
        self.results = Results(self.connection, self.session, leased_kinds, self.meter)
        self.presence = Presence(self.connection, self.session, self.leasing)
        self.clock: asyncio.Task[None] | None = None

    async def dispatch(self, message: dict[str, Any]) -> None:
        """Handle a message of the worker or of the channel layer, whichever came."""
        try:
            await super().dispatch(message)
        except databases.failures(RedisError):
            await self.presence.broken(str(message.get("type")))

    # The connection begins and ends

    async def connect(self) -> None:
        offered = protocol.SUBPROTOCOL in self.scope["subprotocols"]
        await self.accept(protocol.SUBPROTOCOL if offered else None)
        if not offered:
            await self.connection.stop(
                protocol.CLOSE_BAD_VERSION,
                "bad_version",
                f"Ask for the subprotocol {protocol.SUBPROTOCOL}.",
            )
            return
        if await self.connects_too_often():
            await self.connection.stop(
                protocol.CLOSE_TOO_MANY,
                "too_many_connections",
                "This token connects too often: come back in a minute.",
            )
            return
        bearer = await bearer_of(self.scope)
        if bearer is None:
            await self.connection.stop(
                protocol.CLOSE_BAD_TOKEN,
                "bad_token",
                "This token is not known here, or no longer valid.",
            )
            return
        if not self.count_for(bearer.user.pk, settings.WORKER_SOCKETS_PER_USER_MAX):
            await self.connection.stop(
                protocol.CLOSE_TOO_MANY,
                "too_many_sockets",
                f"{settings.WORKER_SOCKETS_PER_USER_MAX} workers of yours are connected already:"
                " stop one, then come back.",
            )
            return
        self.meter.budget = self.budget_of(bearer.user.pk, *frame_limits())
        self.session.bearer = bearer
        self.connection.in_background(_note_use(bearer))
        self.clock = asyncio.create_task(self.presence.keep_checking())

    async def connects_too_often(self, amount: int = 1) -> bool:
        """Counted before the database is asked: a loop of connections must cost little."""
        digest = hashlib.sha256(token_of(self.scope).encode("utf-8", "replace")).hexdigest()
        count = await throttling.count_connect(digest, amount)
        return count > settings.WORKER_CONNECTS_PER_MINUTE_MAX

    async def disconnect(self, code: int) -> None:
        self.connection.stopped = True
        self.leasing.forget_late()
        self.presence.stop()
        async with self.leasing.turn:  # the clock may be leasing: what it gets must be given back
            if self.clock:
                self.clock.cancel()
        if self.session.worker is None:
            return
        log.info("worker_gone", code=code, said_bye=self.session.said_bye)
        with contextlib.suppress(RedisError):  # without Redis the leases expire by themselves
            await self.presence.leave(code)

    # Frames

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if self.connection.stopped:
            return
        now = time.monotonic()
        self.session.heard_at = now
        if await self.sends_too_much(self.meter.take(_size(bytes_data, text_data), now)):
            return
        try:
            frame = protocol.decode_from_worker(bytes_data or b"")
            self.session.admit(frame)
        except protocol.MalformedFrame as error:
            await self.connection.stop(protocol.CLOSE_MALFORMED, "malformed_frame", str(error))
            return
        except UnexpectedFrame as error:
            await self.connection.stop(protocol.CLOSE_MALFORMED, "unexpected_frame", str(error))
            return
        if await self.sends_too_much(self.meter.add(frame_costs.further(frame), now)):
            return
        was_forgotten = self.session.is_forgotten(now)
        if was_forgotten:
            await self.presence.note()
        await self.answer_to(frame)
        if was_forgotten and self.credit.free:
            await self.leasing.fill()

    async def sends_too_much(self, verdict: Verdict) -> bool:
        """Warn a worker that sends too much; if it goes on, close and let nobody return soon."""
        if verdict is Verdict.FINE:
            return False
        text = (
            f"At most {settings.WORKER_FRAMES_PER_MINUTE_MAX} frames that settle nothing and"
            f" {settings.WORKER_BYTES_PER_MINUTE_MAX} bytes a minute, of all your workers together."
        )
        if verdict is Verdict.WARN:
            await self.connection.send(protocol.Error(code="too_fast", message=text))
            return False
        log.warning("worker_too_fast", worker=self.session.worker_id)
        # With a new connection it would begin anew.
        await self.connects_too_often(settings.WORKER_CONNECTS_PER_MINUTE_MAX)
        await self.connection.stop(protocol.CLOSE_TRY_LATER, "too_fast", text)
        return True

    def answer_to(self, frame: protocol.FromWorker) -> Coroutine[Any, Any, None]:
        """Return the call that handles this frame, to be awaited."""
        match frame:
            case protocol.Result():
                return self.on_result(frame)
            case protocol.Heartbeat():
                return self.on_heartbeat(frame)
            case protocol.Ready():
                return self.on_ready(frame)
            case protocol.Failure():
                return self.on_failure(frame)
            case protocol.Release():
                return self.on_release(frame)
            case protocol.Hello():
                return self.on_hello(frame)
            case protocol.Bye():
                return self.on_bye()
            case _:
                assert_never(frame)

    async def on_hello(self, frame: protocol.Hello) -> None:
        update = workers.update_of(frame.client_version)
        if update:
            await self.connection.stop(protocol.CLOSE_BAD_VERSION, "client_too_old", update)
            return
        rules_bytes = consent.stored_bytes(frame.consent)
        if rules_bytes > settings.CONSENT_BYTES_MAX:
            await self.connection.stop(
                protocol.CLOSE_MALFORMED,
                "consent_too_large",
                f"The rules of this worker (consent) take {rules_bytes} bytes, and at most"
                f" {settings.CONSENT_BYTES_MAX} are kept: shorten their lists.",
            )
            return
        same, refused = workers.match_kinds(frame.kinds)
        try:
            kept = await self.presence.arrive(frame, same)
        except workers.TooManyWorkers as error:
            await self.connection.stop(protocol.CLOSE_TOO_MANY, error.code, error.message)
            return
        mark_owner_known(self.scope)
        worker, groups = self.session.me, self.session.groups
        welcome = protocol.Welcome(
            worker=worker.id,
            name=worker.name,
            heartbeat_seconds=settings.HEARTBEAT_SECONDS,
            lease_seconds=settings.LEASE_SECONDS,
            frame_max_bytes=protocol.FRAME_MAX_BYTES,
            partial_bytes_max=settings.PARTIAL_BYTES_MAX,
            server_version=settings.SERVER_VERSION,
            leases=kept,
            groups=sorted(groups.values()),
            owner_groups=worker.duty.owned,
            refused_kinds=refused,
        )
        await self.connection.send(welcome)
        log.info("worker_here", slots=worker.slots, groups=len(groups), kept=len(kept))
        await self.presence.say_suspended()

    async def on_ready(self, frame: protocol.Ready) -> None:
        if frame.resting is not None:
            await self.presence.rest(frame.resting)
        await self.leasing.refill(frame.slots, frame.received)

    async def on_heartbeat(self, frame: protocol.Heartbeat) -> None:
        self.credit.note_received(frame.received)
        held = [*frame.leases, *self.credit.under_way]
        heartbeats.shared().add(self.presence, held)
        if frame.echo is not None:
            await self.connection.send(protocol.Echo(echo=frame.echo))
        foreign = self.session.foreign(held)
        if foreign:
            await self.presence.unwanted(foreign)

    async def on_result(self, frame: protocol.Result) -> None:
        try:
            await self.results.complete(frame)
        except NotChecked:  # the worker keeps its result and comes back with it
            await self.connection.hang_up(protocol.CLOSE_RESTARTING)
            return
        await self.leasing.refill(frame.ready, frame.received)

    async def on_failure(self, frame: protocol.Failure) -> None:
        await self.results.fail(frame)
        await self.leasing.refill(frame.ready, frame.received)

    async def on_release(self, frame: protocol.Release) -> None:
        await self.results.release(frame)
        await self.leasing.fill()  # what it held may have been all that its owner agreed to

    async def on_bye(self) -> None:
        self.session.said_bye = True
        await self.close()

    # Messages of the channel layer (see `events`)

    async def work_available(self, message: dict[str, Any]) -> None:
        if self.credit.free and not self.session.suspended:
            await self.leasing.fill(first=message["group"])
        else:  # it has become busy meanwhile: the wake must not end here
            await self.leasing.wake_another(message["group"])

    async def leases_cancelled(self, message: dict[str, Any]) -> None:
        cancel = protocol.Cancel(leases=message["leases"], reason=message["reason"])
        await self.connection.send(cancel)
        await self.leasing.fill()  # a slot may be free that had to wait for the end of these

    async def worker_changed(self, message: dict[str, Any]) -> None:
        await self.presence.check()

    async def worker_rests(self, message: dict[str, Any]) -> None:
        await self.presence.tell_rest()

    async def worker_drain(self, message: dict[str, Any]) -> None:
        self.credit.withdraw()
        await self.connection.send(protocol.Drain(reason="asked for by its owner"))


def frame_limits() -> tuple[int, int]:
    """Return how many frames and bytes a minute the workers of one user may send."""
    return settings.WORKER_FRAMES_PER_MINUTE_MAX, settings.WORKER_BYTES_PER_MINUTE_MAX


def _size(bytes_data: bytes | None, text_data: str | None) -> int:
    """Return how many bytes came."""
    return len(bytes_data) if bytes_data else len((text_data or "").encode())


async def _note_use(bearer: Bearer) -> None:
    """Beside the rest: while the database is locked workers must still get in."""
    with contextlib.suppress(*databases.failures()):
        await database_sync_to_async(note_use)(bearer)
