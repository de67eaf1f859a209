"""Results that are too large are counted for each lease, and not for ever."""

from __future__ import annotations

from firmlight_client import protocol
from tasks.worker_socket.too_large import TooLarge


def test_each_lease_is_counted_by_itself() -> None:
    results = TooLarge()
    assert [results.count("a"), results.count("b"), results.count("a")] == [1, 1, 2]


def test_of_too_many_leases_the_oldest_is_forgotten() -> None:
    results = TooLarge()
    for number in range(protocol.LEASES_HELD_MAX + 1):
        results.count(str(number))
    assert results.count("1") == 2
    assert results.count("0") == 1
