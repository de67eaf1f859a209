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

from firmlight_client import __version__, protocol
from firmlight_client.addresses import proxy_for, websocket_url
from firmlight_client.auth.token_refresh import another_token
from firmlight_client.errors import FirmlightClientError
from firmlight_client.worker.brain.actions import (
    Action,
    Forget,
    Keep,
    QuitSlot,
    Reconnect,
    Remember,
    RunSlot,
    Send,
    Stop,
    Tell,
)
from firmlight_client.worker.brain.brain import Brain, Config
from firmlight_client.worker.brain.lease_book import Ledger
from firmlight_client.worker.brain.spool import Keeper
from firmlight_client.worker.consent import group_file
from firmlight_client.worker.consent.group_file import Memory
from firmlight_client.worker.consent.rules import BadConsent, Consent
from firmlight_client.worker.load_policy import Neighbour
from firmlight_client.worker.machine import Lookout
from firmlight_client.worker.server_connection import Line
from firmlight_client.worker.slot.processes import SlotEvent, SlotProcess
from firmlight_client.worker.slot.sandbox import keep_secrets, may_hide

ABNORMAL_CLOSE = 1006
LAST_WORDS_SECONDS = 2.0
OPEN_SECONDS_MAX = 10.0
LOOK_SECONDS = 5.0  # at the machine
TOO_MANY_STATUS = 429
HOPELESS_STATUSES = {400, 401, 403, 404, 405, 410}

Observer = Callable[[str, dict[str, Any]], None]


@runtime_checkable
class Watching(Protocol):
    """An observer that looks into the brain's book itself."""

    def watch(self, book: Ledger) -> None: ...


@dataclass(frozen=True)
class Settings:
    """How `firmlight work` was called."""

    url: str
    token: str = field(repr=False)
    slots: int = 1
    groups: list[str] = field(default_factory=list)
    name: str = ""
    consent: Consent = field(default_factory=Consent)
    home: Path | None = None  # where tokens and spool lie; no task may look there
    memory: Memory = field(
        default_factory=Memory
    )  # which groups the names in `groups` and `consent` mean


