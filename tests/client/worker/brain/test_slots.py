"""The slots as the brain keeps them."""

from __future__ import annotations

from firmlight_client.worker.brain.lease_book import LeaseBook
from firmlight_client.worker.brain.slots import BUSY, IDLE, QUITTING, STARTING, Slots
from tests.client.worker.brain.test_brain import lease


def test_a_slot_has_a_job_only_while_it_is_busy() -> None:
    slots, book = Slots(2), LeaseBook()
    assert (slots.idle(), slots.at_work()) == ([], 0)
    slots[1].become(IDLE)
    assert slots.idle() == [1]
    book.queue(book.add(lease()), [0], [])
    job = book.next_job()
    assert job
    slots[1].begin(job)
    assert (slots[1].state, slots.idle(), slots.at_work()) == (BUSY, [], 1)
    assert slots[1].become(STARTING) is job
    assert (slots[1].job, slots.at_work()) == (None, 0)


def test_quitting_a_lease_concerns_its_own_slots_and_they_still_work_for_a_while() -> None:
    slots, book = Slots(2), LeaseBook()
    for slot, name in enumerate(("L1", "L2")):
        held = book.add(lease(name))
        book.queue(held, [0], [])
        job = book.next_job()
        assert job
        slots[slot].begin(job)
    dropped = book.held["L2"]
    ((slot, job),) = slots.quit(dropped)
    assert (slot, job.held) == (1, dropped)
    assert (slots[1].state, slots[1].job, slots.at_work()) == (QUITTING, None, 2)
    assert slots.quit(dropped) == []
