"""No slot gets two leases and none is forgotten, however frames and leases cross on their way."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tasks.worker_socket.credit import Credit

SLOTS = 3


class Wire(RuleBasedStateMachine):
    """A worker of SLOTS slots and a server, with leases and offers under way between them."""

    def __init__(self) -> None:
        super().__init__()
        self.credit = Credit()
        self.leases: list[str] = []  # on their way to the worker
        self.offers: list[tuple[int, int]] = []  # (free slots, received) on their way to the server
        self.running = self.received = 0
        self.offer()

    def offer(self) -> None:
        self.offers.append((SLOTS - self.running, self.received))

    @precondition(lambda self: self.credit.free)
    @rule()
    def the_server_leases(self) -> None:
        lease = f"lease {self.credit.sent}"
        self.credit.spend(lease)
        self.leases.append(lease)

    @precondition(lambda self: self.leases)
    @rule()
    def a_lease_comes_to_the_worker(self) -> None:
        self.leases.pop(0)
        self.running += 1
        self.received += 1

    @precondition(lambda self: self.running)
    @rule()
    def the_worker_ends_one_and_offers_its_slot(self) -> None:
        self.running -= 1
        self.offer()

    @rule()
    def the_worker_repeats_its_offer(self) -> None:
        self.offer()

    @precondition(lambda self: self.offers)
    @rule()
    def an_offer_comes_to_the_server(self) -> None:
        self.credit.offer(*self.offers.pop(0))

    @rule()
    def a_heartbeat_comes_after_all_before_it(self) -> None:
        while self.offers:
            self.credit.offer(*self.offers.pop(0))
        self.credit.note_received(self.received)
        assert self.credit.under_way == self.leases

    @invariant()
    def no_slot_is_leased_to_twice(self) -> None:
        assert self.running + len(self.leases) <= SLOTS

    @invariant()
    def what_is_under_way_is_known(self) -> None:
        if self.leases:
            assert self.credit.under_way[-len(self.leases) :] == self.leases

    def teardown(self) -> None:
        """Once all has come to its end, the server knows each free slot."""
        while self.leases:
            self.a_lease_comes_to_the_worker()
        self.offer()
        while self.offers:
            self.an_offer_comes_to_the_server()
        assert self.credit.free == SLOTS - self.running
        assert self.credit.under_way == []


TestWire = Wire.TestCase
TestWire.settings = settings(max_examples=50, stateful_step_count=40, deadline=None)


def spent(*leases: str) -> Credit:
    credit = Credit()
    credit.offer(len(leases), 0)
    for lease in leases:
        credit.spend(lease)
    return credit


def test_a_worker_that_does_not_count_is_believed() -> None:
    credit = spent("a", "b")
    credit.offer(2, None)
    assert (credit.free, credit.under_way) == (2, [])


def test_an_offer_replaces_the_one_before() -> None:
    credit = Credit()
    credit.offer(4, 0)
    credit.offer(1, 0)
    assert credit.free == 1


@pytest.mark.parametrize("received", [3, 1000])
def test_a_worker_cannot_have_received_more_than_was_sent(received: int) -> None:
    credit = spent("a", "b")
    credit.offer(2, received)
    assert (credit.free, credit.under_way) == (2, [])


def test_a_count_that_goes_back_brings_no_lease_back() -> None:
    credit = spent("a", "b")
    credit.note_received(2)
    credit.note_received(0)
    assert credit.under_way == []


def test_a_slot_that_is_withdrawn_while_the_queue_is_asked_is_not_owed() -> None:
    """Else `free` would be -1, and each lease that follows would seem to find a free slot."""
    credit = Credit()
    credit.offer(1, 0)
    credit.withdraw()
    credit.spend("granted meanwhile")
    assert (credit.free, credit.under_way) == (0, ["granted meanwhile"])


def test_who_does_not_say_how_many_are_free_changes_nothing() -> None:
    credit = Credit()
    credit.offer(3, 0)
    credit.spend("a")
    credit.offer(None, None)
    assert (credit.free, credit.under_way) == (2, ["a"])
    credit.offer(None, 1)
    assert (credit.free, credit.under_way) == (2, [])


def test_none_free_is_not_the_same_as_not_saying() -> None:
    credit = Credit()
    credit.offer(3, 0)
    credit.offer(0, 0)
    assert credit.free == 0