class Worker:
    """Runs until it is told to stop. Everything happens on one event loop; the computing is
    elsewhere.
    """

    def __init__(self, settings: Settings, observe: Observer) -> None:
        self.settings, self.observe = settings, observe
        self.brain = Brain(
            Config(
                name=(settings.name or socket.gethostname())[:64] or "worker",
                slots=settings.slots,
                groups=settings.groups,
                client_version=__version__,
                platform=f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"[
                    :128
                ],
                consent=settings.consent,
                memory=settings.memory,
            )
        )
        self.spool = Keeper(settings.home, settings.url, self.brain.config.name, observe)
        mode, hidden = (
            settings.consent.plain.mode(public=False),
            settings.home and may_hide(settings.home),
        )
        self.slots = [
            SlotProcess(number, self._heard, mode=mode, hidden=hidden)
            for number in range(settings.slots)
        ]
        self.outbox: asyncio.Queue[bytes] = asyncio.Queue()
        self.may_connect, self.looked = asyncio.Event(), asyncio.Event()
        self.stopping: asyncio.Future[Stop] | None = None
        if isinstance(observe, Watching):
            observe.watch(self.brain)
        self.token = settings.token
        self.delay = 0.0
        self.was_welcome = False
        self.interrupts = 0

    async def run(self) -> int:
        """Work until there is a reason to stop; returns the exit code."""
        loop = asyncio.get_running_loop()
        self.stopping = loop.create_future()
        self._mind_signals(loop)
        self.observe("starting", {"url": self.settings.url, "slots": self.settings.slots})
        self.carry_out(self.brain.restore(self.spool.restore()))
        slots = [asyncio.create_task(slot.run()) for slot in self.slots]
        line, lookout = (
            asyncio.create_task(self._stay_connected()),
            asyncio.create_task(self._look_around()),
        )
        for mine in (line, lookout):
            mine.add_done_callback(self._task_ended)
        stop = await self.stopping
        self.observe("stopped", {"why": stop.message, "code": stop.code})
        for slot in self.slots:
            slot.close()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.outbox.join(), LAST_WORDS_SECONDS)
        line.cancel()
        lookout.cancel()
        await asyncio.gather(line, lookout, *slots, return_exceptions=True)
        self.spool.close()
        return stop.code

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        """A fault of ours must end the worker, not leave it mute."""
        if not task.cancelled() and (error := task.exception()):
            self._stop(Stop(1, f"internal error: {type(error).__name__}: {error}"))

    # Actions

    def carry_out(self, actions: list[Action]) -> None:
        for action in actions:
            match action:
                case Send(frame):
                    self.outbox.put_nowait(protocol.encode(frame))
                case RunSlot(slot, run, seconds_max, mode):
                    self.slots[slot].start(run, seconds_max, mode)
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
                case Tell(event, facts):
                    self.observe(event, facts)

    def _remember(self, groups: dict[str, str] | None, bound: dict[str, str]) -> None:
        """Without a disk it holds as long as this process."""
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
        self.carry_out(self.brain.heard(slot, event))
        self.may_connect.set()  # the kinds for hello are known

    # The machine

    async def _look_around(self) -> None:
        """Make room for what the machine is really for."""
        consent = self.settings.consent
        lookout = Lookout(mind_idle=any(rules.idle_only for _, rules in consent.rows()))
        neighbour = Neighbour(consent, self.settings.slots)
        while True:
            processes = [slot.process.pid for slot in self.slots if slot.process]
            around = (
                await asyncio.to_thread(lookout.look, processes)
                if lookout.mind_idle
                else lookout.look(processes)
            )
            self.carry_out(self.brain.rest(neighbour.look(around)))
            self.looked.set()
            await asyncio.sleep(LOOK_SECONDS)

    # The line to the server

    async def _stay_connected(self) -> None:
        await self.may_connect.wait()
        await self.looked.wait()
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
            async with self._connect() as line:
                assert isinstance(line, Line)
                return await self._talk(line)
        except InvalidStatus as error:
            return self._turned_away(error.response.status_code)
        except (InvalidURI, ssl.SSLCertVerificationError) as error:
            return self._hopeless(f"{self.settings.url}: {error}")
        except (OSError, TimeoutError, InvalidHandshake, WebSocketException, EOFError) as error:
            return (
                ABNORMAL_CLOSE,
                f"{self.settings.url} cannot be reached: {error or type(error).__name__}",
            )

    async def _renew_token(self, reason: str) -> tuple[int, str]:
        """What the close becomes: none to worry about if there is another token by now."""
        try:
            fresh = await asyncio.to_thread(another_token, self.settings.url, self.token)
        except FirmlightClientError as error:
            return ABNORMAL_CLOSE, str(error)
        if not fresh:
            return protocol.CLOSE_BAD_TOKEN, reason
        self.token, self.brain.last_error = fresh, ""
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
            ping_interval=None,  # `Line` asks, and judges the answer
            create_connection=Line,
        )

    def _turned_away(self, status: int) -> tuple[int, str]:
        """HTTP's answer to the handshake. What a proxy says while the server restarts is worth
        another try.
        """
        why = f"{self.settings.url} answered {status}"
        if status == TOO_MANY_STATUS:
            return protocol.CLOSE_TOO_MANY, why
        return self._hopeless(why) if status in HOPELESS_STATUSES else (ABNORMAL_CLOSE, why)

    def _hopeless(self, why: str) -> tuple[int, str]:
        """Fatal at the first try; later it worked before, so it may again."""
        return (ABNORMAL_CLOSE if self.was_welcome else protocol.CLOSE_BAD_TOKEN), why

    async def _talk(self, line: Line) -> tuple[int, str]:
        self.carry_out(self.brain.connected())
        jobs = self._send_all(line), self._beat(), line.keep_asking(), line.end_when_dead()
        helpers = [asyncio.create_task(job) for job in jobs]
        try:
            async for data in line:
                frame = protocol.decode_from_server(
                    data if isinstance(data, bytes) else data.encode()
                )
                self.was_welcome = self.was_welcome or isinstance(frame, protocol.Welcome)
                self.carry_out(self.brain.received(frame, time.monotonic()))
        except protocol.MalformedFrame as error:
            return ABNORMAL_CLOSE, f"the server sent something that is no frame: {error}"
        except ConnectionClosed:
            pass
        finally:
            for helper in helpers:
                helper.cancel()
        return line.close_code or ABNORMAL_CLOSE, line.close_reason or ""

    async def _send_all(self, line: Line) -> None:
        with contextlib.suppress(ConnectionClosed):
            while True:
                data = await self.outbox.get()
                try:
                    await line.say(data)
                finally:
                    self.outbox.task_done()

    async def _beat(self) -> None:
        """Heartbeats; until welcome there is nothing to renew."""
        while True:
            now = time.monotonic()
            self.carry_out(self.brain.tick(now))
            due = self.brain.next_beat if self.brain.welcome else now + 0.05
            await asyncio.sleep(max(0.001, due - now))

    def _forget_unsent(self) -> None:
        """The brain keeps what matters and sends it again when it is welcome."""
        while not self.outbox.empty():
            self.outbox.get_nowait()
            self.outbox.task_done()

    # Signals

    def _mind_signals(self, loop: asyncio.AbstractEventLoop) -> None:
        for name in (signal.SIGINT, signal.SIGTERM):
            if sys.platform == "win32":  # its loops know no signal handlers
                signal.signal(name, lambda *_: loop.call_soon_threadsafe(self._interrupted))
            else:
                loop.add_signal_handler(name, self._interrupted)

    def _interrupted(self) -> None:
        """The first time finish what runs, the second time leave at once."""
        self.interrupts += 1
        if self.interrupts == 1:
            self.carry_out(self.brain.drain("asked to stop; once more stops at once"))
        else:
            self.carry_out(self.brain.stop("asked twice"))


def run(settings: Settings, observe: Observer) -> int:
    """Work until stopped; returns the exit code."""
    if (
        "FIRMLIGHT_EMBEDDED_VAR" not in os.environ
    ):  # by which a system of one machine finds its processes again
        keep_secrets()
    return asyncio.run(Worker(settings, observe).run())
