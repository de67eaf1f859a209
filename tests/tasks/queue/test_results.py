"""Results: accepted once per subtask, or refused with the reason."""

from __future__ import annotations

import pytest

from tasks.queue import connections, leasing, lifecycle, splitting, sweeping
from tests.tasks.queue.conftest import Pool


def test_every_subtask_counts_once_and_the_last_one_completes_the_task(pool: Pool) -> None:
    task = pool.task(3)
    worker = pool.connect("laptop")
    first = worker.lease()
    assert not worker.complete(first).complete
    pool.speed(task, "laptop", 1000)
    rest = worker.lease()
    assert worker.complete(rest).complete
    outcome = pool.outcome(task)
    assert (outcome.complete, outcome.split, outcome.done, len(outcome.partials)) == (True, 3, 3, 2)


def test_a_task_is_not_complete_before_its_split_has_ended(pool: Pool) -> None:
    task = pool.task(1, last=False)
    worker = pool.connect("laptop")
    assert not worker.complete(worker.lease()).complete
    assert pool.outcome(task).partials == []
    assert (
        not splitting.push(pool.group, task, first=1, payloads=[b"\x01"], last=True).now().complete
    )
    assert worker.complete(worker.lease()).complete


def test_a_lease_may_be_completed_in_parts(pool: Pool) -> None:
    task = pool.task(5)
    worker = pool.connect("laptop")
    pool.speed(task, "laptop", 1000)
    granted = worker.lease()
    assert worker.complete(granted, [0, 3]).reason == ""
    assert pool.progress(task).leased == 3
    assert worker.complete(granted, [4, 2, 1]).complete
    assert pool.progress(task).leased == 0


def test_a_late_result_counts_if_nobody_was_faster(pool: Pool) -> None:
    task = pool.task()
    alice, bob = pool.connect("alice"), pool.connect("bob")
    late = alice.lease()
    pool.expire(late)
    assert sweeping.reap(pool.group).now().leases == 1
    assert pool.progress(task).waiting == 1
    settled = alice.complete(late)
    assert (settled.reason, settled.complete) == ("", True)
    assert bob.ask().granted is None


def test_a_late_result_beats_the_worker_that_took_over_and_names_its_lease(pool: Pool) -> None:
    task = pool.task()
    alice, bob = pool.connect("alice"), pool.connect("bob")
    late = alice.lease()
    alice.leave(connections.LOST)
    taken_over = bob.lease()
    settled = alice.complete(late)
    assert settled.unwanted == [(bob.name, taken_over.lease)]
    assert bob.complete(taken_over).reason == "unknown_lease"
    assert (pool.outcome(task).done, pool.progress(task).leased) == (1, 0)


def test_a_second_copy_is_refused_and_names_what_is_still_open(pool: Pool) -> None:
    task = pool.task(3)
    alice, bob = pool.connect("alice"), pool.connect("bob")
    pool.speed(task, "alice", 1000)
    late = alice.lease()
    alice.leave(connections.LOST)
    taken_over = bob.lease()
    bob.complete(taken_over)
    settled = alice.complete(late)
    still = [subtask for subtask in late.subtasks if subtask not in taken_over.subtasks]
    assert (settled.reason, settled.open) == ("done_by_another", still)
    assert alice.complete(late, still).complete
    assert pool.outcome(task).done == 3


def test_a_result_sent_twice_is_counted_once(pool: Pool) -> None:
    task = pool.task(2, last=False)
    worker = pool.connect("laptop")
    granted = worker.lease()
    worker.complete(granted)
    again = worker.complete(granted)
    assert (again.reason, again.open) == ("unknown_lease", [])
    assert pool.progress(task).done == 1


@pytest.mark.parametrize("named", [[0, 1, 1], [0, 7], [], [-1]])
def test_subtasks_that_are_not_of_the_lease_refuse_the_whole_result(
    pool: Pool, named: list[int]
) -> None:
    task = pool.task(9)
    worker = pool.connect("laptop")
    pool.speed(task, "laptop", 20)
    granted = worker.lease()
    assert granted.subtasks == [0, 1, 2, 3, 4]
    settled = worker.complete(granted, named)
    assert (settled.reason, settled.open) == ("not_in_lease", [s for s in (0, 1) if s in named])
    assert pool.progress(task).done == 0
    assert worker.complete(granted).reason == ""


@pytest.mark.parametrize("lease", ["", "nonsense", "00000000-0000-0000-0000-00000000ffff:1"])
def test_a_lease_nobody_knows_is_refused_without_a_key_being_written(
    pool: Pool, lease: str
) -> None:
    call = leasing.complete(lease, worker="laptop", subtasks=[0], partial=b"\x01")
    assert (call.now().reason, call.now().open) == ("unknown_lease", [])
    assert (
        leasing.fail(lease, worker="laptop", subtask=0, error="ValueError").now().reason
        == "unknown_lease"
    )
    assert leasing.release(lease, worker="laptop", subtasks=[0]).now().reason == "unknown_lease"
    assert pool.keys() == []


