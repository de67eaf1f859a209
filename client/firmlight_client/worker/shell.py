"""Carries out what the brain decides: one socket, the slots' processes, signals and the clock."""

from __future__ import annotations

import asyncio
import contextlib
import os
import platform
import signal
import socket
import ssl
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from websockets.asyncio.client import connect
from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidStatus,
    InvalidURI,
    WebSocketException,
)
from websockets.typing import Subprotocol

from firmlight_client import protocol
from firmlight_client.addresses import proxy_for, websocket_url
from firmlight_client.auth.token_refresh import another_token
from firmlight_client.errors import FirmlightClientError
from firmlight_client.version import __version__
from firmlight_client.worker.brain.actions import (
    Action,
    Forget,
    Keep,
    QuitSlot,
    Reconnect,
    Remember,
    Report,
    RunSlot,
    Send,
    Stop,
)
from firmlight_client.worker.brain.brain import Brain, Config
from firmlight_client.worker.brain.slots import Slots
from firmlight_client.worker.consent import group_file
from firmlight_client.worker.consent.group_file import Memory
from firmlight_client.worker.consent.rules import BadConsent, Consent
from firmlight_client.worker.load_policy import LoadPolicy
from firmlight_client.worker.machine import MachineMonitor
from firmlight_client.worker.server_connection import ServerConnection
from firmlight_client.worker.slot import wire
from firmlight_client.worker.slot.events import SlotEvent
from firmlight_client.worker.slot.fence import Fence
from firmlight_client.worker.slot.processes import SlotProcess
from firmlight_client.worker.slot.sandbox import keep_secrets, may_hide
from firmlight_client.worker.spool import Keeper

ABNORMAL_CLOSE = 1006
LAST_WORDS_SECONDS = 2.0
OPEN_SECONDS_MAX = 10.0
LOOK_SECONDS = 5.0  # at the machine
WELCOME_CHECK_SECONDS = 0.05
NAME_CHARS_MAX, PLATFORM_CHARS_MAX = 64, 128  # as the protocol allows
TOO_MANY_STATUS = 429
HOPELESS_STATUSES = {400, 401, 403, 404, 405, 410}

Observer = Callable[[str, dict[str, Any]], None]


@runtime_checkable
class Watching(Protocol):
    """An observer that reads the brain's slots itself."""

    def watch(self, slots: Slots) -> None: ...


@dataclass(frozen=True)
class Settings:
    """How `firmlight work` was called."""

    url: str
    token: str = field(repr=False)
    slots: int = 1
    groups: list[str] = field(default_factory=list)
    name: str = ""
    consent: Consent = field(default_factory=Consent)
    home: Path | None = None  # where tokens and spool lie; no task may read there
    memory: Memory = field(default_factory=Memory)  # which groups names meant in earlier runs


