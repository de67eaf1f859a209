"""Failures, losses and releases: what counts against a subtask, and which worker is next."""

from __future__ import annotations

import time

import pytest
from pytest_django import Settings

from tasks.queue import connections, leasing, lifecycle, presence, splitting, sweeping, task_log
from tasks.queue.answers import Leased
from tests.tasks.queue.conftest import Connection, Pool


def test_a_failed_subtask_goes_to_another_worker_if_one_is_online(pool: Pool) -> None:
    task = pool.task()
    alice, bob = pool.connect("alice"), pool.connect("bob")
    bob.leave(connections.KEPT)
    alice.fail(alice.lease())
    bob.beat()
    assert alice.ask().granted is None
    granted = bob.lease()
    assert (granted.task, granted.subtasks) == (task, [0])


def test_a_long_name_of_an_error_in_any_script_leaves_the_log_readable(pool: Pool) -> None:
    task = pool.task()
    worker = pool.connect("laptop")
    name = "x" + "é" * 150  # two bytes each
    leasing.fail(worker.lease().lease, worker=worker.worker, subtask=0, error=name).now()
    assert task_log.log(pool.group, task)[-1].detail == f"0 {name[:80]}"


def test_a_failed_subtask_goes_to_the_same_worker_if_it_is_alone(pool: Pool) -> None:
    pool.task()
    worker = pool.connect("laptop")
    worker.fail(worker.lease())
    assert worker.lease().subtasks == [0]


def test_a_worker_that_went_silent_does_not_keep_a_subtask_from_who_failed_it(pool: Pool) -> None:
    pool.task()
    alice, bob = pool.connect("alice"), pool.connect("bob")
    alice.fail(alice.lease())
    assert alice.ask().granted is None
    pool.redis.zadd(pool.key("workers", bob.kinds[0]), {f"{bob.worker} {bob.name} {bob.owner}": 1})
    assert alice.lease().subtasks == [0]


def test_a_worker_with_another_connection_is_still_online_when_one_is_lost(pool: Pool) -> None:
    task = pool.task()
    alice = pool.connect("alice")
    old, _new = pool.connect("bob", conn="old"), pool.connect("bob", conn="new")
    alice.fail(alice.lease())
    old.leave(connections.LOST)
    assert alice.ask().granted is None
    assert sorted(presence.online_workers(pool.group, alice.kinds[0])) == ["alice", "bob"]
    assert pool.progress(task).waiting == 1


def test_who_waits_for_a_subtask_it_failed_is_woken_when_the_last_other_worker_leaves(
    pool: Pool,
) -> None:
    pool.task()
    alice, bob = pool.connect("alice"), pool.connect("bob")
    alice.fail(alice.lease())
    assert alice.ask().granted is None
    assert bob.leave(connections.RELEASED).wake == [alice.name]
    assert alice.lease().subtasks == [0]


def test_barred_subtasks_do_not_hide_one_that_may_be_leased(pool: Pool, settings: Settings) -> None:
    settings.SET_ASIDE_SECONDS = 0
    task = pool.task(20)
    alice, bob = pool.connect("alice"), pool.connect("bob")
    pool.speed(task, "alice", 1000)
    granted = alice.lease()
    for subtask in granted.subtasks[:12]:
        alice.fail(granted, subtask)
    alice.release(granted, granted.subtasks[12:])
    assert alice.lease().subtasks == granted.subtasks[12:]
    assert bob.lease().subtasks == [0]


def test_too_many_attempts_fail_the_task_with_the_last_error(
    pool: Pool, settings: Settings
) -> None:
    settings.MAX_ATTEMPTS = 3
    task = pool.task(2)
    worker = pool.connect("laptop")
    verdicts = [worker.fail(worker.lease()).complete for _ in range(3)]
    outcome = pool.outcome(task)
    assert verdicts == [False, False, True]
    assert (outcome.complete, outcome.broken, outcome.failed) == (True, True, 1)
    assert outcome.blame
    assert (outcome.blame.subtask, outcome.blame.worker, outcome.blame.error) == (
        0,
        "laptop",
        "ValueError",
    )
    assert outcome.work["laptop"].failures == 3


