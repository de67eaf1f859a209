"""What `/healthz` and `/readyz` say, and how fast, when a service is down."""

from __future__ import annotations

import socket
import time

import pytest
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client

from core import beat, redis
from firmlight import readiness
from tasks import jobs

NOBODY = "redis://127.0.0.1:1"


@pytest.fixture
def ready(db):
    """ready(): the status of the answer, and each check of it."""

    def look():
        answer = Client().get("/readyz")
        return answer.status_code, answer.json()["checks"]

    return look


@pytest.fixture
def deaf():
    """The address of a server that takes connections and never says anything."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"redis://127.0.0.1:{server.getsockname()[1]}"


def wrong(checks):
    return {name for name, check in checks.items() if not check["ok"]}


def test_alive_asks_nobody(settings):
    """Without the fixture `db` a question to the database fails the test."""
    settings.REDIS_URL = NOBODY
    assert Client().get("/healthz").json() == {"status": "alive"}


def test_ready_says_what_each_check_found(ready):
    jobs.sweep()
    status, checks = ready()
    assert status == 200, checks
    names = ["database", "migrations", "redis", "data_format", "channel_layer", "beat"]
    assert list(checks) == names
    assert checks["database"] == {"ok": True, "what": connection.vendor}
    assert checks["beat"]["what"].startswith("the last sweep was 0.")


def test_a_server_without_sweep_is_not_ready(ready):
    status, checks = ready()
    assert status == 503
    assert wrong(checks) == {"beat"}
    assert "never" in checks["beat"]["what"]


def test_a_sweep_long_ago_is_none(ready, settings):
    beat.note_tick()
    redis.connect().pexpire(
        beat.TICK, beat.KEPT_MS - round((settings.BEAT_QUIET_SECONDS_MAX + 5) * 1000)
    )
    status, checks = ready()
    assert (status, wrong(checks)) == (503, {"beat"})
    assert "65 s ago" in checks["beat"]["what"]


def test_a_redis_that_refuses_is_named(ready, settings):
    beat.note_tick()
    settings.REDIS_URL = NOBODY
    status, checks = ready()
    assert (status, wrong(checks)) == (503, {"redis", "data_format", "beat"})
    assert checks["redis"]["what"] == "does not answer (ConnectionError)"


@pytest.mark.parametrize(
    ("option", "full", "free", "words"),
    [
        ("maxmemory", "1", "0", "is full and takes no writes"),
        ("replicaof", "127.0.0.1 1", "no one", "names a replica"),
    ],
)
def test_a_redis_that_answers_but_takes_no_writes_is_named(ready, option, full, free, words):
    """A ping alone would say that all is well."""
    beat.note_tick()
    client = redis.connect()

    def configure(value):
        if option == "maxmemory":
            client.config_set(option, value)
        else:
            client.execute_command("REPLICAOF", *value.split())

    configure(full)
    try:
        assert client.ping()
        status, checks = ready()
    finally:
        configure(free)
    assert status == 503
    assert "redis" in wrong(checks)
    assert words in checks["redis"]["what"]


def test_a_redis_that_hangs_holds_up_no_probe(ready, settings, deaf):
    settings.REDIS_URL, settings.PROBE_SECONDS_MAX = deaf, 0.3
    began = time.monotonic()
    status, checks = ready()
    assert (status, wrong(checks)) == (503, {"redis", "data_format", "beat"})
    assert time.monotonic() - began < 1.5


def test_a_check_that_hangs_is_asked_once_however_many_probe(ready, settings, monkeypatch):
    asked = []

    def hang():
        asked.append(1)
        time.sleep(0.6)
        return "late"

    settings.PROBE_SECONDS_MAX = 0.05
    monkeypatch.setitem(readiness.CHECKS, "database", hang)
    assert [ready()[1]["database"]["what"] for _ in range(3)] == ["no answer in 0.05 s"] * 3
    assert len(asked) == 1
    settings.PROBE_SECONDS_MAX = 5
    assert ready()[1]["database"]["what"] == "late"


def test_a_channel_layer_that_is_away_is_named(ready, settings):
    beat.note_tick()
    settings.PROBE_SECONDS_MAX = 1
    layer = {"hosts": [{"address": NOBODY}], "prefix": "away"}
    settings.CHANNEL_LAYERS = {"default": settings.CHANNEL_LAYERS["default"] | {"CONFIG": layer}}
    status, checks = ready()
    assert (status, wrong(checks)) == (503, {"channel_layer"})


def test_what_is_not_migrated_is_named(db):
    applied = MigrationRecorder(connection)
    applied.record_unapplied("tasks", "0002_failures_and_limits")
    finding = readiness.check("migrations")
    applied.record_applied(
        "tasks", "0002_failures_and_limits"
    )  # not every database takes it back with the test
    assert not finding.ok
    assert finding.what.startswith("1 not applied, the first is tasks.0002_failures")


def test_a_broken_database_is_reported_without_its_address(db, monkeypatch):
    def fall(*args):
        raise ConnectionError("db.internal:5432 password=geheim")

    monkeypatch.setitem(readiness.CHECKS, "database", fall)
    assert readiness.check("database").what == "does not answer (ConnectionError)"


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_probes_come_by_http_and_under_any_name(db, settings, path):
    beat.note_tick()
    settings.SECURE_SSL_REDIRECT = True
    assert Client().get(path, headers={"host": "10.0.0.7:8000"}).status_code == 200
    assert Client().get("/", headers={"host": "10.0.0.7:8000"}).status_code == 400
