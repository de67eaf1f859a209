"""Payloads that are kept to check what is done count as long as they are there."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pytest_django import Settings

from tasks import states
from tasks.models import Task, Worker
from tasks.queue import checks, parts
from tasks.queue import room as reservations
from tasks.queue.progress import progress_of
from tasks.queue.splitting import payload_bytes
from tasks.services import room
from tasks.services.checking import compare_answers
from tasks.services.finish import close_task
from tasks.services.room import Reservation
from tasks.services.split import split_task
from tests.tasks.services.test_room import MIB, Limit, limit

__all__ = ["limit"]
Split = Callable[..., Task]
Work = Callable[[Worker], int]


@pytest.fixture
def tower(bob: object) -> Worker:
    return Worker.objects.create(owner=bob, name="tower")


def needs(task: Task) -> int:
    return reservations.reserved_by(task.pk)[0]


def measured(task: Task) -> int:
    return payload_bytes(task.group_id, task.pk)


@pytest.fixture
def task(split: Split) -> Task:
    """Its ten subtasks have payloads of 16 KB."""
    return split(kind="MEAN", numbers=[1.0] * 20_000, verify="all")


def reserve_more(task: Task) -> None:
    """Go on with its split: 100,000 bytes come."""
    progress = progress_of(task.group_id, task.pk).now()
    assert Reservation(task, progress).take([bytes(100_000)])


def test_a_split_that_goes_on_counts_what_is_kept_to_be_checked(
    task: Task, work: Work, laptop: Worker
) -> None:
    """All of it is to be checked, and nobody is there who could."""
    work(laptop)
    assert measured(task) > 160_000
    reserve_more(task)
    assert needs(task) >= measured(task) + 100_000
    close_task(task, states.CANCELLED)
    assert (measured(task), needs(task)) == (0, 0)


def test_canaries_count_too(task: Task, work: Work, laptop: Worker, tower: Worker) -> None:
    for worker in (laptop, tower):
        work(worker)
    compare_answers(str(task.pk))
    kept = measured(task)
    assert 0 < kept < 4 * 65_536 + 1_000, "all are confirmed, and some of them are kept"
    reserve_more(task)
    assert needs(task) >= kept + 100_000
    close_task(task, states.CANCELLED)
    assert (measured(task), needs(task)) == (0, 0)


def test_payloads_that_are_made_anew_are_reserved(split: Split, work: Work, laptop: Worker) -> None:
    """The task has given back what its done subtasks took, as one does that waited for room."""
    task = split(kind="MEAN", numbers=[1.0] * 20_000, verify="none")
    work(laptop)
    _give_back(task)
    assert (
        parts.retract(task.group_id, task.pk, owner=laptop.owner_id or "", message="").now().taken
    )
    split_task(str(task.pk))
    assert 160_000 < measured(task) <= needs(task)


def test_so_are_those_that_are_to_be_checked_after_all(
    split: Split, work: Work, laptop: Worker, tower: Worker, settings: Settings
) -> None:
    settings.VERIFY_SAMPLE_SHARE = 0.0
    task = split(kind="MEAN", numbers=[1.0] * 20_000, verify="sample")
    work(laptop)
    _give_back(task)
    assert checks.recheck(task.group_id, task.pk, laptop.owner_id or "").now().parts
    split_task(str(task.pk))
    assert 160_000 < measured(task) <= needs(task)


def test_without_room_they_wait(split: Split, work: Work, laptop: Worker, limit: Limit) -> None:
    limit(16 * MIB)
    task = split(kind="MEAN", numbers=[1.0] * 20_000, verify="none")
    work(laptop)
    _give_back(task)
    parts.retract(task.group_id, task.pk, owner=laptop.owner_id or "", message="").now()
    other = split(count=1)
    free = room._free()
    assert free
    reservations.reserve(
        other.pk,
        owner="x",
        group="y",
        need=free,
        left=free,
        left_max=None,
        owner_max=None,
        group_max=None,
    ).now()
    split_task(str(task.pk))
    assert parts.to_redo(task.group_id, task.pk)
    assert measured(task) == 0
    room.release([other.pk])
    split_task(str(task.pk))
    assert not parts.to_redo(task.group_id, task.pk)


def _give_back(task: Task) -> None:
    reservations.reserve(
        task.pk,
        owner=task.creator_id or "",
        group=task.group_id,
        need=1000,
        left=0,
        left_max=None,
        owner_max=None,
        group_max=None,
    ).now()