def test_with_partial_results_allowed_the_rest_goes_on(pool: Pool, settings: Settings) -> None:
    settings.MAX_ATTEMPTS = 1
    task = pool.task(3, allow_partial=True)
    worker = pool.connect("laptop")
    assert not worker.fail(worker.lease()).complete
    assert worker.work_off() == [1, 2]
    outcome = pool.outcome(task)
    assert (outcome.complete, outcome.broken, outcome.done, outcome.failed) == (True, False, 2, 1)


def test_a_late_failure_for_good_ends_the_lease_that_took_over(
    pool: Pool, settings: Settings
) -> None:
    settings.MAX_ATTEMPTS = 1
    task = pool.task()
    alice, bob = pool.connect("alice"), pool.connect("bob")
    late = alice.lease()
    alice.leave(connections.LOST)
    taken_over = bob.lease()
    settled = alice.fail(late)
    assert (settled.complete, settled.unwanted) == (True, [(bob.name, taken_over.lease)])
    assert pool.progress(task).leased == 0
    assert pool.served("alice") == pytest.approx(0.0)


def test_a_late_failure_leaves_the_lease_that_took_over_alone(pool: Pool) -> None:
    task = pool.task()
    alice, bob = pool.connect("alice"), pool.connect("bob")
    late = alice.lease()
    alice.leave(connections.LOST)
    taken_over = bob.lease()
    assert alice.fail(late).reason == ""
    assert (pool.progress(task).leased, pool.progress(task).waiting) == (1, 0)
    assert bob.complete(taken_over).complete


def test_a_failure_of_what_another_has_done_is_no_attempt(pool: Pool) -> None:
    task = pool.task(2)
    alice, bob = pool.connect("alice"), pool.connect("bob")
    late = alice.lease()
    alice.leave(connections.LOST)
    bob.complete(bob.lease())
    assert alice.fail(late).reason == "done_by_another"
    assert "alice" not in {
        worker for worker, work in pool.progress(task).work.items() if work.failures
    }


def test_lost_subtasks_are_leased_alone_and_first(pool: Pool) -> None:
    task = pool.task(20)
    alice, bob = pool.connect("alice"), pool.connect("bob")
    for worker in (alice, bob):
        pool.speed(task, worker.worker, 30)
    lost = alice.lease().subtasks
    assert len(lost) > 1
    alice.leave(connections.LOST)
    assert [bob.lease().subtasks for _ in lost] == [[subtask] for subtask in lost]
    assert len(bob.lease().subtasks) > 1


def test_what_is_released_goes_back_to_the_front_in_its_order_and_is_no_loss(pool: Pool) -> None:
    task = pool.task(20)
    alice = pool.connect("alice")
    pool.speed(task, "alice", 30)
    granted = alice.lease()
    assert alice.release(granted, granted.subtasks[1:4]).reason == ""
    assert alice.lease().subtasks[:3] == granted.subtasks[1:4]
    assert pool.redis.exists(pool.key("t", task, "blame")) == 0
    assert alice.complete(granted).reason == "not_in_lease"
    assert alice.complete(granted, [granted.subtasks[0]]).reason == ""


def test_a_lost_subtask_is_still_leased_alone_after_its_next_holder_released_it(pool: Pool) -> None:
    task = pool.task(5)
    alice, bob = pool.connect("alice"), pool.connect("bob")
    lost = alice.lease()
    alice.leave(connections.LOST)
    bob.release(bob.lease())
    pool.speed(task, "bob", 1000)
    assert bob.lease().subtasks == lost.subtasks
    assert bob.lease().subtasks == [1, 2, 3, 4]


def test_a_released_subtask_still_does_not_go_to_who_failed_it(pool: Pool) -> None:
    pool.task()
    alice, bob = pool.connect("alice"), pool.connect("bob")
    alice.fail(alice.lease())
    bob.release(bob.lease())
    assert alice.ask().granted is None


