"""Which request, job and connection a line of the log belongs to."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import queue

import msgspec
import pytest
import redis
import structlog
from celery.contrib.testing.worker import start_worker
from django.test import Client
from structlog.contextvars import bound_contextvars, get_contextvars

from core import context, logs
from firmlight.celery import app
from tasks import events


@pytest.fixture
def lines():
    """lines(): what has been logged since, read as JSON."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    before = structlog.get_config()
    formatter = logs.config("DEBUG", as_json=True)["formatters"]["line"]
    structlog.configure(**before)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(**{k: v for k, v in formatter.items() if k != "()"})
    )
    logger, level = logging.getLogger(), logging.getLogger().level
    logger.addHandler(handler)
    logger.setLevel("INFO")
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    logger.setLevel(level)
    logger.removeHandler(handler)


def test_every_answer_names_its_request(db):
    first, second = (Client().get("/")["X-Request-ID"] for _ in range(2))
    assert first != second
    assert context.SANE.fullmatch(first)


def test_a_proxys_id_is_kept(db):
    assert (
        Client().get("/", headers={"X-Request-ID": "edge-7.2026-11_25"})["X-Request-ID"]
        == "edge-7.2026-11_25"
    )


@pytest.mark.parametrize(
    "bad", ["short", "x" * 65, "two words here", '"},"admin":true', "-begins-badly", "ünsicher-id"]
)
def test_what_cannot_be_an_id_is_not_taken(db, bad):
    assert Client().get("/", headers={"X-Request-ID": bad})["X-Request-ID"] != bad


def test_a_line_says_to_which_request_it_belongs(db, lines, settings):
    settings.LOG_REQUESTS = True
    Client().get("/login/", headers={"X-Request-ID": "edge-0001"})
    (line,) = [line for line in lines() if line["event"] == "request"]
    assert line["request_id"] == "edge-0001"
    assert (line["method"], line["path"], line["status"]) == ("GET", "/login/", 200)
    assert "request_id" not in get_contextvars()


def test_the_line_of_a_request_shows_no_secret_of_its_address(db, lines, settings):
    settings.LOG_REQUESTS = True
    Client().get("/join/secret-code-of-a-link/")
    assert "secret-code" not in json.dumps(lines())


def test_requests_are_lines_only_where_that_is_asked_for(db, lines):
    Client().get("/login/")
    assert [line for line in lines() if line["event"] == "request"] == []


def message_of(settings, name):
    with redis.Redis.from_url(settings.BROKER_URL) as broker:
        return msgspec.json.decode(broker.lpop(name))


def test_a_job_carries_on_what_it_came_from(settings):
    with bound_contextvars(request_id="edge-0002", worker="w-1", other="stays here"):
        events.split("t-1")
    sent = message_of(settings, "long")
    assert sent["headers"]["firmlight"] == {"request_id": "edge-0002", "worker": "w-1"}


@pytest.fixture
def look():
    """A job that logs the ids it ran with; a real Celery worker takes it from the real broker."""
    seen = queue.Queue()

    @app.task(name="tests.look")
    def look():
        structlog.get_logger("tests").info("within")
        seen.put(dict(get_contextvars()))

    look.seen = seen
    with start_worker(
        app, pool="threads", queues=["tests"], perform_ping_check=False, shutdown_timeout=20
    ):
        yield look
    app.tasks.pop("tests.look")


def test_a_job_logs_under_the_ids_it_carries_and_leaves_none_behind(look, lines):
    with bound_contextvars(request_id="edge-0003", evil="x"):
        first = look.apply_async(queue="tests")
    second = look.apply_async(queue="tests")
    found = {ids["job_id"]: ids for ids in (look.seen.get(timeout=20) for _ in range(2))}
    assert found[first.id] == {"request_id": "edge-0003", "job": "tests.look", "job_id": first.id}
    assert found[second.id] == {"job": "tests.look", "job_id": second.id}
    within = [line for line in lines() if line["event"] == "within"]
    assert sorted(line.get("request_id", "") for line in within) == ["", "edge-0003"]


def test_a_connection_has_an_id_of_its_own():
    async def look(*headers):
        with context.connection({"headers": headers}):
            return get_contextvars()["connection"]

    async def both():
        return await asyncio.gather(look(), look((b"X-Request-Id", b"edge-0004")))

    made, kept = asyncio.run(both())
    assert kept == "edge-0004"
    assert made != kept


def test_answers_are_timed_by_method_and_class(scrape):
    Client().get("/login/")
    Client().get("/nothing/")
    Client().generic("BREW", "/login/")
    found = scrape()
    assert found("firmlight_http_seconds_count", method="GET", status="2xx") == 1
    assert found("firmlight_http_seconds_count", method="GET", status="4xx") == 1
    assert any(dict(labels).get("method") == "other" for _, labels in found.samples)
