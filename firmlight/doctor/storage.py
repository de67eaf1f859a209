"""Where state lives: the database, each Redis server, and the channel layer between them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import redis as library
from django.conf import settings
from django.db import connection

from core import redis, redis_log
from core.redis import OLDEST
from firmlight import readiness
from firmlight.doctor.finding import MEND, NOTE, OK, Finding

SECONDS_MAX = 5.0
CLOCK_SECONDS_MAX = 1.0
FULL_SHARE = 0.8
KEEPS_WORK = ("REDIS_URL", "BROKER_URL")  # the others may forget


def database() -> Iterator[Finding]:
    found = readiness.check("database")
    how = "" if found.ok else "check DATABASE_URL, and that the server runs"
    yield Finding("database", OK if found.ok else MEND, found.what, how)
    if not found.ok:
        return
    if connection.vendor == "sqlite":
        what = "a file: all processes have to run on this machine"
        yield Finding(
            "database family", NOTE, what, "PostgreSQL or MongoDB for more than one machine"
        )
    applied = readiness.check("migrations")
    yield Finding(
        "migrations",
        OK if applied.ok else MEND,
        applied.what,
        "" if applied.ok else "manage.py migrate",
    )


def channel_layer() -> Iterator[Finding]:
    found = readiness.check("channel_layer")
    how = (
        "" if found.ok else "check CHANNEL_LAYER_URL: without it workers and pages hear of nothing"
    )
    yield Finding("channel layer", OK if found.ok else MEND, found.what, how)


def redis_servers() -> Iterator[Finding]:
    """Each server once, whatever number of databases is used of it."""
    servers: dict[str, tuple[str, str]] = {}
    for name in ("REDIS_URL", "BROKER_URL", "CHANNEL_LAYER_URL", "CACHE_URL"):
        url = getattr(settings, name)
        if url.startswith(
            ("redis://", "rediss://", "unix://", "redis+cluster://", "rediss+cluster://")
        ):
            servers.setdefault(_server(url), (name, url))
    for name, url in servers.values():
        yield from _redis(name, url)


def _server(url: str) -> str:
    parts = urlsplit(url)
    return parts.netloc.rpartition("@")[2] or parts.path


def _redis(name: str, url: str) -> Iterator[Finding]:
    if redis.is_cluster(url):
        what = "a cluster: see on each node that it keeps what it is given"
        yield Finding(
            name, NOTE, what, "appendonly yes, appendfsync always, maxmemory-policy noeviction"
        )
        return
    try:
        facts: dict[str, Any] = redis.impatient(url, SECONDS_MAX).info()
    except library.RedisError as error:
        yield Finding(
            name, MEND, f"does not answer: {error}", f"check {name}, and that the server runs"
        )
        return
    yield _version(name, facts)
    yield _clock(name, url)
    if name in KEEPS_WORK:
        yield from _keeps(name, url, facts)


def _version(name: str, facts: dict[str, Any]) -> Finding:
    """Of Valkey it is the Redis version that it is compatible with."""
    text = str(facts["redis_version"])
    fine = tuple(map(int, text.split(".")[:2])) >= OLDEST
    oldest = ".".join(map(str, OLDEST))
    return Finding(
        f"{name} version", OK if fine else MEND, text, "" if fine else f"Redis {oldest} or newer"
    )


def _clock(name: str, url: str) -> Finding:
    """Leases end by Redis' clock, tokens and deadlines by ours."""
    before = time.time()
    seconds, micros = redis.impatient(url, SECONDS_MAX).time()
    apart = abs((before + time.time()) / 2 - (int(seconds) + int(micros) / 1e6))
    fine = apart <= CLOCK_SECONDS_MAX
    return Finding(
        f"{name} clock",
        OK if fine else MEND,
        f"{apart:.3f} s apart",
        "" if fine else "run NTP on both machines",
    )


def _keeps(name: str, url: str, facts: dict[str, Any]) -> Iterator[Finding]:
    """What makes accepted work survive: no eviction, and a log on the disk."""
    policy, durable = facts.get("maxmemory_policy", "?"), bool(facts.get("aof_enabled"))
    fine = policy == "noeviction"
    yield Finding(
        f"{name} maxmemory-policy",
        OK if fine else MEND,
        policy,
        "" if fine else "maxmemory-policy noeviction",
    )
    what = "yes" if durable else "no: a restart of Redis loses all work under way"
    yield Finding(
        f"{name} appendonly", OK if durable else MEND, what, "" if durable else "appendonly yes"
    )
    if durable:
        yield _fsync(name, url)
        yield _written_anew(name, facts)
    if (most := int(facts.get("maxmemory", 0))) and facts["used_memory"] > FULL_SHARE * most:
        yield Finding(
            f"{name} memory",
            MEND,
            f"{facts['used_memory'] / most:.0%} of maxmemory is used",
            "raise maxmemory",
        )


def _fsync(name: str, url: str) -> Finding:
    """A hosted Redis may not tell."""
    try:
        found: Any = redis.impatient(url, SECONDS_MAX).config_get("appendfsync")
    except library.RedisError:
        return Finding(
            f"{name} appendfsync", NOTE, "this server does not tell", "see that it is always"
        )
    how = found.get("appendfsync", "?")
    lose = "" if how == "always" else "a power cut may lose the last second: appendfsync always"
    return Finding(f"{name} appendfsync", NOTE if lose else OK, how, lose)


def _written_anew(name: str, facts: dict[str, Any]) -> Finding:
    """See `redis_log`. Where somebody else keeps Redis we may not be allowed to ask for it."""
    if redis_log.is_rewritten(facts) or redis_log.is_rewriting(facts):
        return Finding(f"{name} file", OK, "written anew since its start")
    what = "not written anew since its start: a second power cut may lose what was accepted after the first"
    return Finding(
        f"{name} file", NOTE, what, "run BGREWRITEAOF after each start, or let our user run it"
    )
