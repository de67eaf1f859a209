"""Welcome, heartbeats, errors and closes, as the brain keeps them."""

from __future__ import annotations

import random

from firmlight_client import protocol
from firmlight_client.worker.brain.connection import SUSPENDED, Connection
from tests.client.worker.brain.test_brain import welcome


def welcomed() -> Connection:
    connection = Connection(random.Random(0))
    connection.welcomed(welcome([]), 0.0)
    return connection


def error(code: str, message: str) -> protocol.Error:
    return protocol.Error(code=code, message=message)


def test_heartbeats_are_due_at_their_interval_and_only_while_welcome() -> None:
    connection = welcomed()
    assert [connection.beat(now) for now in (4.9, 5.0, 5.1, 10.0)] == [False, True, False, True]
    connection.closed(1006, "")
    assert not connection.beat(100.0)


def test_an_error_explains_the_close_that_follows_and_no_later_one() -> None:
    connection = welcomed()
    assert not connection.failed(error("bad_token", "This token is no longer valid."))
    assert connection.closed(1006, "gone") == "This token is no longer valid."
    assert connection.closed(1006, "gone") == "gone"
    assert connection.closed(1006, "") == "the connection was closed (1006)"


def test_a_suspension_is_news_once_a_connection_and_explains_no_close() -> None:
    connection, suspension = welcomed(), error(SUSPENDED, "It failed too often.")
    assert connection.failed(suspension)
    assert not connection.failed(suspension)
    assert connection.closed(1006, "gone") == "gone"
    connection.welcomed(welcome([]), 1.0)
    assert connection.failed(suspension)
    assert connection.end_suspension()
    assert not connection.end_suspension()


def test_waits_grow_until_a_connection_has_held_for_a_heartbeat() -> None:
    connection = welcomed()
    longest = max(connection.seconds_to_wait(1006) for _ in range(12))
    assert longest > 5
    connection.welcomed(welcome([]), 0.0)
    assert connection.beat(5.0)
    assert connection.seconds_to_wait(1006) <= 0.3
