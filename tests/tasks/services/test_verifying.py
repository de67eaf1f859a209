"""A complete task waits for its checks, but not for ever; its result says how it was checked."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pytest_django import Settings

from accounts.models import Notification, User
from core import redis
from firmlight_client import kinds
from groups.models import Group, Membership
from tasks import states
from tasks.models import Task, Worker
from tasks.queue import connections, leasing
from tasks.queue.answers import Granted
from tasks.services import standing
from tasks.services.checking import compare_answers
from tasks.services.sweep import reconcile
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


def test_such_a_task_waits_as_long_as_somebody_can_make_them(
    split: Split, work: Work, laptop: Worker, tower: Worker, online: Online, settings: Settings
) -> None:
    task = mean(split, "all")
    online(laptop, tower)
    work(laptop)
    settings.VERIFY_WAIT_SECONDS = 0
    assert conclude(task).status == states.RUNNING


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
        redis.connect().delete(f"fl:{{{task.group_id}}}:strikes:{tower.owner_id}")
    assert lease(tower) is None
    assert conclude(task).status == states.SUCCEEDED
    assert said(task) == ("check", 0.0, "timed_out")


def test_a_task_from_before_checks_is_not_held_to_them(
    split: Split, work: Work, laptop: Worker
) -> None:
    task = mean(split, "all")
    redis.connect().hdel(f"fl:{{{task.group_id}}}:t:{task.pk}", "verify")
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
