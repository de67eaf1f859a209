"""A process does not start on data of a newer release, and ends when they come."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import override_settings

from core import redis
from firmlight import format_watch, readiness
from firmlight.lifespan import lifespan
from tasks.data_format import FORMAT
from tasks.queue.keys import FORMAT_NOTED

NEWER = FORMAT + 1
WAIT_SECONDS_MAX = 30.0


@pytest.fixture
def newer() -> Iterator[None]:
    redis.connect().set(FORMAT_NOTED, NEWER)
    yield
    redis.connect().delete(FORMAT_NOTED)


@pytest.mark.usefixtures("newer")
def test_a_process_does_not_start_on_newer_data() -> None:
    with pytest.raises(SystemExit, match=f"does not start: the data in Redis have format {NEWER}"):
        format_watch.begin_or_exit()


@pytest.mark.usefixtures("newer")
def test_web_does_not_start_on_newer_data() -> None:
    said: list[Any] = []

    async def receive() -> dict[str, str]:
        return {"type": "lifespan.startup"}

    async def send(message: dict[str, str]) -> None:
        said.append(message)

    asyncio.run(lifespan({"type": "lifespan"}, receive, send))
    (failed,) = said
    assert failed["type"] == "lifespan.startup.failed"
    assert f"format {NEWER}" in failed["message"]


@pytest.mark.usefixtures("newer")
def test_readyz_says_that_the_data_are_newer() -> None:
    found = readiness.check("data_format")
    assert not found.ok
    assert f"have format {NEWER}" in found.what


def test_readyz_says_which_format_the_data_have() -> None:
    redis.connect().set(FORMAT_NOTED, FORMAT)
    assert readiness.check("data_format") == readiness.Finding(ok=True, what=f"format {FORMAT}")


@override_settings(FORMAT_CHECK_SECONDS=0.05)
def test_a_process_ends_when_the_data_become_newer() -> None:
    ended = threading.Event()
    format_watch.begin(end=ended.set)
    assert not ended.wait(0.2)
    redis.connect().set(FORMAT_NOTED, NEWER)
    assert ended.wait(WAIT_SECONDS_MAX)


@override_settings(FORMAT_CHECK_SECONDS=0.05)
def test_a_watch_outlives_a_redis_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, ended, noted = threading.Semaphore(0), threading.Event(), format_watch.formats.noted

    def away() -> int:
        asked.release()
        raise redis.LOST[0]

    format_watch.begin(end=ended.set)
    monkeypatch.setattr(format_watch.formats, "noted", away)
    for _ in range(2):
        assert asked.acquire(timeout=WAIT_SECONDS_MAX)
    monkeypatch.setattr(format_watch.formats, "noted", noted)
    redis.connect().set(FORMAT_NOTED, NEWER)
    assert ended.wait(WAIT_SECONDS_MAX)
