"""Whether the other processes work: jobs, beat, and web at its public address."""

from __future__ import annotations

import time
from collections.abc import Iterator
from uuid import uuid4

import httpx
from celery import current_app
from django.conf import settings
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from core import job_echo
from core.errors import Busy
from firmlight import readiness
from firmlight.doctor.finding import MEND, OK, Finding, passed_or_mend
from firmlight_client import kinds, protocol
from tasks.kind_processes import calls
from tasks.kind_processes.outcomes import KindFault

QUEUES = ("short", "long", "bulk", "sweep")
JOB_SECONDS_MAX = 10.0
SECONDS_MAX = 5.0
LOOK_SECONDS = 0.05


def jobs() -> Iterator[Finding]:
    """Send a job through each queue and wait for its answer: no other way proves as much."""
    words = {name: uuid4().hex for name in QUEUES}
    began = time.monotonic()
    for name, word in words.items():
        current_app.send_task("tasks.answer", [word], queue=name, expires=JOB_SECONDS_MAX)
    heard: dict[str, float] = {}
    while len(heard) < len(words) and time.monotonic() - began < JOB_SECONDS_MAX:
        for name in words.keys() - heard.keys():
            if job_echo.was_answered(words[name]):
                heard[name] = time.monotonic() - began
        time.sleep(LOOK_SECONDS)
    yield from (_queue(name, heard.get(name)) for name in QUEUES)


def _queue(name: str, seconds: float | None) -> Finding:
    if seconds is not None:
        return Finding(f"jobs, queue {name}", OK, f"answered in {seconds:.2f} s")
    what = f"nobody answered in {JOB_SECONDS_MAX:g} s"
    how = f"start a Celery worker with -Q {name}; if one is running it is busy, so start another"
    return Finding(f"jobs, queue {name}", MEND, what, how)


def kind_processes() -> Iterator[Finding]:
    """Start a child here and run a kind in it, as web and the jobs do."""
    kind = next(iter(kinds.listed().values()))
    began = time.monotonic()
    try:
        calls.load(kind, kinds.example(kind))
    except kinds.ParamsError:
        pass  # the example may be invalid, but the kind has run
    except (Busy, KindFault) as error:
        how = "see the log of this command: is there enough memory, may it start processes?"
        yield Finding("kinds", MEND, f"a process that should run {kind.name} fails: {error}", how)
        return
    seconds = time.monotonic() - began
    yield Finding("kinds", OK, f"a process that runs them answered in {seconds:.2f} s")


def beat() -> Iterator[Finding]:
    found = readiness.check("beat")
    yield passed_or_mend("beat", found.ok, found.what, "start one beat and one sweep")


def public_address() -> Iterator[Finding]:
    """The way that people and workers take: through the proxy, if there is one."""
    try:
        answer = httpx.get(f"{settings.PUBLIC_URL}/healthz", timeout=SECONDS_MAX)
    except httpx.HTTPError as error:
        what = f"{settings.PUBLIC_URL} cannot be reached from here: {type(error).__name__}: {error}"
        how = "are web and the proxy running? If only this machine cannot reach it, all is well"
        yield Finding("web", MEND, what, how)
        return
    if answer.status_code != 200:
        what = f"{settings.PUBLIC_URL}/healthz answers {answer.status_code}"
        yield Finding("web", MEND, what, "does PUBLIC_URL lead to this server?")
        return
    ms = answer.elapsed.total_seconds() * 1000
    yield Finding("web", OK, f"{settings.PUBLIC_URL} answers in {ms:.0f} ms")
    yield _socket()


def _socket() -> Finding:
    """A worker's handshake without a token: the server accepts it, and says why it closes."""
    url = f"ws{settings.PUBLIC_URL.removeprefix('http')}/ws/worker/"
    try:
        with connect(
            url, subprotocols=[Subprotocol(protocol.SUBPROTOCOL)], open_timeout=SECONDS_MAX
        ) as socket:
            socket.recv(timeout=SECONDS_MAX)
    except (OSError, WebSocketException) as error:
        what = f"workers cannot connect: {type(error).__name__}: {error}"
        how = "the proxy must pass WebSockets on (Upgrade, Connection)"
        return Finding("web, sockets", MEND, what, how)
    return Finding("web, sockets", OK, "workers can connect")
