"""What Redis keeps of a task after its end counts for its member until it expires."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from core import redis, redis_memory
from groups.models import Group
from groups.services.deletion import close_group
from tasks import blobs, states
from tasks.models import Task, Worker
from tasks.queue import room as reservations
from tasks.queue.keys import failed_input_key
from tasks.services import moderation, room, sweep
from tasks.services.conclude import conclude_task
from tasks.services.files import QuotaUsed
from tasks.services.finish import close_task, fail_task
from tasks.services.room import NoRoom
from tasks.services.split import split_task
from tasks.services.submit import submit_task
from tests.support import redis_scripts

MIB = 2**20


@pytest.fixture
def limit() -> Iterator[Callable[[int], None]]:
    """limit(8 * MIB): Redis may use so much more than it uses now, with all scripts in it."""
    client = redis.connect()
    redis_scripts.load_all()
    yield lambda size: client.config_set("maxmemory", redis_memory.look().used + size)
    client.config_set("maxmemory", 0)


def submit_numbers(author: User, group: Group, count: int = 6000) -> Task:
    """A task whose input is in Redis, and takes about 9 bytes a number there."""
    params = {"numbers": [number + 0.25 for number in range(count)]}
    return submit_task(author=author, group=group.pk, kind="MEAN", params=params)


def fail(task: Task) -> Task:
    fail_task(task, "deadline_passed", "It was not finished by its deadline.")
    task.refresh_from_db()
    return task


def needs(task: Task) -> int:
    return reservations.reserved_by(task.pk)[0]


def test_failed_tasks_of_one_member_leave_room_for_the_others(
    group: Group, alice: User, bob: User, limit: Callable[[int], None], settings: Settings
) -> None:
    """Tasks whose deadline passes in a moment: none of them lives, and their inputs are kept."""
    settings.MEMBER_BYTES_MAX = 2_500_000
    limit(3 * MIB)
    before = redis_memory.look().used
    with pytest.raises(QuotaUsed, match="Your inputs and results"):
        for _ in range(400):
            fail(submit_numbers(bob, group))
    assert Task.objects.count() > 40
    assert not Task.objects.filter(status__in=list(states.LIVE)).exists()
    assert redis_memory.look().used - before < MIB
    assert submit_numbers(alice, group)


def test_small_results_of_one_member_leave_room_for_the_others(
    group: Group,
    alice: User,
    bob: User,
    laptop: Worker,
    work: Callable[[Worker], int],
    limit: Callable[[int], None],
    settings: Settings,
) -> None:
    settings.MEMBER_ROOM_PERCENT_MAX = 0.3
    limit(16 * MIB)
    ended = 0
    with pytest.raises(QuotaUsed, match="Your tasks hold"):
        for _ in range(400):
            params = {"count": 60, "collect": True}
            task = submit_task(author=bob, group=group.pk, kind="ECHO", params=params)
            split_task(str(task.pk))
            work(laptop)
            conclude_task(str(task.pk))
            ended += 1
    assert ended > 10
    assert not Task.objects.filter(status__in=list(states.LIVE)).exists()
    settings.MEMBER_ROOM_PERCENT_MAX = 50
    assert submit_numbers(alice, group)


def test_what_is_kept_counts_until_it_expires(group: Group, bob: User, settings: Settings) -> None:
    settings.KEPT_INLINE_BYTES_MAX = settings.INLINE_BYTES_MAX
    task = fail(submit_numbers(bob, group))
    held = redis.connect().strlen(failed_input_key(group.pk, task.pk))
    assert held < needs(task) < 2 * held
    assert reservations.to_come() == 0
    sweep.purge()
    sweep.reconcile()
    assert held < needs(task), "no row of a live task, and yet it is kept"
    settings.FAILED_INPUT_HOURS = 0
    blobs.keep_failed_input(group.pk, task.pk)
    room.keep(task)
    sweep.reconcile()
    assert needs(task) == 0
    assert redis.connect().exists(reservations.KEPT) == 0
    assert redis.connect().hgetall(reservations.SUMS) in ({}, {b"left": b"0"})


def test_what_was_kept_for_a_time_is_released_when_the_time_is_over(
    group: Group, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = fail(submit_numbers(bob, group))
    now = reservations.time.time()
    monkeypatch.setattr(reservations.time, "time", lambda: now + 23 * 3600)
    assert room.release_expired() == 0
    monkeypatch.setattr(reservations.time, "time", lambda: now + 25 * 3600)
    assert room.release_expired() == 1
    assert needs(task) == 0


def test_closing_a_task_twice_changes_nothing(group: Group, bob: User) -> None:
    task = fail(submit_numbers(bob, group))
    before = redis.connect().hgetall(reservations.SUMS)
    close_task(task, states.FAILED)
    assert redis.connect().hgetall(reservations.SUMS) == before


def test_a_cancelled_task_keeps_nothing(group: Group, bob: User) -> None:
    task = submit_numbers(bob, group)
    close_task(task, states.CANCELLED)
    assert needs(task) == 0


def test_a_closed_group_keeps_nothing(group: Group, alice: User, bob: User) -> None:
    task = fail(submit_numbers(bob, group))
    close_group(group, by=alice)
    assert needs(task) == 0
    assert redis.connect().exists(failed_input_key(group.pk, task.pk)) == 0


def test_a_full_redis_keeps_what_a_failed_task_needs_no_more(group: Group, bob: User) -> None:
    task = submit_numbers(bob, group)
    client = redis.connect()
    client.config_set("maxmemory", 1)
    try:
        close_task(task, states.FAILED)
    finally:
        client.config_set("maxmemory", 0)
    assert 0 < needs(task) < 200_000


# A failed task is submitted again


def test_a_task_submitted_again_reserves_what_it_takes(group: Group, bob: User) -> None:
    first = submit_numbers(bob, group)
    before = needs(first)
    again = moderation.submit_again(fail(first))
    assert (needs(first), needs(again)) == (0, before)


def test_a_task_is_not_submitted_again_without_room_and_keeps_its_input(
    group: Group, bob: User, limit: Callable[[int], None]
) -> None:
    task = fail(submit_numbers(bob, group))
    limit(MIB)
    client = redis.connect()
    for number in range(3):
        client.set(f"filled:{number}", os.urandom(MIB // 4))
    with pytest.raises(NoRoom):
        moderation.submit_again(task)
    client.config_set("maxmemory", 0)
    assert moderation.submit_again(task)


def test_of_an_input_that_is_gone_nothing_is_reserved(group: Group, bob: User) -> None:
    task = fail(submit_numbers(bob, group))
    moderation.submit_again(task)
    before = redis.connect().hgetall(reservations.SUMS)
    with pytest.raises(moderation.Conflict, match="submitted again before"):
        moderation.submit_again(task)
    assert redis.connect().hgetall(reservations.SUMS) == before


def test_a_task_whose_deadline_passes_is_failed_and_kept(group: Group, bob: User) -> None:
    task = submit_task(
        author=bob,
        group=group.pk,
        kind="ECHO",
        params={"count": 1},
        deadline=timezone.now() + timedelta(seconds=60),
        key=str(uuid4()),
    )
    Task.objects.filter(pk=task.pk).update(deadline=timezone.now())
    sweep.fail_overdue()
    assert blobs.failed_input_bytes(group.pk, task.pk) > 0
    assert 0 < needs(task) < room.TASK_BYTES
