"""Checks of what a server needs to do its work, made in parallel and within a short time.

A check returns what it found, or raises. NotReady has a message for the operator; any other
exception means "it does not answer". Everybody who asks `/readyz` gets these texts, so they name no
host and no secret.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import cache
from threading import Lock
from uuid import uuid4

import structlog
from channels.layers import get_channel_layer
from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from redis.exceptions import OutOfMemoryError, ReadOnlyError

from core import redis
from core.beat import tick_age_seconds
from tasks.queue import formats

AGAIN_SECONDS = 0.1
WRITTEN, WRITTEN_SECONDS = "fl:probe", 60  # in no group's slot
PROBE = f"probe.{uuid4().hex}"  # this process's channel
log = structlog.get_logger(__name__)


class NotReady(Exception):
    """The service answers, but not as it should; the message says what is wrong."""


@dataclass(frozen=True)
class Finding:
    ok: bool
    what: str


def database() -> str:
    """One query that every database understands."""
    get_user_model().objects.order_by().exists()
    return connection.vendor


def migrations() -> str:
    wanted = _migrations_here()
    missing = wanted - set(MigrationRecorder(connection).applied_migrations())
    if missing:
        first = ".".join(min(missing))
        raise NotReady(f"{len(missing)} not applied, the first is {first}: run manage.py migrate")
    return f"{len(wanted)} applied"


@cache
def _migrations_here() -> frozenset[tuple[str, str]]:
    return frozenset(MigrationLoader(None).disk_migrations or ())


def redis_server() -> str:
    """Try a write: a full Redis still answers, but takes nothing."""
    client = redis.impatient(settings.REDIS_URL, settings.PROBE_SECONDS_MAX)
    try:
        client.set(WRITTEN, 1, ex=WRITTEN_SECONDS)
    except OutOfMemoryError:
        raise NotReady("is full and takes no writes: raise its maxmemory") from None
    except ReadOnlyError:
        raise NotReady("takes no writes: REDIS_URL names a replica") from None
    return "takes writes"


def data_format() -> str:
    """Whether the data in Redis are of this program's format."""
    client = redis.impatient(settings.REDIS_URL, settings.PROBE_SECONDS_MAX)
    try:
        formats.require_known(found := formats.noted(client))
    except formats.NewerData as error:
        raise NotReady(str(error)) from None
    return f"format {found}" if found else "no data yet"


def channel_layer() -> str:
    """Send a message through the layer and receive it.

    It runs on an event loop of its own, whose end closes the connections.
    """
    asyncio.run(_round_trip(settings.PROBE_SECONDS_MAX))
    return "a message came back"


async def _round_trip(seconds: float) -> None:
    """Send until the message comes back: the first may precede the subscription in Redis."""
    word = uuid4().hex
    receiving = asyncio.create_task(_receive(word))
    try:
        async with asyncio.timeout(seconds):
            while not receiving.done():
                await get_channel_layer().send(PROBE, {"type": "probe", "word": word})
                await asyncio.wait([receiving], timeout=AGAIN_SECONDS)
    finally:
        receiving.cancel()


async def _receive(word: str) -> None:
    while (await get_channel_layer().receive(PROBE))["word"] != word:
        pass


def beat() -> str:
    """Whether the sweep has run lately: beat sends it, and a process of its own runs it."""
    age, most = tick_age_seconds(), settings.BEAT_QUIET_SECONDS_MAX
    if age is None:
        raise NotReady("the sweep has never run: are beat and sweep running?")
    if age > most:
        raise NotReady(
            f"the last sweep was {age:.0f} s ago, more than {most:g}: are beat and sweep running?"
        )
    return f"the last sweep was {age:.1f} s ago"


CHECKS: dict[str, Callable[[], str]] = {
    "database": database,
    "migrations": migrations,
    "redis": redis_server,
    "data_format": data_format,
    "channel_layer": channel_layer,
    "beat": beat,
}
_pool = ThreadPoolExecutor(len(CHECKS), "ready")
_running: dict[str, Future[Finding]] = {}
_starting = Lock()


def look() -> dict[str, Finding]:
    """Make all checks in parallel.

    A check that still hangs is not started a second time, however many probes come in.
    """
    with _starting:
        asked = {name: _ask(name) for name in CHECKS}
    wait(asked.values(), timeout=settings.PROBE_SECONDS_MAX)
    late = Finding(ok=False, what=f"no answer in {settings.PROBE_SECONDS_MAX:g} s")
    return {name: answer.result() if answer.done() else late for name, answer in asked.items()}


def _ask(name: str) -> Future[Finding]:
    if name not in _running or _running[name].done():
        _running[name] = _pool.submit(_check_apart, name)
    return _running[name]


def _check_apart(name: str) -> Finding:
    try:
        return check(name)
    finally:
        connection.close()  # otherwise this thread would keep one open


def check(name: str) -> Finding:
    """Make one check; it never raises."""
    try:
        return Finding(ok=True, what=CHECKS[name]())
    except NotReady as error:
        return Finding(ok=False, what=str(error))
    except Exception as error:  # whatever it is, the probe reports it as one fact
        log.warning("not_ready", check=name, exc_info=True)
        return Finding(ok=False, what=f"does not answer ({type(error).__name__})")
