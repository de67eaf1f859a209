"""Workers that fail everything, lose everything, or are not there any more."""

from __future__ import annotations

from pytest_django import Settings

from tasks.queue import leasing, lifecycle, splitting, task_log
from tests.tasks.queue.conftest import Connection, Pool


def accused(worker: Connection, other: Connection) -> list[tuple[str, bool]]:
    """One worker fails a subtask and another one does it; who is not to be trusted any more."""
    worker.fail(worker.lease())
    return [(one.worker, one.all) for one in other.complete(other.lease()).failing]


def test_a_worker_that_fails_for_three_people_what_others_can_do_is_not_to_be_trusted(
    pool: Pool,
) -> None:
    worker, other = pool.connect("laptop"), pool.connect("other")
    for creator in ("alice", "bob", "carol"):
        pool.task(creator=creator)
    assert [accused(worker, other) for _ in range(3)] == [[], [], [("laptop", False)]]


def test_whoever_fails_what_nobody_can_do_is_not_to_blame(pool: Pool) -> None:
    worker, other = pool.connect("laptop"), pool.connect("other")
    for creator in ("mallory", "trudy", "eve"):
        task = pool.task(creator=creator)
        for failing in (worker, other, worker):
            assert failing.fail(failing.lease()).failing == []
        assert pool.outcome(task).broken


def test_nobody_accuses_others_with_tasks_of_their_own(pool: Pool) -> None:
    worker = pool.connect("laptop")
    for creator in ("mallory", "trudy", "eve"):
        pool.task(creator=creator)
        accomplice = pool.connect(f"{creator}'s", owner=creator)
        assert accused(worker, accomplice) == []
        accomplice.leave()


def test_failures_on_tasks_of_one_person_are_no_streak(pool: Pool, settings: Settings) -> None:
    settings.SET_ASIDE_SECONDS = 0
    worker, other = pool.connect("laptop"), pool.connect("other")
    pool.task(9, creator="alice")
    assert [accused(worker, other) for _ in range(5)] == [[]] * 5


def test_one_completed_subtask_ends_a_streak(pool: Pool) -> None:
    worker, other = pool.connect("laptop"), pool.connect("other")
    for creator in ("alice", "bob"):
        pool.task(creator=creator)
        accused(worker, other)
    pool.task(creator="carol")
    worker.complete(worker.lease())
    pool.task(creator="dora")
    assert accused(worker, other) == []


def test_who_is_let_back_starts_anew(pool: Pool, settings: Settings) -> None:
    settings.SUSPEND_AFTER_SUBMITTERS = 2
    worker, other = pool.connect("laptop"), pool.connect("other")
    for creator in ("alice", "bob", "carol"):
        pool.task(creator=creator)
    assert [accused(worker, other) for _ in range(3)] == [[], [("laptop", False)], []]


def test_who_takes_leases_and_never_works_does_not_get_the_same_again(pool: Pool) -> None:
    task = pool.task(2)
    idler, other = pool.connect("idler"), pool.connect("other")
    first = idler.lease()
    pool.expire(first)
    assert idler.lease().subtasks == [1], "the other one is there for what it lost"
    assert other.lease().subtasks == first.subtasks
    assert pool.progress(task).waiting == 0


def test_alone_it_gets_the_same_again(pool: Pool) -> None:
    pool.task(1)
    idler = pool.connect("idler")
    for _ in range(3):
        first = idler.lease()
        pool.expire(first)
    assert idler.lease().subtasks == [0]


def test_after_a_while_it_gets_the_same_again_although_another_is_there(
    pool: Pool, settings: Settings
) -> None:
    settings.RETRY_ELSEWHERE_SECONDS_MAX = -1  # over already
    pool.task(1)
    idler = pool.connect("idler")
    pool.connect("busy elsewhere")
    pool.expire(idler.lease())
    assert idler.lease().subtasks == [0]


def test_the_leases_of_who_loses_them_shrink(pool: Pool) -> None:
    task = pool.task(1000)
    worker = pool.connect("laptop")
    worker.complete(worker.lease())
    pool.speed(task, "laptop", 50.0)
    sizes = []
    for _ in range(4):
        granted = worker.lease()
        sizes.append(len(granted.subtasks))
        pool.redis.delete(pool.key("t", task, "again"))
        pool.expire(granted)
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] <= sizes[0] / 4


def test_a_wake_is_not_spent_on_the_idle_entry_of_a_dead_connection(pool: Pool) -> None:
    ghost = pool.connect("ghost")
    ghost.ask()
    pool.redis.zadd(pool.key("slots", ghost.kinds[0]), {ghost.name: 1})
    alive = pool.connect("alive")
    alive.ask()
    task = pool.task(1, last=False)
    pushed = splitting.push(pool.group, task, first=1, payloads=[b"\x01"], last=True).now()
    assert ghost.name not in pushed.wake
    assert alive.lease().task == task


def test_a_lease_that_was_lost_before_its_answer_came_stands_for_nothing_else(pool: Pool) -> None:
    """Redis was unreachable for longer than a lease.

    The client repeats a call that was granted the first time.
    """
    first, second = pool.task(1), pool.task(1)
    worker, other = pool.connect("laptop"), pool.connect("other")
    call = leasing.lease(
        pool.group, worker="laptop", owner="o", conn=worker.name, kinds=worker.kinds
    )
    granted = call.now().granted
    assert granted and granted.task == first
    pool.expire(granted)
    assert other.complete(other.lease()).complete, "it takes what was lost"
    assert call.now().granted is None
    lifecycle.close(pool.group, first).now()
    assert pool.progress(second).waiting == 1


def test_a_thousand_tasks_of_one_do_not_delay_the_small_one_of_another(pool: Pool) -> None:
    for _ in range(1000):
        pool.task(creator="alice")
    small = pool.task(creator="bob")
    worker = pool.connect("laptop")
    taken = []
    for _ in range(2):
        granted = worker.lease()
        taken.append(granted.task)
        pool.began(granted, 1)
        worker.complete(granted, seconds=0.5)
    assert small in taken


def test_the_latest_failures_are_kept_with_all_that_people_need(
    pool: Pool, settings: Settings
) -> None:
    settings.MAX_ATTEMPTS = 2
    task = pool.task(1)
    for name in ("laptop", "tower"):
        worker = pool.connect(name)
        worker.fail(worker.lease())
    first, second = task_log.failures(pool.group, task)
    assert (first.subtask, first.worker, first.error, first.message) == (
        0,
        "laptop",
        "ValueError",
        "no",
    )
    assert not first.final
    assert (second.worker, second.final) == ("tower", True)
    assert second.at >= first.at > 1.7e12
    assert pool.outcome(task).missing == [0]


def test_no_more_than_fifty_failures_are_kept(pool: Pool, settings: Settings) -> None:
    settings.MAX_ATTEMPTS = 1
    task = pool.task(60, allow_partial=True)
    worker = pool.connect("laptop")
    for _ in range(60):
        worker.fail(worker.lease())
    kept = task_log.failures(pool.group, task)
    assert [failure.subtask for failure in kept] == list(range(10, 60))