def test_a_release_of_a_lost_lease_changes_nothing(pool: Pool) -> None:
    task = pool.task()
    alice, bob = pool.connect("alice"), pool.connect("bob")
    late = alice.lease()
    alice.leave(connections.LOST)
    taken_over = bob.lease()
    assert alice.release(late).reason == ""
    assert (pool.progress(task).leased, pool.progress(task).waiting) == (1, 0)
    assert bob.complete(taken_over).complete


def test_losses_have_a_limit_too(pool: Pool, settings: Settings) -> None:
    settings.MAX_LOSSES = 3
    task = pool.task()
    left = [_lease_and_vanish(pool.connect("laptop")) for _ in range(3)]
    assert [leased.complete for leased in left] == [[], [], [task]]
    outcome = pool.outcome(task)
    assert (outcome.broken, outcome.failed) == (True, 1)
    assert outcome.blame
    assert (outcome.blame.subtask, outcome.blame.error) == (0, "lost")


def _lease_and_vanish(worker: Connection) -> Leased:
    worker.lease()
    return worker.leave(connections.LOST)


def test_what_a_worker_owes_when_it_vanishes_is_lost(pool: Pool) -> None:
    task = pool.task(20)
    alice = pool.connect("alice")
    pool.speed(task, "alice", 30)
    granted = alice.lease()
    alice.complete(granted, granted.subtasks[:1])
    alice.leave(connections.LOST)
    work = pool.progress(task).work["alice"]
    assert (work.subtasks, work.lost) == (1, len(granted.subtasks) - 1)
    assert work.lost > 0


def test_what_is_owed_at_the_deadline_is_lost_and_stays_counted_if_it_comes_late(
    pool: Pool,
) -> None:
    task = pool.task()
    alice = pool.connect("alice")
    granted = alice.lease()
    pool.expire(granted)
    sweeping.reap(pool.group).now()
    alice.complete(granted)
    work = pool.outcome(task).work["alice"]
    assert (work.subtasks, work.lost, work.failures) == (1, 1, 0)


def test_releases_pauses_and_failures_are_no_loss(pool: Pool) -> None:
    task = pool.task(3)
    alice = pool.connect("alice")
    alice.release(alice.lease())
    alice.fail(alice.lease())
    alice.lease()
    lifecycle.pause(pool.group, task).now()
    lifecycle.resume(pool.group, task).now()
    alice.lease()
    alice.leave(connections.RELEASED)
    assert pool.progress(task).work["alice"].lost == 0


def test_reaping_a_lease_that_owes_nothing_waiting_any_more_does_not_stop_the_sweep(
    pool: Pool,
) -> None:
    pool.task(2, allow_partial=True)
    alice, bob = pool.connect("alice"), pool.connect("bob")
    late = alice.lease()
    pool.expire(late)
    sweeping.reap(pool.group).now()
    taken_over, second = bob.lease(), bob.lease()
    alice.complete(late)
    pool.expire(taken_over, second)
    # what Alice has done is no longer Bob's to lose
    assert sweeping.reap(pool.group).now().leases == 1
    assert not sweeping.reap(pool.group).now().more


def test_a_hundred_thousand_leased_subtasks_are_reaped_quickly(
    pool: Pool, settings: Settings
) -> None:
    settings.LEASE_SUBTASKS_MAX = 5000
    task = pool.task(0, last=False)
    for first in range(0, 100_000, 5000):
        splitting.push(pool.group, task, first=first, payloads=[b"\x01"] * 5000, last=False).now()
    worker = pool.connect("laptop")
    pool.speed(task, "laptop", 100_000)
    leases = [worker.lease() for _ in range(20)]
    pool.expire(*leases)
    start, total = time.perf_counter(), 0
    while (reaped := sweeping.reap(pool.group).now()).leases:
        total += reaped.leases
    assert time.perf_counter() - start < 10  # 0.3 s where nothing else runs
    assert total == 20
    assert (pool.progress(task).leased, pool.progress(task).waiting) == (0, 100_000)
