"""Where state is stored: the database, each Redis server, and the channel layer."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import redis as library
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.db import connection

from core import redis, redis_log
from core.redis import OLDEST
from firmlight import readiness
from firmlight.doctor.finding import MEND, NOTE, OK, Finding, passed_or_mend

SECONDS_MAX = 5.0
CLOCK_SECONDS_MAX = 1.0
FULL_SHARE = 0.8
KEEPS_WORK = ("REDIS_URL", "BROKER_URL")  # the others may lose their data
REDIS_SCHEMES = ("redis://", "rediss://", "unix://", "redis+cluster://", "rediss+cluster://")


def database() -> Iterator[Finding]:
    found = readiness.check("database")
    how = "check DATABASE_URL, and that the server runs"
    yield passed_or_mend("database", found.ok, found.what, how)
    if not found.ok:
        return
    if connection.vendor == "sqlite":
        what = "a file: all processes must run on this machine"
        how = "use PostgreSQL or MongoDB for more than one machine"
        yield Finding("database family", NOTE, what, how)
    applied = readiness.check("migrations")
    yield passed_or_mend("migrations", applied.ok, applied.what, "manage.py migrate")


def channel_layer() -> Iterator[Finding]:
    found = readiness.check("channel_layer")
    how = "check CHANNEL_LAYER_URL: without it, workers and pages get no news"
    yield passed_or_mend("channel layer", found.ok, found.what, how)


def data_format() -> Iterator[Finding]:
    found = readiness.check("data_format")
    yield passed_or_mend("data format", found.ok, found.what, "start the newer release")


def files() -> Iterator[Finding]:
    """Write a file, read it and delete it."""
    storage, data = storages["files"], uuid4().hex.encode()
    name = storage.save(f"doctor/{data.decode()}", ContentFile(data))
    with storage.open(name) as file:
        same = file.read() == data
    storage.delete(name)
    how = "check FILES_ROOT or FILES_BUCKET: larger inputs and results are there"
    what = "a file was written and read" if same else "a file is not what was written"
    yield passed_or_mend("file storage", same, what, how)
    if settings.FILES_BUCKET == "":
        what = f"{settings.FILES_ROOT}: all machines must share this folder"
        yield Finding("file folder", OK, what)


def redis_servers() -> Iterator[Finding]:
    """Each server once, however many of its databases are used."""
    servers: dict[str, tuple[str, str]] = {}
    for name in ("REDIS_URL", "BROKER_URL", "CHANNEL_LAYER_URL", "CACHE_URL"):
        url = getattr(settings, name)
        if url.startswith(REDIS_SCHEMES):
            servers.setdefault(_server(url), (name, url))
    for name, url in servers.values():
        yield from _redis(name, url)


def _server(url: str) -> str:
    parts = urlsplit(url)
    return parts.netloc.rpartition("@")[2] or parts.path


def _redis(name: str, url: str) -> Iterator[Finding]:
    if redis.is_cluster(url):
        what = "a cluster: check on each node that it keeps its data"
        how = "appendonly yes, appendfsync always, maxmemory-policy noeviction"
        yield Finding(name, NOTE, what, how)
        return
    try:
        facts: dict[str, Any] = redis.impatient(url, SECONDS_MAX).info()
    except library.RedisError as error:
        how = f"check {name}, and that the server runs"
        yield Finding(name, MEND, f"does not answer: {error}", how)
        return
    yield _version(name, facts)
    yield _clock(name, url)
    if name in KEEPS_WORK:
        yield from _keeps(name, url, facts)


def _version(name: str, facts: dict[str, Any]) -> Finding:
    """Valkey reports the Redis version that it is compatible with."""
    text = str(facts["redis_version"])
    major, minor = text.split(".")[:2]
    fine = (int(major), int(minor)) >= OLDEST
    oldest = ".".join(map(str, OLDEST))
    return passed_or_mend(f"{name} version", fine, text, f"Redis {oldest} or newer")


def _clock(name: str, url: str) -> Finding:
    """Leases expire by Redis' clock, tokens and deadlines by ours."""
    before = time.time()
    seconds, micros = redis.impatient(url, SECONDS_MAX).time()
    apart = abs((before + time.time()) / 2 - (int(seconds) + int(micros) / 1e6))
    fine, what = apart <= CLOCK_SECONDS_MAX, f"{apart:.3f} s apart"
    return passed_or_mend(f"{name} clock", fine, what, "run NTP on both machines")


def _keeps(name: str, url: str, facts: dict[str, Any]) -> Iterator[Finding]:
    """Whether accepted work survives: no eviction, a log on the disk, and memory left."""
    policy, durable = facts.get("maxmemory_policy", "?"), bool(facts.get("aof_enabled"))
    fine, how = policy == "noeviction", "maxmemory-policy noeviction"
    yield passed_or_mend(f"{name} maxmemory-policy", fine, policy, how)
    what = "yes" if durable else "no: a restart of Redis loses all work under way"
    yield passed_or_mend(f"{name} appendonly", durable, what, "appendonly yes")
    if durable:
        yield _fsync(name, url)
        yield _file_rewritten(name, facts)
    most, used = int(facts.get("maxmemory", 0)), facts["used_memory"]
    if not most:
        what = "no limit: nothing keeps new work from filling the machine's memory"
        yield Finding(f"{name} memory", NOTE, what, "set maxmemory")
    if most and used > FULL_SHARE * most:
        what = f"{used / most:.0%} of maxmemory is used"
        yield Finding(f"{name} memory", MEND, what, "raise maxmemory")


def _fsync(name: str, url: str) -> Finding:
    """How often the log is flushed to the disk; a hosted Redis may not say."""
    try:
        found: Any = redis.impatient(url, SECONDS_MAX).config_get("appendfsync")
    except library.RedisError:
        what = "this server does not say"
        return Finding(f"{name} appendfsync", NOTE, what, "make sure that it is always")
    policy = found.get("appendfsync", "?")
    if policy == "always":
        return Finding(f"{name} appendfsync", OK, policy)
    how = "a power cut may lose the last second: appendfsync always"
    return Finding(f"{name} appendfsync", NOTE, policy, how)


def _file_rewritten(name: str, facts: dict[str, Any]) -> Finding:
    """See `redis_log`. A hosted Redis may not let us ask for it."""
    if redis_log.is_rewritten(facts) or redis_log.is_rewriting(facts):
        return Finding(f"{name} file", OK, "rewritten since its start")
    what = (
        "not rewritten since its start: "
        "a second power cut may lose what was accepted after the first"
    )
    how = "run BGREWRITEAOF after each start, or let our user run it"
    return Finding(f"{name} file", NOTE, what, how)
