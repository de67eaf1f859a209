"""What counts against an owner and not against a name: a name is free, a member is not."""

from __future__ import annotations

import pytest
from pytest_django import Settings

from tasks.queue import connections, sweeping
from tests.tasks.queue.conftest import Connection, Pool


@pytest.fixture
def names(pool: Pool) -> list[Connection]:
    """Three workers of one member."""
    return [pool.connect(name, owner="mallory") for name in ("one", "two", "three")]


def fail_all_offered(workers: list[Connection]) -> int:
    """These workers ask in turn and fail whatever they get, until none gets anything; how often."""
    failures = 0
    while granted := [(worker, lease) for worker in workers if (lease := worker.ask().granted)]:
        for worker, lease in granted:
            worker.fail(lease)
        failures += len(granted)
    return failures


def test_a_member_with_three_names_fails_no_task(
    pool: Pool, names: list[Connection], settings: Settings
) -> None:
    settings.SET_ASIDE_SECONDS = 0
    task, honest = pool.task(2), pool.connect("honest")
    assert fail_all_offered(names) == 4, "each of the two failed by two names, then by nobody"
    assert not pool.outcome(task).broken
    assert sorted(honest.work_off()) == [0, 1]
    assert pool.outcome(task).complete


def test_a_member_with_three_names_fails_no_task_by_vanishing(
    pool: Pool, names: list[Connection], settings: Settings
) -> None:
    settings.MAX_LOSSES = 3
    task, honest = pool.task(), pool.connect("honest")
    for _ in range(4):
        for worker in names:
            worker.beat()
            worker.ask()
            worker.leave(connections.LOST)
    assert not pool.outcome(task).broken
    assert honest.work_off() == [0]


def test_members_who_take_turns_in_losing_a_subtask_leave_it_to_another(
    pool: Pool, settings: Settings
) -> None:
    settings.MAX_LOSSES = 5
    task, honest = pool.task(), pool.connect("honest")
    pool.expire(honest.lease())
    sweeping.reap(pool.group).now()
    evil = [pool.connect(name, owner="mallory") for name in ("one", "two")]
    pool.expire(evil[0].lease())
    sweeping.reap(pool.group).now()
    pool.expire(evil[1].lease())
    sweeping.reap(pool.group).now()
    assert [worker.ask().granted for worker in evil] == [None, None], "it lost it more often"
    assert honest.work_off() == [0]
    assert pool.outcome(task).complete


def test_a_subtask_fails_after_failures_at_enough_owners(pool: Pool, settings: Settings) -> None:
    settings.MAX_ATTEMPTS = 3
    task = pool.task()
    owners = [pool.connect(name) for name in ("alice", "bob", "carol", "dora")]
    verdicts = [worker.fail(worker.lease()).complete for worker in owners[:3]]
    assert verdicts == [False, False, True]
    assert pool.outcome(task).broken


def test_repeats_count_when_each_owner_online_has_failed_it(pool: Pool, settings: Settings) -> None:
    settings.MAX_ATTEMPTS = 3
    task = pool.task()
    alice, bob = pool.connect("alice"), pool.connect("bob")
    alice.fail(alice.lease())
    bob.fail(bob.lease())
    assert not pool.outcome(task).broken
    assert alice.fail(alice.lease()).complete


def test_the_machines_of_one_member_alone_fail_a_subtask_after_max_attempts(
    pool: Pool, names: list[Connection], settings: Settings
) -> None:
    settings.MAX_ATTEMPTS = 3
    task = pool.task()
    assert fail_all_offered(names) == 3
    assert pool.outcome(task).broken


def test_a_failure_bars_the_machine_first_and_its_owner_after_a_second_machine(
    pool: Pool, names: list[Connection]
) -> None:
    pool.task()
    one, two, three = names
    pool.connect("honest")
    one.fail(one.lease())
    assert one.ask().granted is None
    two.fail(two.lease())
    assert [worker.ask().granted for worker in names] == [None, None, None]
    assert three.ask().granted is None, "although this machine has not failed it"


def test_an_owner_whose_partials_are_bad_is_no_other_one_to_wait_for(
    pool: Pool, settings: Settings
) -> None:
    settings.MAX_ATTEMPTS = 2
    task = pool.task(2)
    bad, worker = pool.connect("bad"), pool.connect("laptop")
    bad.reject(bad.lease())
    worker.fail(worker.lease())
    assert worker.fail(worker.lease()).complete, "nobody else is left to try it"
    assert pool.outcome(task).broken


def test_an_owner_who_does_not_agree_to_such_long_subtasks_is_not_waited_for(
    pool: Pool, settings: Settings
) -> None:
    settings.MAX_ATTEMPTS = 2
    pool.task(seconds_max=60)
    picky, worker = pool.connect("picky"), pool.connect("laptop")
    assert picky.ask(longest_seconds=1).granted is None
    worker.fail(worker.lease())
    assert worker.fail(worker.lease()).complete


def test_failures_for_many_people_under_several_names_are_the_owners(
    pool: Pool, names: list[Connection], settings: Settings
) -> None:
    settings.SUSPEND_AFTER_SUBMITTERS = 3
    honest = pool.connect("honest")
    for creator in ("alice", "bob", "carol"):
        pool.task(creator=creator)
    one, two, three = names
    for worker in (one, two, three, one, two):  # two of them fail each task, then all are barred
        worker.fail(worker.lease())
    accused = [honest.complete(honest.lease()).failing for _ in range(3)]
    assert accused[:2] == [[], []]
    assert [(one.owner, one.all) for one in accused[2]] == [("mallory", True)]


def test_one_broken_machine_is_not_the_streak_of_its_owner(pool: Pool, settings: Settings) -> None:
    settings.SUSPEND_AFTER_SUBMITTERS = 2
    broken, honest = pool.connect("broken", owner="lab"), pool.connect("honest")
    for creator in ("alice", "bob"):
        pool.task(creator=creator)
        broken.fail(broken.lease())
    accused = [honest.complete(honest.lease()).failing for _ in range(2)]
    assert [[(one.worker, one.all) for one in some] for some in accused] == [
        [],
        [("broken", False)],
    ]


def test_another_machine_of_the_owner_shows_which_one_is_broken(
    pool: Pool, settings: Settings
) -> None:
    settings.SUSPEND_AFTER_SUBMITTERS = 2
    broken, whole = pool.connect("broken", owner="lab"), pool.connect("whole", owner="lab")
    accused = []
    for creator in ("alice", "bob"):
        pool.task(creator=creator)
        broken.fail(broken.lease())
        accused += whole.complete(whole.lease()).failing
    assert [(one.worker, one.all) for one in accused] == [("broken", False)]


def test_what_any_machine_completes_ends_the_streak_of_its_owner(
    pool: Pool, names: list[Connection], settings: Settings
) -> None:
    settings.SUSPEND_AFTER_SUBMITTERS = 2
    one, two, three = names
    honest = pool.connect("honest")
    pool.task(creator="alice")
    one.fail(one.lease())
    honest.complete(honest.lease())
    pool.task(creator="bob")
    three.complete(three.lease())
    pool.task(creator="carol")
    two.fail(two.lease())
    assert honest.complete(honest.lease()).failing == []
