"""Unacknowledged messages when the connection to the broker, a real Redis, is cut."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from kombu import Connection
from redis.exceptions import ConnectionError as Lost

from firmlight import kombu_fix
from tests.support.proxy import Proxy

THREADS = 2


@pytest.fixture
def line() -> Iterator[Proxy]:
    with Proxy(urlsplit(settings.BROKER_URL).port) as line:
        yield line


@pytest.fixture
def held(line: Proxy) -> Iterator[list[Any]]:
    """As many messages as a consumer may hold, of the three that wait."""
    kombu_fix.use()
    whole = urlsplit(settings.BROKER_URL)
    address = whole._replace(
        netloc=whole.netloc.replace(f":{whole.port}", f":{line.port}")
    ).geturl()
    messages: list[Any] = []
    with Connection(address) as connection:
        queue = connection.SimpleQueue("deliveries")
        queue.clear()
        for number in range(THREADS + 1):
            queue.put(number)
        queue.consumer.qos(prefetch_count=THREADS)
        messages += [queue.get(timeout=5) for _ in range(THREADS)]
        assert not messages[0].channel.qos.can_consume()
        yield messages
        line.heal()
        queue.clear()


def lose(line: Proxy) -> None:
    line.cut(refuse=True)
    line.reset()


@pytest.mark.parametrize("end", ["ack", "reject", "requeue"])
def test_a_message_that_cannot_be_acknowledged_makes_room_for_the_next(
    line: Proxy, held: list[Any], end: str
) -> None:
    lose(line)
    for message in held:
        with pytest.raises((Lost, OSError)):
            getattr(message, end)()
    assert held[0].channel.qos.can_consume()


def test_a_message_that_is_acknowledged_makes_room_and_is_gone(held: list[Any]) -> None:
    for message in held:
        message.ack()
    channel = held[0].channel
    assert channel.qos.can_consume()
    assert channel.client.zcard(channel.unacked_index_key) == 0
