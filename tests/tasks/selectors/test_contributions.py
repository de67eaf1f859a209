"""What each worker did: the same words while the task lives and when it has ended."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rest_framework.test import APIClient

from accounts.models import User
from tasks.models import Contribution, SubtaskFailure, Task, Worker
from tasks.queue import connections, leasing
from tasks.queue.answers import Granted
from tasks.queue.progress import Work
from tasks.selectors import contributions, task_progress
from tasks.services.conclude import conclude_task
from tasks.services.finish import cancel_task
from tests.tasks.conftest import compute

Split = Callable[..., Task]
Lease = Callable[[Worker], Granted]

# What may differ between a live task and the same task after its end.
CHANGES_AT_THE_END = {"status", "finished"}


def live(task: Task) -> list[Contribution]:
    return contributions.of_task(task, task_progress.of_task(task))


def vanish(worker: Worker, task: Task) -> None:
    """The connection of the `lease` fixture is gone, with all that it held."""
    connections.leave(
        task.group_id,
        worker=worker.pk,
        owner=worker.owner_id,
        conn=f"conn-{worker.name}",
        kinds=[task.kind_key],
        how=connections.LOST,
    ).now()


def come_back(worker: Worker, task: Task) -> None:
    connections.beat(
        task.group_id,
        worker=worker.pk,
        owner=worker.owner_id,
        conn=f"conn-{worker.name}",
        kinds=[task.kind_key],
        slots=1,
        leases=[],
    ).now()


def shown(api: Callable[..., APIClient], user: User, task: Task) -> dict[str, Any]:
    return api(user).get(f"/api/tasks/{task.pk}/").json()


def test_live_work_and_recorded_work_read_the_same(
    api: Callable[..., APIClient], bob: User, split: Split, lease: Lease, laptop: Worker
) -> None:
    task = split(count=3)
    compute(lease(laptop), laptop)
    leasing.fail(
        lease(laptop).lease,
        worker=laptop.pk,
        subtask=1,
        error="ValueError",
        message="no",
        traceback="line 1",
        seconds=0.1,
    ).now()
    before = shown(api, bob, task)
    cancel_task(task)
    after = shown(api, bob, task)
    (running,), (ended,) = before["contributions"], after["contributions"]
    assert running.keys() == ended.keys()
    assert (running["status"], running["finished"]) == ("working", None)
    assert ended["status"] == "done" and ended["finished"] >= ended["started"]
    same = running.keys() - CHANGES_AT_THE_END
    assert {name: running[name] for name in same} == {name: ended[name] for name in same}
    assert (ended["subtasks"], ended["failures"], ended["lost"]) == (1, 1, 0)
    assert before["failures"] == after["failures"]
    assert after["failures"][0]["worker"] == {"id": str(laptop.pk), "name": "laptop"}


def test_reading_live_work_saves_nothing(split: Split, lease: Lease, laptop: Worker) -> None:
    task = split(count=2)
    leasing.fail(
        lease(laptop).lease, worker=laptop.pk, subtask=0, error="E", message="", seconds=0
    ).now()
    assert live(task)
    assert contributions.failures(task, task_progress.of_task(task))
    assert not Contribution.objects.exists()
    assert not SubtaskFailure.objects.exists()


def test_a_worker_that_vanished_is_lost_with_what_it_held(
    api: Callable[..., APIClient],
    bob: User,
    split: Split,
    lease: Lease,
    work: Callable[[Worker], int],
    laptop: Worker,
) -> None:
    """Although it did some of the task before, and failed on nothing."""
    tower = Worker.objects.create(owner=bob, name="tower")
    task = split(count=4)
    compute(lease(laptop), laptop)
    held = lease(laptop)
    vanish(laptop, task)
    (row,) = live(task)
    assert (row.status, row.subtasks, row.failures) == ("lost", 1, 0)
    assert row.lost == len(held.subtasks) > 0
    work(tower)
    conclude_task(str(task.pk))
    rows = {row["worker"]["name"]: row for row in shown(api, bob, task)["contributions"]}
    assert (rows["laptop"]["status"], rows["laptop"]["lost"]) == ("lost", len(held.subtasks))
    assert (rows["tower"]["status"], rows["tower"]["lost"]) == ("done", 0)


def test_a_worker_that_is_back_is_not_lost_but_its_loss_is_counted(
    split: Split, lease: Lease, laptop: Worker
) -> None:
    task = split(count=4)
    compute(lease(laptop), laptop)
    lost = len(lease(laptop).subtasks)
    vanish(laptop, task)
    come_back(laptop, task)
    (row,) = live(task)
    assert (row.status, row.lost) == ("working", lost)
    cancel_task(task)
    (row,) = Contribution.objects.filter(task=task)
    assert (row.status, row.subtasks, row.lost) == ("done", 1, lost)


def test_a_worker_that_sent_results_after_its_loss_and_left_is_not_lost(
    split: Split, lease: Lease, laptop: Worker
) -> None:
    task = split(count=4)
    lease(laptop)
    vanish(laptop, task)
    compute(lease(laptop), laptop)
    (row,) = live(task)
    assert (row.status, row.lost) == ("working", 1)
    cancel_task(task)
    assert Contribution.objects.get(task=task).status == "done"


def test_a_worker_that_only_held_what_was_cancelled_is_released(
    split: Split, lease: Lease, laptop: Worker
) -> None:
    task = split(count=4)
    lease(laptop)
    cancel_task(task)
    row = Contribution.objects.get(task=task)
    assert (row.status, row.subtasks, row.failures, row.lost) == ("released", 0, 0, 0)


def test_a_worker_that_only_failed_has_failed(split: Split, lease: Lease, laptop: Worker) -> None:
    task = split(count=1)
    leasing.fail(
        lease(laptop).lease, worker=laptop.pk, subtask=0, error="E", message="", seconds=0
    ).now()
    cancel_task(task)
    assert Contribution.objects.get(task=task).status == "failed"


def test_deleted_workers_are_left_out(split: Split, lease: Lease, laptop: Worker) -> None:
    task = split(count=2)
    leasing.fail(
        lease(laptop).lease, worker=laptop.pk, subtask=0, error="E", message="", seconds=0
    ).now()
    laptop.delete()
    stands = task_progress.of_task(task)
    assert contributions.of_task(task, stands) == []
    (failure,) = contributions.failures(task, stands)
    assert (failure.worker, failure.member, failure.error) == (None, None, "E")


def test_the_leading_workers_come_first(
    split: Split, lease: Lease, bob: User, laptop: Worker
) -> None:
    task = split(count=4)
    tower = Worker.objects.create(owner=bob, name="tower")
    compute(lease(tower), tower)
    lease(laptop)
    stands = task_progress.of_task(task)
    assert [row.worker for row in contributions.of_task(task, stands)] == [tower, laptop]
    assert [row.worker for row in contributions.of_task(task, stands, most=1)] == [tower]
    assert contributions.count(task, stands) == 2


def test_only_a_loss_that_no_result_followed_makes_a_worker_vanish() -> None:
    back, gone = Work(lost=2, lost_at=0, last=9), Work(lost=2, lost_at=9, last=9)
    assert not contributions.vanished(back, is_here=False)
    assert contributions.vanished(gone, is_here=False)
    assert not contributions.vanished(gone, is_here=True)
