"""The other processes: whether jobs are taken, beat ticks, and people get through to web."""

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
from firmlight.doctor.finding import MEND, OK, Finding
from firmlight_client import kinds, protocol
from tasks.kind_processes import calls
from tasks.kind_processes.outcomes import KindFault

QUEUES = ("short", "long", "bulk", "sweep")
JOB_SECONDS_MAX = 10.0
SECONDS_MAX = 5.0
LOOK_SECONDS = 0.05


def jobs() -> Iterator[Finding]:
    """A job goes through each queue to a worker and answers: no other way proves as much."""
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
    how = f"start a Celery worker with -Q {name}; if there is one, it is busy all this time: start another"
    return Finding(f"jobs, queue {name}", MEND, what, how)


def kind_processes() -> Iterator[Finding]:
    """A child starts here and runs a kind, as it must in web and in the jobs."""
    kind = next(iter(kinds.listed().values()))
    began = time.monotonic()
    try:
        calls.load(kind, kinds.example(kind))
    except kinds.ParamsError:
        pass  # an example may be none; the kind has run
    except (Busy, KindFault) as error:
        how = "the log of this command says why: is there memory left, may processes be started?"
        yield Finding(
            "kinds", MEND, f"a process that runs {kind.name} does not do so: {error}", how
        )
        return
    yield Finding(
        "kinds", OK, f"a process that runs them answered in {time.monotonic() - began:.2f} s"
    )


def beat() -> Iterator[Finding]:
    found = readiness.check("beat")
    yield Finding(
        "beat",
        OK if found.ok else MEND,
        found.what,
        "" if found.ok else "start one beat, and one sweep",
    )


def public_address() -> Iterator[Finding]:
    """As people and workers come: through the proxy, if there is one."""
    try:
        answer = httpx.get(f"{settings.PUBLIC_URL}/healthz", timeout=SECONDS_MAX)
    except httpx.HTTPError as error:
        what = f"{settings.PUBLIC_URL} cannot be reached from here: {type(error).__name__}: {error}"
        yield Finding(
            "web",
            MEND,
            what,
            "is web up, and the proxy? If only this machine cannot reach it, all is well",
        )
        return
    if answer.status_code != 200:
        what = f"{settings.PUBLIC_URL}/healthz answers {answer.status_code}"
        yield Finding("web", MEND, what, "does PUBLIC_URL lead to this server?")
        return
    yield Finding(
        "web",
        OK,
        f"{settings.PUBLIC_URL} answers in {answer.elapsed.total_seconds() * 1000:.0f} ms",
    )
    yield _socket()


def _socket() -> Finding:
    """A worker's handshake without a token: the server takes it, and says why it closes."""
    url = f"ws{settings.PUBLIC_URL.removeprefix('http')}/ws/worker/"
    try:
        with connect(
            url, subprotocols=[Subprotocol(protocol.SUBPROTOCOL)], open_timeout=SECONDS_MAX
        ) as socket:
            socket.recv(timeout=SECONDS_MAX)
    except (OSError, WebSocketException) as error:
        what = f"workers do not get through: {type(error).__name__}: {error}"
        return Finding(
            "web, sockets", MEND, what, "the proxy has to pass WebSockets on (Upgrade, Connection)"
        )
    return Finding("web, sockets", OK, "workers get through")
