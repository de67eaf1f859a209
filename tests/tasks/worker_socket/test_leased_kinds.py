"""The kind of a lease is known until all of it is settled, and not for ever."""

from __future__ import annotations

from firmlight_client import protocol
from tasks.queue.answers import Granted
from tasks.worker_socket.leased_kinds import LeasedKinds


def granted(lease: str, subtasks: int = 3) -> Granted:
    return Granted(lease, "task", "ECHO@1", 1.0, list(range(subtasks)), [b""] * subtasks)


def test_it_is_known_until_the_last_subtask_is_settled() -> None:
    known = LeasedKinds()
    known.note(granted("a"))
    known.settle("a", 2)
    assert known.find("a") == "ECHO@1"
    known.settle("a", 1)
    assert known.find("a") == ""


def test_a_lease_of_another_connection_is_not_known() -> None:
    known = LeasedKinds()
    known.settle("elsewhere", 1)
    known.forget("elsewhere")
    assert known.find("elsewhere") == ""


def test_of_too_many_the_oldest_is_forgotten() -> None:
    known = LeasedKinds()
    for number in range(protocol.LEASES_HELD_MAX + 1):
        known.note(granted(str(number)))
    assert known.find("0") == ""
    assert known.find("1") == known.find(str(protocol.LEASES_HELD_MAX)) == "ECHO@1"