class Worker:
    """Runs until there is a reason to stop, on one event loop; slots compute elsewhere."""

    def __init__(self, settings: Settings, observe: Observer) -> None:
        self.settings, self.observe = settings, observe
        self.brain = Brain(
            Config(
                name=(settings.name or socket.gethostname())[:NAME_CHARS_MAX] or "worker",
                slots=settings.slots,
                groups=settings.groups,
                client_version=__version__,
                platform=platform_words()[:PLATFORM_CHARS_MAX],
                consent=settings.consent,
                memory=settings.memory,
            )
        )
        self.spool = Keeper(settings.home, settings.url, self.brain.config.name, observe)
        options = settings.consent.plain.slot_options(public=False)
        hidden = settings.home and may_hide(settings.home)
        self.slots = [
            SlotProcess(number, self._heard, options=options, hidden=hidden)
            for number in range(settings.slots)
        ]
        self.outbox: asyncio.Queue[bytes] = asyncio.Queue()
        self.kinds_known = asyncio.Event()  # a slot has reported them
        self.machine_judged = asyncio.Event()  # once at least
        self.stopping: asyncio.Future[Stop] | None = None
        if isinstance(observe, Watching):
            observe.watch(self.brain.slots)
        self.token = settings.token
        self.delay = 0.0  # before the next connection
        self.was_welcome = False
        self.interrupts = 0

    async def run(self) -> int:
        """Work until there is a reason to stop; returns the exit code."""
        loop = asyncio.get_running_loop()
        self.stopping = loop.create_future()
        self._handle_signals(loop)
        self.observe("starting", {"url": self.settings.url, "slots": self.settings.slots})
        self.carry_out(self.brain.restore(self.spool.restore()))
        slots = [asyncio.create_task(slot.run()) for slot in self.slots]
        connecting = asyncio.create_task(self._stay_connected())
        monitoring = asyncio.create_task(self._monitor_machine())
        for task in (connecting, monitoring):
            task.add_done_callback(self._task_ended)
        stop = await self.stopping
        self.observe("stopped", {"why": stop.message, "code": stop.code})
        for slot in self.slots:
            slot.close()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.outbox.join(), LAST_WORDS_SECONDS)
        connecting.cancel()
        monitoring.cancel()
        await asyncio.gather(connecting, monitoring, *slots, return_exceptions=True)
        self.spool.close()
        return stop.code

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        """A bug of ours must end the worker, not leave it hanging without a word."""
        if not task.cancelled() and (error := task.exception()):
            self._stop(Stop(1, f"internal error: {type(error).__name__}: {error}"))

    # Actions

    def carry_out(self, actions: list[Action]) -> None:
        for action in actions:
            match action:
                case Send(frame):
                    self.outbox.put_nowait(protocol.encode(frame))
                case RunSlot(slot, run, seconds_max, options):
                    self.slots[slot].start(run, seconds_max, options)
                case QuitSlot(slot, job):
                    self.slots[slot].quit(job)
                case Keep() | Forget():
                    self.spool.carry_out(action)
                case Remember(groups, bound):
                    self._remember(groups, bound)
                case Reconnect(seconds):
                    self.delay = seconds
                case Stop():
                    self._stop(action)
                case Report(event, facts):
                    self.observe(event, facts)

    def _remember(self, groups: dict[str, str] | None, bound: dict[str, str]) -> None:
        """Keep it on disk; without one it is known as long as this process lives."""
        if self.settings.home is None:
            return
        try:
            group_file.remember(self.settings.home, self.settings.url, groups, bound)
        except (OSError, BadConsent) as error:
            self.observe("not_remembered", {"why": str(error)})

    def _stop(self, stop: Stop) -> None:
        if self.stopping and not self.stopping.done():
            self.stopping.set_result(stop)

    def _heard(self, slot: int, event: SlotEvent) -> None:
        if isinstance(event, wire.Started) and not self.kinds_known.is_set():
            self._report_fence(event.fence)
        self.carry_out(self.brain.heard(slot, event))
        self.kinds_known.set()

    def _report_fence(self, fence: Fence) -> None:
        """Say what tasks can get at here, if it is more than their own folder."""
        if not fence.is_whole:
            self.observe("sandbox", {"files": fence.files, "network": fence.network})

    # The machine

    async def _monitor_machine(self) -> None:
        """Make room for the owner's own programs."""
        consent = self.settings.consent
        monitor = MachineMonitor(mind_idle=any(rules.idle_only for _, rules in consent.rows()))
        policy = LoadPolicy(consent, self.settings.slots)
        while True:
            processes = [slot.process.pid for slot in self.slots if slot.process]
            if monitor.mind_idle:  # which may start a program, and wait for it
                machine = await asyncio.to_thread(monitor.look, processes)
            else:
                machine = monitor.look(processes)
            self.carry_out(self.brain.rest(policy.judge(machine)))
            self.machine_judged.set()
            await asyncio.sleep(LOOK_SECONDS)

    # The connection to the server

    async def _stay_connected(self) -> None:
        await self.kinds_known.wait()  # hello names them
        await self.machine_judged.wait()
        while not self.brain.stopped:
            await asyncio.sleep(self.delay)
            code, reason = await self._one_connection()
            if code == protocol.CLOSE_BAD_TOKEN:
                code, reason = await self._renew_token(reason)
            self._forget_unsent()
            self.carry_out(self.brain.disconnected(code, reason))

    async def _one_connection(self) -> tuple[int, str]:
        """From opening to close; returns the close code and its reason."""
        try:
            async with self._connect() as connection:
                assert isinstance(connection, ServerConnection)
                return await self._exchange_frames(connection)
        except InvalidStatus as error:
            return self._refused(error.response.status_code)
        except (InvalidURI, ssl.SSLCertVerificationError) as error:
            return self._hopeless(f"{self.settings.url}: {error}")
        except (OSError, TimeoutError, InvalidHandshake, WebSocketException, EOFError) as error:
            why = error or type(error).__name__
            return ABNORMAL_CLOSE, f"{self.settings.url} cannot be reached: {why}"

    async def _renew_token(self, reason: str) -> tuple[int, str]:
        """What a close for a bad token becomes: one to reconnect after, if there is a new token.

        Returns a close code and its reason.
        """
        try:
            fresh = await asyncio.to_thread(another_token, self.settings.url, self.token)
        except FirmlightClientError as error:
            return ABNORMAL_CLOSE, str(error)
        if not fresh:
            return protocol.CLOSE_BAD_TOKEN, reason
        self.token = fresh
        self.brain.token_replaced()
        return ABNORMAL_CLOSE, "this machine has another token by now"

    def _connect(self) -> connect:
        url = websocket_url(self.settings.url, "/ws/worker/")
        return connect(
            url,
            subprotocols=[Subprotocol(protocol.SUBPROTOCOL)],
            additional_headers={"Authorization": f"Bearer {self.token}"},
            user_agent_header=f"firmlight-client/{__version__}",
            compression=None,
            max_size=protocol.FRAME_MAX_BYTES,
            proxy=proxy_for(url),
            open_timeout=OPEN_SECONDS_MAX,
            close_timeout=LAST_WORDS_SECONDS,
            ping_interval=None,  # ServerConnection pings, and judges the answer
            create_connection=ServerConnection,
        )

    def _refused(self, status: int) -> tuple[int, str]:
        """The handshake was answered with this HTTP status.

        Most of what a proxy answers while the server restarts is worth another attempt.
        """
        why = f"{self.settings.url} answered {status}"
        if status == TOO_MANY_STATUS:
            return protocol.CLOSE_TOO_MANY, why
        if status in HOPELESS_STATUSES:
            return self._hopeless(why)
        return ABNORMAL_CLOSE, why

    def _hopeless(self, why: str) -> tuple[int, str]:
        """Fatal for the first connection. If one has worked before, another one may."""
        if self.was_welcome:
            return ABNORMAL_CLOSE, why
        return protocol.CLOSE_BAD_TOKEN, why

    async def _exchange_frames(self, connection: ServerConnection) -> tuple[int, str]:
        """Serve an open connection; returns the close code and its reason."""
        self.carry_out(self.brain.connected())
        background = [
            asyncio.create_task(self._send_all(connection)),
            asyncio.create_task(self._tick()),
            asyncio.create_task(connection.keep_pinging()),
            asyncio.create_task(connection.abort_when_silent()),
        ]
        try:
            async for message in connection:
                data = message if isinstance(message, bytes) else message.encode()
                frame = protocol.decode_from_server(data)
                if isinstance(frame, protocol.Welcome):
                    self.was_welcome = True
                self.carry_out(self.brain.received(frame, time.monotonic()))
        except protocol.MalformedFrame as error:
            return ABNORMAL_CLOSE, f"the server sent something that is no frame: {error}"
        except ConnectionClosed:
            pass
        finally:
            for task in background:
                task.cancel()
        return connection.close_code or ABNORMAL_CLOSE, connection.close_reason or ""

    async def _send_all(self, connection: ServerConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            while True:
                data = await self.outbox.get()
                try:
                    await connection.send_counted(data)
                finally:
                    self.outbox.task_done()

    async def _tick(self) -> None:
        """Tell the brain the time whenever a heartbeat is due."""
        while True:
            now = time.monotonic()
            self.carry_out(self.brain.tick(now))
            due = now + WELCOME_CHECK_SECONDS  # there is nothing to renew yet
            if self.brain.connection.welcome:
                due = self.brain.connection.next_beat
            await asyncio.sleep(max(0.001, due - now))

    def _forget_unsent(self) -> None:
        """The brain has kept what matters, and sends it again on the next connection."""
        while not self.outbox.empty():
            self.outbox.get_nowait()
            self.outbox.task_done()

    # Signals

    def _handle_signals(self, loop: asyncio.AbstractEventLoop) -> None:
        for name in (signal.SIGINT, signal.SIGTERM):
            if sys.platform == "win32":  # its loops know no signal handlers
                signal.signal(name, lambda *_: loop.call_soon_threadsafe(self._interrupted))
            else:
                loop.add_signal_handler(name, self._interrupted)

    def _interrupted(self) -> None:
        """Finish what runs; the second time leave immediately."""
        self.interrupts += 1
        if self.interrupts == 1:
            self.carry_out(self.brain.drain("asked to stop; once more stops immediately"))
        else:
            self.carry_out(self.brain.stop("asked twice"))


def platform_words() -> str:
    """Linux x86_64, Python 3.12.1"""
    return f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"


def run(settings: Settings, observe: Observer) -> int:
    """Work until stopped; returns the exit code."""
    # The embedded system finds its processes by this variable, so it must be able to read it.
    if "FIRMLIGHT_EMBEDDED_VAR" not in os.environ:
        keep_secrets()
    return asyncio.run(Worker(settings, observe).run())
