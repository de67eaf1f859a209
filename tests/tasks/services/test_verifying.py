"""A complete task waits for its checks, but not for ever; its result says how it was checked."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from pytest_django import Settings

from accounts.models import Notification, User
from core import redis
from firmlight_client import kinds
from groups.models import Group, Membership
from tasks import states
from tasks.models import Standing, Task, Worker
from tasks.queue import connections, leasing
from tasks.queue.answers import Granted
from tasks.queue.keys import base_key
from tasks.services import standing
from tasks.services.checking import compare_answers
from tasks.services.sweep import reconcile, requeue_expired
from tests.tasks.conftest import compute, conclude
from tests.tasks.services.test_checking import NUMBERS, lie

Split = Callable[..., Task]
Lease = Callable[[Worker], Granted | None]
Work = Callable[[Worker], int]
Online = Callable[..., None]


@pytest.fixture
def tower(bob: User) -> Worker:
    return Worker.objects.create(owner=bob, name="tower")


@pytest.fixture
def online(group: Group) -> Online:
    """online(laptop, tower): these workers are here, heard of just now."""

    def beat(*workers: Worker) -> None:
        offered = [f"{name}@{kind.version}" for name, kind in kinds.installed().items()]
        for worker in workers:
            connections.beat(
                group.pk,
                worker=worker.pk,
                owner=worker.owner_id or "",
                conn=f"conn-{worker.name}",
                kinds=offered,
                slots=1,
                leases=[],
            ).now()

    return beat


@pytest.fixture(autouse=True)
def _nothing_is_delivered_first(settings: Settings) -> None:
    settings.CALL_SECONDS = 0


def mean(split: Split, verify: str) -> Task:
    return split(kind="MEAN", numbers=NUMBERS, verify=verify)


def said(task: Task) -> tuple[str, float, str]:
    task.refresh_from_db()
    assert task.checked
    return task.checked.how, task.checked.checked_share, task.checked.reason


@pytest.mark.parametrize("verify", ["auto", "all"])
def test_it_waits_while_somebody_else_can_check_it(
    split: Split, work: Work, laptop: Worker, tower: Worker, online: Online, verify: str
) -> None:
    task = mean(split, verify)
    online(laptop, tower)
    work(laptop)
    assert conclude(task).status == states.RUNNING
    work(tower)
    assert conclude(task).status == states.RUNNING, "the answers are not compared yet"
    compare_answers(str(task.pk))
    assert conclude(task).status == states.SUCCEEDED
    how = "all" if verify == "all" else "sample"
    assert said(task) == (how, 1.0, "")
    assert task.checked
    assert task.checked.sentence == "100 % recomputed by one other member, who agreed."


def test_whoever_compares_the_last_answers_asks_for_the_conclusion(
    split: Split,
    work: Work,
    laptop: Worker,
    tower: Worker,
    online: Online,
    jobs_sent: Callable[[], list[str]],
) -> None:
    task = mean(split, "auto")
    online(laptop, tower)
    work(laptop)
    conclude(task)
    work(tower)
    jobs_sent()
    compare_answers(str(task.pk))
    assert jobs_sent() == ["tasks.conclude"]


def test_it_does_not_wait_for_nobody(split: Split, work: Work, laptop: Worker) -> None:
    task = mean(split, "auto")
    work(laptop)
    assert conclude(task).status == states.SUCCEEDED
    assert said(task) == ("check", 0.0, "one_owner")


def test_it_does_not_wait_for_ever_for_checks_that_do_not_end(
    split: Split,
    work: Work,
    lease: Lease,
    laptop: Worker,
    tower: Worker,
    online: Online,
    settings: Settings,
) -> None:
    task = mean(split, "sample")
    settings.VERIFY_SAMPLE_SHARE = 1
    online(laptop, tower)
    work(laptop)
    first = lease(tower)
    assert first
    assert conclude(task).status == states.RUNNING
    compute(first, tower)
    compare_answers(str(task.pk))
    assert lease(tower)
    settings.VERIFY_WAIT_SECONDS = 0
    assert conclude(task).status == states.SUCCEEDED
    how, share, reason = said(task)
    assert (how, reason) == ("sample", "timed_out")
    assert 0 < share < 1


def test_a_task_that_demands_checks_fails_where_nobody_can_make_them(
    split: Split, work: Work, laptop: Worker, settings: Settings, bob: User
) -> None:
    task = mean(split, "all")
    work(laptop)
    assert conclude(task).status == states.RUNNING, "somebody may still come"
    settings.VERIFY_WAIT_SECONDS = 0
    assert conclude(task).status == states.FAILED
    assert task.error_code == "unverified"
    assert said(task) == ("check", 0.0, "one_owner")
    assert Notification.objects.filter(user=bob, code="task_failed").exists()


@pytest.mark.parametrize(("verify", "status"), [("auto", states.SUCCEEDED), ("all", states.FAILED)])
def test_where_two_differ_and_nobody_decides_the_result_warns_or_the_task_fails(
    split: Split,
    work: Work,
    lease: Lease,
    laptop: Worker,
    tower: Worker,
    online: Online,
    settings: Settings,
    bob: User,
    verify: str,
    status: str,
) -> None:
    task = mean(split, verify)
    online(laptop, tower)
    lie(lease(laptop), laptop)
    work(laptop)
    work(tower)
    compare_answers(str(task.pk))
    assert conclude(task).status == states.RUNNING, "a third owner may still come"
    settings.VERIFY_WAIT_SECONDS = 0
    assert conclude(task).status == status
    assert said(task)[2] == "undecided"
    assert task.checked
    assert "the result may be wrong" in task.checked.sentence
    assert Notification.objects.filter(user=bob, text__contains="may be wrong").exists()


def test_a_third_owner_who_comes_meanwhile_decides(
    split: Split,
    work: Work,
    lease: Lease,
    laptop: Worker,
    tower: Worker,
    online: Online,
    group: Group,
    carol: User,
) -> None:
    Membership.objects.create(group=group, user=carol)
    third = Worker.objects.create(owner=carol, name="third")
    task = mean(split, "auto")
    online(laptop, tower)
    lie(lease(laptop), laptop)
    work(tower)
    compare_answers(str(task.pk))
    online(third)
    work(third)
    compare_answers(str(task.pk))
    for worker in (tower, third):
        work(worker)
    compare_answers(str(task.pk))
    assert conclude(task).status == states.SUCCEEDED
    assert task.checked
    assert (task.checked.disagreements, task.checked.taken_out) == (1, 1)


def test_checks_that_fail_again_and_again_do_not_keep_the_result(
    split: Split, work: Work, lease: Lease, laptop: Worker, tower: Worker, online: Online
) -> None:
    task = split(kind="MEAN", numbers=[1.0, 2.0], verify="auto")
    work(laptop)
    online(laptop, tower)
    for _ in range(3):
        granted = lease(tower)
        assert granted
        leasing.reject(
            granted.lease, worker=tower.pk, owner=tower.owner_id or "", why="bad_partial"
        ).now()
        redis.connect().delete(f"{base_key(task.group_id)}:strikes:{tower.owner_id}")
    assert lease(tower) is None
    assert conclude(task).status == states.SUCCEEDED
    assert said(task) == ("check", 0.0, "timed_out")


def test_a_task_from_before_checks_is_not_held_to_them(
    split: Split, work: Work, laptop: Worker
) -> None:
    task = mean(split, "all")
    redis.connect().hdel(f"{base_key(task.group_id)}:t:{task.pk}", "verify")
    work(laptop)
    assert conclude(task).status == states.SUCCEEDED
    assert said(task) == ("check", 0.0, "")


def test_the_sweep_asks_for_the_conclusion_of_a_task_that_waited(
    split: Split,
    work: Work,
    laptop: Worker,
    tower: Worker,
    online: Online,
    jobs_sent: Callable[[], list[str]],
) -> None:
    task = mean(split, "auto")
    online(laptop, tower)
    work(laptop)
    conclude(task)
    jobs_sent()
    reconcile()
    assert jobs_sent() == ["tasks.conclude"]


def test_trusted_members_are_checked_now_and_then(
    split: Split, work: Work, laptop: Worker, tower: Worker, online: Online
) -> None:
    task = mean(split, "auto")
    standing.note_agreement(task.group_id, laptop.owner_id or "", "MEAN", task.kind_version, 10**9)
    online(laptop, tower)
    work(laptop)
    assert conclude(task).status == states.SUCCEEDED
    assert said(task) == ("sample", 0.0, "")


def test_what_proves_itself_and_what_nobody_wanted_checked_says_so(
    split: Split, work: Work, laptop: Worker
) -> None:
    proved, unwanted = split(count=2, verify="all"), mean(split, "none")
    work(laptop)
    for task in (proved, unwanted):
        assert conclude(task).status == states.SUCCEEDED
    assert [said(task)[0] for task in (proved, unwanted)] == ["proof", "check"]


# Only one owner


@pytest.fixture
def desktop(laptop: Worker) -> Worker:
    """Another machine of the same owner."""
    return Worker.objects.create(owner=laptop.owner, name="desktop")


def test_where_one_owner_is_alone_another_of_their_machines_checks(
    split: Split, work: Work, laptop: Worker, desktop: Worker, online: Online
) -> None:
    task = mean(split, "auto")
    online(laptop, desktop)
    work(laptop)
    assert conclude(task).status == states.RUNNING, "the other machine can check it"
    work(desktop)
    compare_answers(str(task.pk))
    assert conclude(task).status == states.SUCCEEDED
    assert said(task) == ("sample", 1.0, "same_owner")
    assert task.checked
    assert task.checked.sentence == (
        "100 % recomputed by another computer of the same member, which agreed: that finds faults, "
        "not lies."
    )
    assert not Standing.objects.filter(agreements__gt=0).exists()


def test_machines_of_one_owner_that_differ_warn_their_owner_and_nobody_is_sanctioned(
    split: Split,
    work: Work,
    lease: Lease,
    laptop: Worker,
    desktop: Worker,
    online: Online,
    settings: Settings,
) -> None:
    task = mean(split, "auto")
    standing.note_agreement(task.group_id, laptop.owner_id or "", "MEAN", task.kind_version, 5)
    online(laptop, desktop)
    lie(lease(laptop), laptop)
    work(laptop)
    work(desktop)
    compare_answers(str(task.pk))
    (notice,) = Notification.objects.filter(user=laptop.owner, code="machines_differ")
    assert "desktop and laptop" in notice.text
    assert "firmlight doctor --compute" in notice.text
    settings.VERIFY_WAIT_SECONDS = 0
    assert conclude(task).status == states.SUCCEEDED
    assert said(task)[2] == "undecided"
    row = Standing.objects.get(owner=laptop.owner)
    assert (row.agreements, row.disagreements_total) == (5, 0)
    assert Notification.objects.filter(code="machines_differ").count() == 1


def test_a_task_that_demands_checks_takes_them_from_its_submitters_own_machines(
    split: Split, work: Work, tower: Worker, bob: User, online: Online
) -> None:
    shelf = Worker.objects.create(owner=bob, name="shelf")
    task = mean(split, "all")
    online(tower, shelf)
    work(tower)
    work(shelf)
    compare_answers(str(task.pk))
    assert conclude(task).status == states.SUCCEEDED
    assert said(task) == ("all", 1.0, "same_owner")


def test_but_not_from_those_of_somebody_else(
    split: Split, work: Work, laptop: Worker, desktop: Worker, online: Online, settings: Settings
) -> None:
    task = mean(split, "all")
    online(laptop, desktop)
    work(laptop)
    assert work(desktop) == 0
    settings.VERIFY_WAIT_SECONDS = 0
    assert conclude(task).status == states.FAILED
    assert task.error_code == "unverified"


# How long it waits


def test_the_sweep_asks_for_the_conclusion_when_the_wait_is_over(
    split: Split,
    work: Work,
    laptop: Worker,
    tower: Worker,
    online: Online,
    jobs_sent: Callable[[], list[str]],
    settings: Settings,
) -> None:
    task = mean(split, "auto")
    online(laptop, tower)
    work(laptop)
    for _ in range(2):  # whoever asks, it is asked for once
        assert conclude(task).status == states.RUNNING
    jobs_sent()
    requeue_expired()
    assert jobs_sent() == [], "not yet"
    due = f"{base_key(task.group_id)}:due"
    ((_, at),) = redis.connect().zrange(due, 0, -1, withscores=True)  # type: ignore[misc]
    assert 0 < at / 1000 - time.time() < settings.VERIFY_WAIT_SECONDS + 60
    redis.connect().zadd(due, {str(task.pk): 1})
    requeue_expired()
    assert jobs_sent() == ["tasks.conclude"]
    requeue_expired()
    assert jobs_sent() == []
    settings.VERIFY_WAIT_SECONDS = 0
    assert conclude(task).status == states.SUCCEEDED
    assert not redis.connect().exists(due)


def test_a_task_that_demands_checks_waits_for_one_who_can_make_them_but_not_for_ever(
    split: Split, work: Work, laptop: Worker, tower: Worker, online: Online, settings: Settings
) -> None:
    task = mean(split, "all")
    online(laptop, tower)
    work(laptop)
    settings.VERIFY_WAIT_SECONDS = 0
    assert conclude(task).status == states.RUNNING
    settings.VERIFY_ALL_WAIT_SECONDS = 0
    assert conclude(task).status == states.FAILED
    assert task.error_code == "unverified"
    assert said(task) == ("check", 0.0, "timed_out")


def test_while_its_checks_go_on_it_waits_longer(
    split: Split,
    work: Work,
    lease: Lease,
    laptop: Worker,
    tower: Worker,
    online: Online,
    settings: Settings,
) -> None:
    task = mean(split, "all")
    online(laptop, tower)
    work(laptop)
    settings.VERIFY_WAIT_SECONDS = settings.VERIFY_ALL_WAIT_SECONDS = 0
    assert lease(tower)
    assert conclude(task).status == states.RUNNING