def test_nobody_settles_the_lease_of_another_worker(pool: Pool) -> None:
    task = pool.task()
    alice, bob = pool.connect("alice"), pool.connect("bob")
    granted = alice.lease()
    assert bob.complete(granted).reason == "unknown_lease"
    assert bob.fail(granted).reason == "unknown_lease"
    assert bob.release(granted).reason == "unknown_lease"
    assert bob.beat(granted.lease) == [granted.lease]
    assert pool.progress(task).leased == 1


def test_a_decided_task_is_complete_at_once_and_its_close_names_who_still_works(pool: Pool) -> None:
    task = pool.task(5)
    alice, bob = pool.connect("alice"), pool.connect("bob")
    held = bob.lease()
    assert alice.complete(alice.lease(), decided=True).complete
    assert pool.outcome(task).decided
    assert lifecycle.close(pool.group, task).now().held == [(bob.name, held.lease)]
    assert bob.complete(held).reason == "unknown_lease"


def test_seconds_are_believed_only_as_far_as_the_clock_allows(pool: Pool) -> None:
    task = pool.task(40)
    worker = pool.connect("laptop")
    for claimed in (1e9, float("inf"), float("nan"), -5.0):
        granted = worker.lease()
        pool.began(granted, seconds_ago=1.0)
        assert worker.complete(granted, granted.subtasks[:1], seconds=claimed).reason == ""
    # a second each for the two that claimed too much, and what this test took
    assert 2.0 <= pool.progress(task).seconds < 60


def test_work_is_charged_by_estimate_and_corrected_by_the_result(pool: Pool) -> None:
    pool.task(4)
    worker = pool.connect("laptop")
    granted = worker.lease()
    assert pool.served("alice") == pytest.approx(0.1)
    pool.began(granted, seconds_ago=9.0)
    worker.complete(granted, seconds=3.0)
    assert pool.served("alice") == pytest.approx(3.0)
    worker.lease()
    assert pool.served("alice") == pytest.approx(6.0)  # one subtask took 3 s so far


def test_a_loss_is_not_charged_and_a_late_result_is_charged_once(pool: Pool) -> None:
    pool.task()
    alice, bob = pool.connect("laptop"), pool.connect("tower")
    late = alice.lease()
    pool.began(late, seconds_ago=9.0)
    alice.leave(connections.LOST)
    assert pool.served("alice") == pytest.approx(0.0)
    bob.lease()
    assert pool.served("alice") == pytest.approx(0.1)
    assert alice.complete(late, seconds=2.0).complete
    assert pool.served("alice") == pytest.approx(2.0)


def test_a_lease_asked_for_twice_is_the_same_lease(pool: Pool) -> None:
    """A client that lost its connection to Redis sends the call again.

    What was leased first must not be lost.
    """
    task = pool.task(9)
    worker = pool.connect("laptop")
    pool.speed(task, "laptop", 20)
    call = leasing.lease(
        pool.group, worker="laptop", owner="bob", conn=worker.name, kinds=worker.kinds
    )
    first, second = call.now(), call.now()
    assert first.granted == second.granted
    assert first.granted and len(first.granted.subtasks) == 5
    assert worker.complete(first.granted).reason == ""
    worker.work_off()
    assert pool.outcome(task).complete


def test_large_indices_and_large_times_survive_lua(pool: Pool) -> None:
    """Indices beyond 2^31, and a subtask that may take a month."""
    task = pool.task(0, last=False, seconds_max=30 * 86_400)
    far = 2**40
    pool.redis.hset(pool.key("t", task), "split", far)
    splitting.push(pool.group, task, first=far, payloads=[b"\x01", b"\x02"], last=True).now()
    worker = pool.connect("laptop")
    granted = worker.lease()
    assert (granted.subtasks, granted.seconds_max) == ([far], 30 * 86_400)
    worker.leave(connections.LOST)
    worker.beat()
    again = worker.lease()
    assert again.subtasks == [far]
    worker.fail(again)
    assert sorted(worker.work_off()) == [far, far + 1]
    blame = pool.outcome(task).blame
    assert blame and blame.subtask == far


def test_a_release_that_names_too_much_is_told_what_it_may_give_back(pool: Pool) -> None:
    """Else the rest would wait for its deadline, and then count as lost."""
    task = pool.task(4)
    worker = pool.connect("laptop")
    pool.speed(task, "laptop", 1000)
    granted = worker.lease()
    worker.complete(granted, [0])
    settled = leasing.release(granted.lease, worker="laptop", subtasks=[0, 1, 3]).now()
    assert (settled.reason, settled.open) == ("not_in_lease", [1, 3])
    assert pool.progress(task).leased == 3, "nothing of it was taken back"
    settled = leasing.release(granted.lease, worker="laptop", subtasks=settled.open).now()
    assert settled.reason == ""
    assert pool.progress(task).leased == 1
