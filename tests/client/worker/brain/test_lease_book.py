"""The book of leases and jobs, without the rest of the brain."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmlight_client import protocol
from firmlight_client.worker.brain.lease_book import HeldLease, Job, LeaseBook, Settleable
from firmlight_client.worker.slot import wire
from tests.client.worker.brain.test_brain import lease


def result(subtasks: list[int]) -> protocol.Result:
    return protocol.Result(lease="L1", subtasks=subtasks, partial=b"", seconds=0.0)


def failure(subtask: int) -> protocol.Failure:
    return protocol.Failure(lease="L1", subtask=subtask, error="E")


def queued(book: LeaseBook, subtasks: int = 3) -> Job:
    """The only job of a new lease."""
    held = book.add(lease("L1", subtasks))
    book.queue(held, list(range(subtasks)), [])
    (job,) = book.backlog
    return job


@given(st.integers(1, 30), st.data())
def test_reports_in_any_pieces_are_found_again_by_subtask(
    subtasks: int, data: st.DataObject
) -> None:
    job = queued(LeaseBook(), subtasks)
    while job.cleared < subtasks:
        first, size = job.cleared, data.draw(st.integers(1, subtasks - job.cleared))
        positions = range(first, first + size)
        partials = [bytes([position]) for position in positions]
        job.held.note(job, wire.Batch(job.id, first, partials, [float(p) for p in positions]))
    chosen = data.draw(st.lists(st.integers(0, subtasks - 1), unique=True))
    names = job.held.subtasks_at(chosen)
    assert job.held.partials_of(names) == [bytes([position]) for position in chosen]
    assert job.held.seconds_of(names) == pytest.approx(sum(chosen))
    assert job.subtasks == job.held.lease.subtasks
    assert job.left == []


def test_a_job_names_what_is_left_of_it_and_runs_only_its_own_payloads() -> None:
    book = LeaseBook()
    job = queued(book)
    job.held.note(job, wire.Batch(job.id, 0, [b"a"], [1.0]))
    assert job.left == [11, 12]
    book.queue(job.held, [2], [10], urgent=True)
    rest = book.next_job()
    assert rest
    run = rest.run(100)
    assert (run.payloads, run.before) == ([job.held.lease.payloads[2]], [b"a"])


def test_urgent_jobs_come_first_and_a_removed_lease_takes_its_jobs_along() -> None:
    book = LeaseBook()
    first = queued(book)
    other = book.add(lease("L2"))
    book.queue(other, [0], [], urgent=True)
    assert book.next_job() in other.jobs
    assert book.remove("L1") is first.held
    assert book.next_job() is None
    assert book.remove("L1") is None


def test_a_lease_is_held_until_its_jobs_are_done_and_all_answers_are_settled() -> None:
    book = LeaseBook()
    job = queued(book)
    job.held.unsettled.append(result([10, 11, 12]))
    book.end(job)
    book.remove_settled()
    assert book.ids() == ["L1"]
    assert job.held.settle([10, 11, 12])
    book.remove_settled()
    assert book.ids() == []


@given(st.permutations([result([10, 11]), failure(12), result([13])]))
def test_an_answer_is_settled_by_its_subtasks_and_refused_in_its_order(
    answers: list[Settleable],
) -> None:
    held = HeldLease(lease(), unsettled=list(answers))
    assert held.settle([12]) == failure(12)
    assert held.settle([12]) is None
    rest = [answer for answer in answers if answer != failure(12)]
    assert [held.refuse(), held.refuse(), held.refuse()] == [*rest, None]


def test_restored_results_of_one_lease_are_one_lease() -> None:
    book = LeaseBook()
    book.restore(lease("L1", 0), result([10]))
    book.restore(lease("L1", 0), result([11]))
    (held,) = book.held.values()
    assert held.restored
    assert [frame.subtasks for frame in held.unsettled] == [[10], [11]]  # type: ignore[union-attr]


def test_no_more_leases_are_named_than_a_frame_can_hold() -> None:
    book = LeaseBook()
    for number in range(protocol.LEASES_HELD_MAX + 5):
        book.add(lease(f"L{number}"))
    assert len(book.ids()) == protocol.LEASES_HELD_MAX
    assert book.of_group("G") == protocol.LEASES_HELD_MAX + 5
