"""One member fills Redis: others still log in and submit, and what was accepted ends."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from pytest_django import Settings
from redis.exceptions import OutOfMemoryError
from rest_framework.test import APIClient

from accounts.models import User
from core import redis, redis_memory
from groups.models import Group
from tasks import states
from tasks.models import Task, Worker
from tasks.queue import leasing
from tasks.queue import room as reservations
from tasks.queue.answers import Granted
from tasks.queue.keys import base_key
from tasks.queue.progress import outcome_of, progress_of
from tasks.services import room
from tasks.services.conclude import _partial_bytes, conclude_task
from tasks.services.control import cancel
from tasks.services.files import QuotaUsed
from tasks.services.finish import close_task as finish_task
from tasks.services.room import NoRoom
from tasks.services.split import split_task
from tasks.services.submit import submit_task
from tasks.services.sweep import purge
from tests.conftest import PASSWORD
from tests.support import redis_scripts

MIB = 2**20
Limit = Callable[[int], None]


@pytest.fixture
def limit() -> Iterator[Limit]:
    """limit(8 * MIB): Redis may use so much more than it uses now, with all scripts in it."""
    client = redis.connect()
    redis_scripts.load_all()

    def change(size: int) -> None:
        client.config_set("maxmemory", redis_memory.look().used + size)

    yield change
    client.config_set("maxmemory", 0)


def fill(size: int) -> None:
    """Put so many bytes into Redis past all checks, as partials do."""
    for number in range(size // MIB):
        redis.connect().set(f"filled:{number}", os.urandom(MIB))


def numbers(count: int, first: int) -> SimpleUploadedFile:
    text = "".join(f"{number}.25\n" for number in range(first, first + count))
    return SimpleUploadedFile("numbers.csv", text.encode())


def submit_numbers(author: User, group: Group, first: int, count: int = 50_000) -> Task:
    """A task whose subtasks take about 8 bytes a number."""
    file = numbers(count, first)
    return submit_task(author=author, group=group.pk, kind="MEAN", params={}, file=file)


def finish(tasks: list[Task], work: Callable[[Worker], int], laptop: Worker) -> None:
    """Split, compute and conclude all of these tasks."""
    for task in tasks:
        split_task(str(task.pk))
        work(laptop)
        conclude_task(str(task.pk))
    left = Task.objects.filter(pk__in=[task.pk for task in tasks]).exclude(status=states.SUCCEEDED)
    assert not left.exists()


def test_one_member_who_fills_redis_leaves_room_for_the_others(
    group: Group,
    alice: User,
    bob: User,
    laptop: Worker,
    work: Callable[[Worker], int],
    limit: Limit,
    api: Callable[..., APIClient],
) -> None:
    limit(16 * MIB)
    accepted: list[Task] = []
    with pytest.raises(QuotaUsed, match="Your tasks hold"):
        for number in range(200):
            accepted.append(submit_numbers(bob, group, number))
    assert len(accepted) >= 3
    for task in accepted[::2]:  # half of them are in Redis, the others still to come
        split_task(str(task.pk))
    answer = api().post("/api/auth/login/", {"login": "alice", "password": PASSWORD})
    assert answer.status_code == 200, answer.content
    small = [
        submit_task(author=alice, group=group.pk, kind="ECHO", params={"count": 3})
        for _ in range(20)
    ]
    finish(small + accepted, work, laptop)
    assert reservations.to_come() == 0
    assert submit_numbers(bob, group, 999), "when they have ended there is room again"


def test_beyond_its_share_of_memory_redis_takes_no_new_work_and_says_what_is_free(
    group: Group,
    bob: User,
    laptop: Worker,
    work: Callable[[Worker], int],
    limit: Limit,
    api: Callable[..., APIClient],
) -> None:
    limit(64 * MIB)
    before = [submit_numbers(bob, group, number) for number in range(3)]
    memory = redis_memory.look()
    fill(int(memory.most * 0.72) - memory.used)
    bob_s = api(bob)
    for body in (
        {"kind": "MEAN", "params": {}, "file": numbers(10, 0)},
        {"kind": "MEAN", "params": {}, "file": numbers(100_000, 0)},
    ):
        given = {"group": str(group.pk), **body, "params": "{}"}
        answer = bob_s.post("/api/tasks/", given, format="multipart")
        assert answer.status_code == 507, answer.content
        assert answer.json()["code"] == "no_room"
        assert answer.json()["free_bytes"] == 0
        assert answer.json()["needed_bytes"] >= room.TASK_BYTES
        assert "has room for 0 bytes" in answer.json()["message"]
    assert api().post("/api/auth/login/", {"login": "bob", "password": PASSWORD}).json()
    finish(before, work, laptop)


def test_what_is_free_is_what_nobody_has_reserved(
    group: Group, alice: User, bob: User, limit: Limit, settings: Settings
) -> None:
    settings.MEMBER_ROOM_PERCENT_MAX = settings.GROUP_ROOM_PERCENT_MAX = 100
    limit(16 * MIB)
    with pytest.raises(NoRoom) as caught:
        for number in range(200):
            submit_numbers(bob, group, number)
    free = room._free()
    assert free is not None
    assert free > 2 * MIB, "nothing of it is in Redis yet"
    assert caught.value.free_bytes < 2 * MIB
    with pytest.raises(NoRoom):
        submit_numbers(alice, group, 0)


def test_a_group_has_its_share(
    group: Group, alice: User, bob: User, limit: Limit, settings: Settings
) -> None:
    settings.GROUP_ROOM_PERCENT_MAX = 30
    limit(16 * MIB)
    with pytest.raises(QuotaUsed, match="The tasks of this group"):
        for number in range(100):
            submit_numbers(bob if number % 2 else alice, group, number)


def test_a_task_larger_than_expected_waits_for_room_and_ends(
    group: Group,
    bob: User,
    laptop: Worker,
    work: Callable[[Worker], int],
    limit: Limit,
    settings: Settings,
) -> None:
    """Its input says nothing of the many subtasks it becomes."""
    settings.SPLIT_BATCH_SUBTASKS_MAX = 500
    limit(3 * MIB)
    task = submit_task(author=bob, group=group.pk, kind="ECHO", params={"count": 20_000})
    rounds = 0
    while not Task.objects.filter(pk=task.pk, status=states.SUCCEEDED).exists():
        split_task(str(task.pk))
        memory = redis_memory.look()
        assert memory.used < memory.most * 0.9
        assert work(laptop) > 0
        conclude_task(str(task.pk))
        rounds += 1
        assert rounds < 100
    assert rounds > 1, "it did not fit at once"
    assert reservations.reserved_by(task.pk)[0] < 1024, "only its result is left"


def test_partials_cannot_fill_redis(
    split: Callable[..., Task],
    laptop: Worker,
    lease: Callable[[Worker], Granted | None],
    limit: Limit,
    alice: User,
) -> None:
    """An evil member's worker sends as much as it may for each subtask of its owner's tasks."""
    limit(32 * MIB)
    evil, honest = split(count=200), split(author=alice, count=3)
    before = redis_memory.look()
    sent, most = 0, 0
    while granted := lease(laptop):
        size = MIB if granted.task == str(evil.pk) else 10
        for subtask in granted.subtasks:
            call = leasing.complete(
                granted.lease, worker=laptop.pk, subtasks=[subtask], partial=os.urandom(size)
            )
            sent += size if call.now().reason == "" else 0
        most = max(most, redis_memory.look().used - before.used)
    assert sent > 16 * MIB, "it went on sending"
    assert most < 0.25 * before.most
    assert redis_memory.look().used - before.used < 4 * MIB, "the partials are gone already"
    conclude_task(str(evil.pk))
    evil.refresh_from_db()
    assert (evil.status, evil.error_code) == (states.FAILED, "no_room")
    assert "Submit less at a time." in evil.error_message
    progress = progress_of(honest.group_id, honest.pk).now()
    assert progress is not None
    assert progress.done == 3
    base = f"{base_key(evil.group_id)}:partial_bytes"
    owner = str(laptop.owner_id)
    sums = {str(alice.pk): 30, f"{alice.pk} {owner}": 30}
    assert redis.connect().hgetall(base) == {k.encode(): b"%d" % v for k, v in sums.items()}


def test_a_task_is_closed_even_when_redis_is_full(
    split: Callable[..., Task], laptop: Worker, lease: Callable[[Worker], Granted | None]
) -> None:
    task = split(count=100)
    assert lease(laptop)
    client = redis.connect()
    client.config_set("maxmemory", 1)
    try:
        with pytest.raises(OutOfMemoryError):
            client.set("more", 1)
        finish_task(task, states.CANCELLED)
    finally:
        client.config_set("maxmemory", 0)
    assert progress_of(task.group_id, task.pk).now() is None
    assert reservations.to_come() == 0


def test_without_a_limit_of_memory_all_is_taken(
    group: Group, bob: User, laptop: Worker, work: Callable[[Worker], int]
) -> None:
    assert redis_memory.look().free_below(70) is None
    finish([submit_numbers(bob, group, number) for number in range(3)], work, laptop)


# What is reserved


def test_a_task_reserves_until_it_ends(
    group: Group, bob: User, submit: Callable[..., Task]
) -> None:
    task = submit(count=3)
    assert reservations.reserved_by(task.pk) == (room.TASK_BYTES, room.TASK_BYTES)
    assert reservations.to_come() == room.TASK_BYTES
    split_task(str(task.pk))
    need, left = reservations.reserved_by(task.pk)
    assert (need, left) == (room.TASK_BYTES, 0), "all of it is in Redis"
    cancel(user=bob, task=task)
    assert reservations.reserved_by(task.pk) == (0, 0)
    assert redis.connect().hgetall(reservations.SUMS) in ({}, {b"left": b"0"})


def test_partials_are_reserved_by_what_those_of_the_member_s_latest_tasks_took(
    split: Callable[..., Task],
    laptop: Worker,
    work: Callable[[Worker], int],
    alice: User,
    bob: User,
) -> None:
    for number in range(3):
        first = split(count=100, collect=True)
        each = reservations.partial_bytes(first.group_id, first.kind_key, bob.pk)
        assert each == 0, number
        work(laptop)
        conclude_task(str(first.pk))
    each = reservations.partial_bytes(first.group_id, first.kind_key, bob.pk)
    assert 0 < each < 100
    second = split(count=1000, collect=True)
    _, left = reservations.reserved_by(second.pk)
    assert left == pytest.approx(1000 * each, abs=2)
    others = split(author=alice, count=1000, collect=True)
    assert reservations.reserved_by(others.pk)[1] == 0, "she has no earlier ones"


def test_a_worker_that_sends_large_partials_makes_no_later_task_reserve_much(
    split: Callable[..., Task], laptop: Worker, lease: Callable[[Worker], Granted | None], bob: User
) -> None:
    """It sends one in each of several tasks, and the others send small ones."""
    for _ in range(4):
        task, sent = split(count=40, collect=True), 0
        while granted := lease(laptop):
            for subtask in granted.subtasks:
                values = [[subtask, "x" * (MIB if sent == 0 else 1)]]
                partial = msgspec.msgpack.encode([1, subtask, values])
                leasing.complete(
                    granted.lease, worker=laptop.pk, subtasks=[subtask], partial=partial
                ).now()
                sent += 1
        outcome = outcome_of(task.group_id, task.pk).now()
        assert outcome is not None
        size = _partial_bytes(outcome)
        reservations.note_partial_bytes(task.group_id, task.kind_key, bob.pk, size)
        finish_task(task, states.CANCELLED)
    small = split(count=100, collect=True)
    assert reservations.reserved_by(small.pk)[0] < 2 * room.TASK_BYTES


def test_partials_are_reserved_only_up_to_a_share(
    split: Callable[..., Task], group: Group, bob: User, limit: Limit
) -> None:
    limit(32 * MIB)
    for _ in range(5):
        reservations.note_partial_bytes(group.pk, split(count=1).kind_key, bob.pk, MIB)
    small = split(count=100)
    memory = redis_memory.look()
    need, _ = reservations.reserved_by(small.pk)
    assert MIB < need < memory.most * 0.70 * 0.50 * 0.10 + room.TASK_BYTES


def test_a_refused_submission_reserves_nothing(
    group: Group, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(Task, "save", refuse)
    with pytest.raises(OSError, match="disk full"):
        submit_task(author=bob, group=group.pk, kind="ECHO", params={"count": 1})
    assert reservations.to_come() == 0
    assert list(reservations.reservations()) == []


def test_reserving_and_releasing_twice_changes_nothing(submit: Callable[..., Task]) -> None:
    task = submit(count=3)
    for _ in range(2):
        room.reserve(task, 0)
        assert reservations.to_come() == room.TASK_BYTES
    for _ in range(2):
        room.release([task.pk])
        assert reservations.to_come() == 0


def test_what_a_lost_task_has_reserved_is_released_after_a_while(
    submit: Callable[..., Task], monkeypatch: pytest.MonkeyPatch
) -> None:
    live, lost = submit(count=1), submit(count=1)
    Task.objects.filter(pk=lost.pk).delete()
    purge()
    assert reservations.to_come() == 2 * room.TASK_BYTES, "its row may still come"
    monkeypatch.setattr(room, "ROWLESS_SECONDS", -60)
    purge()
    assert [task for task, _ in reservations.reservations()] == [str(live.pk)]
