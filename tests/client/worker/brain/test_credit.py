"""How many leases the server may send."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from firmlight_client.worker.brain.admission import Admission
from firmlight_client.worker.brain.credit import Credit, startable
from firmlight_client.worker.brain.lease_book import LeaseBook
from firmlight_client.worker.brain.slots import IDLE, Slots
from firmlight_client.worker.consent.group_file import Memory
from firmlight_client.worker.consent.rulebook import Rulebook
from firmlight_client.worker.consent.rules import Consent
from firmlight_client.worker.load_policy import Verdict
from tests.client.worker.brain.test_brain import lease

small = st.integers(0, 20)


@given(small, small, small, small)
def test_what_starts_has_an_idle_slot_and_stays_below_what_is_allowed(
    idle: int, at_work: int, allowed: int, waiting: int
) -> None:
    number = startable(idle=idle, at_work=at_work, allowed=allowed, waiting=waiting)
    assert number >= 0
    if number:
        assert number + waiting <= idle
        assert number + waiting + at_work <= allowed
    more = startable(idle=idle + 1, at_work=at_work, allowed=allowed + 1, waiting=waiting)
    assert number <= more <= number + 1


def credit_of(slots: int) -> Credit:
    """All slots idle, nothing held, everything allowed."""
    admission = Admission(Rulebook(Consent(), (), Memory()), slots)
    credit = Credit(LeaseBook(), Slots(slots), admission)
    for slot in range(slots):
        credit.slots[slot].become(IDLE)
    return credit


def test_it_is_offered_once_and_used_by_each_lease() -> None:
    credit = credit_of(2)
    assert credit.is_outdated
    assert credit.offer() == 2
    assert not credit.is_outdated
    credit.use()
    credit.book.queue(credit.book.add(lease()), [0], [])  # which takes the slot that was offered
    assert (credit.offered, credit.received, credit.is_outdated) == (1, 1, False)
    credit.reset()
    assert (credit.offered, credit.received, credit.is_outdated) == (0, 0, True)


def test_a_lease_that_was_not_offered_leaves_no_negative_credit() -> None:
    credit = credit_of(1)
    credit.use()
    assert (credit.offered, credit.received) == (0, 1)


def test_a_drain_or_a_rest_of_all_groups_offers_nothing() -> None:
    resting, draining = credit_of(2), credit_of(2)
    resting.admission.judge(Verdict(2, {"*": "on battery"}))
    draining.admission.draining = "asked to"
    assert (resting.free, draining.free) == (0, 0)


def test_fewer_slots_allowed_are_fewer_offered() -> None:
    credit = credit_of(4)
    credit.admission.judge(Verdict(1, {}))
    assert credit.free == 1
