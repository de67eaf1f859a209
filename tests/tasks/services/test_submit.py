"""Submitting: what is refused is refused before anything is stored."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import DatabaseError

from accounts.models import User
from core.errors import Forbidden, Invalid
from firmlight_client import kinds
from groups.models import Group
from tasks import blobs, states
from tasks.models import StoredFile, Task
from tasks.queue import room as reservations
from tasks.queue import sweeping
from tasks.services import submit as submitting
from tasks.services.submit import KeyUsed, submit_task
from tests.support.racing import race


def fields_of(**arguments: Any) -> dict[str, list[str]]:
    with pytest.raises(Invalid) as caught:
        submit_task(**arguments)
    assert not Task.objects.exists()
    assert caught.value.fields
    return caught.value.fields


def test_an_accepted_task_has_input_row_and_job(
    submit: Callable[..., Task], jobs_sent: Callable[[], list[str]]
) -> None:
    task = submit(count=7)
    assert task.status == states.QUEUED
    data = blobs.get_input(task.group_id, task.pk)
    assert data is not None
    assert msgspec.msgpack.decode(data)["count"] == 7
    assert jobs_sent() == ["tasks.split"]


def test_the_group_may_be_named(group: Group, bob: User) -> None:
    assert (
        submit_task(author=bob, group="lab SEVEN", kind="ECHO", params={"count": 1}).group_id
        == group.pk
    )


def test_a_stranger_does_not_learn_that_the_group_exists(group: Group, carol: User) -> None:
    by_id = fields_of(author=carol, group=group.pk, kind="ECHO", params={"count": 1})
    assert by_id == fields_of(author=carol, group="no such group", kind="ECHO", params={"count": 1})
    assert list(by_id) == ["group"]


def test_an_unknown_kind_is_refused_with_those_there_are(group: Group, bob: User) -> None:
    assert (
        "FACTORIZATION"
        in fields_of(author=bob, group=group.pk, kind="NONSENSE", params={})["kind"][0]
    )


@pytest.mark.parametrize(
    ("kind", "params", "field"),
    [
        ("ECHO", {}, "params.count"),
        ("ECHO", {"count": 0}, "params.count"),
        ("ECHO", {"count": "many"}, "params.count"),
        ("FACTORIZATION", {"number": 1.5}, "params.number"),
        ("FACTORIZATION", {"number": "12a"}, "params.number"),
        ("FACTORIZATION", {"number": str(10**41)}, "params.number"),
        ("MEAN", {"numbers": []}, "params.numbers"),
        ("MEAN", {"numbers": [1.0, float("nan")]}, "params.numbers"),
        ("MEAN", {"numbers": [float("inf")]}, "params.numbers"),
        ("CRAWLER", {"urls": ["ftp://example.org/"], "limit": 1, "same_host": True}, "params.urls"),
        (
            "CRAWLER",
            {"urls": ["https://example.org/"], "limit": 0, "same_host": True},
            "params.limit",
        ),
    ],
)
def test_bad_params_name_their_field_and_store_nothing(
    group: Group, bob: User, kind: str, params: dict[str, Any], field: str
) -> None:
    assert list(fields_of(author=bob, group=group.pk, kind=kind, params=params)) == [field]
    assert sweeping.groups() == []


def test_only_owner_and_moderators_raise_the_priority(
    submit: Callable[..., Task], alice: User
) -> None:
    with pytest.raises(Forbidden):
        submit(count=1, priority=states.HIGH)
    assert submit(author=alice, count=1, priority=states.HIGH).priority == states.HIGH
    assert submit(count=1, priority=states.LOW).priority == states.LOW


@pytest.mark.parametrize(
    ("group_says", "asked", "verify"),
    [("", "", "auto"), ("", "none", "none"), ("sample", "", "sample"), ("sample", "all", "all")],
)
def test_how_much_is_checked_is_what_was_asked_for_or_the_groups_default(
    group: Group, submit: Callable[..., Task], group_says: str, asked: str, verify: str
) -> None:
    Group.objects.filter(pk=group.pk).update(verify_default=group_says)
    task = submit(verify=asked)
    task.refresh_from_db()
    assert (task.verify, task.verify_asked, task.verification) == (verify, asked, None)


def test_a_group_raises_what_is_less_and_the_task_says_what_was_asked_for(
    group: Group, submit: Callable[..., Task]
) -> None:
    Group.objects.filter(pk=group.pk).update(verify_default="sample")
    task = submit(verify="none")
    assert (task.verify, task.verify_asked) == ("sample", "none")


def test_a_file_becomes_packed_numbers(group: Group, bob: User) -> None:
    buffer = io.BytesIO()
    np.save(buffer, np.arange(1000, dtype="<f8"))
    file = SimpleUploadedFile("numbers.npy", buffer.getvalue())
    task = submit_task(author=bob, group=group.pk, kind="MEAN", params={}, file=file)
    data = blobs.get_input(task.group_id, task.pk)
    assert data is not None
    assert 8000 <= len(data) < 8100
    assert msgspec.msgpack.decode(data, type=kinds.get("MEAN").Params) is not None


def test_a_kind_without_files_says_so(group: Group, bob: User) -> None:
    file = SimpleUploadedFile("x.csv", b"1,2")
    assert list(
        fields_of(author=bob, group=group.pk, kind="ECHO", params={"count": 1}, file=file)
    ) == ["file"]


def test_a_database_that_refuses_leaves_no_input_behind(
    group: Group, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored: list[Task] = []

    def refuse(self: Task, **_: Any) -> None:
        stored.append(self)
        raise DatabaseError("disk full")

    monkeypatch.setattr(submitting.Task, "save", refuse)
    with pytest.raises(DatabaseError):
        submit_task(author=bob, group=group.pk, kind="ECHO", params={"count": 1})
    assert blobs.get_input(group.pk, stored[0].pk) is None


# Submitted twice


def test_the_same_key_makes_one_task_whose_input_stays_that_of_the_first_time(
    group: Group, bob: User
) -> None:
    first, second = (
        submit_task(author=bob, group=group.pk, kind="ECHO", params={"count": count}, key="k1")
        for count in (3, 4)
    )
    assert first.pk == second.pk == Task.objects.get().pk
    assert msgspec.msgpack.decode(blobs.get_input(group.pk, first.pk) or b"")["count"] == 3


def test_two_concurrent_submissions_with_one_key_make_one_task_and_lose_no_input(
    group: Group, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second comes when the first has looked for an older one, and has not written its own row
    yet.
    """
    ask: dict[str, Any] = {
        "author": bob,
        "group": group.pk,
        "kind": "ECHO",
        "params": {"count": 3},
        "key": "k1",
    }
    made: list[Task] = []

    def meanwhile(author: User) -> bool:
        monkeypatch.undo()
        made.append(submit_task(**ask))
        return False

    monkeypatch.setattr(submitting, "has_backlog", meanwhile)
    made.append(submit_task(**ask))
    assert {task.pk for task in made} == {Task.objects.get().pk}
    assert blobs.get_input(group.pk, made[0].pk)


@pytest.fixture
def ask(group: Group, bob: User) -> dict[str, Any]:
    """One submission, as its author may send it twice; its input is in a file."""
    numbers = {"numbers": [number + 0.5 for number in range(10_000)]}
    return {"author": bob, "group": group.pk, "kind": "MEAN", "params": numbers, "key": "k1"}


def left() -> tuple[int, int]:
    """How many have reserved room, and how many files are counted."""
    return len(list(reservations.reservations())), StoredFile.objects.count()


def test_a_second_submission_that_fails_takes_nothing_from_the_first(
    ask: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second comes and fails when the first has stored its input, and not its row yet."""
    save = Task.save

    def meanwhile(self: Task, **options: Any) -> None:
        def refuse(self: Task, **_: Any) -> None:
            raise DatabaseError("busy")

        monkeypatch.setattr(Task, "save", refuse)
        with pytest.raises(DatabaseError):
            submit_task(**ask)
        monkeypatch.setattr(Task, "save", save)
        save(self, **options)

    monkeypatch.setattr(Task, "save", meanwhile)
    task = submit_task(**ask)
    assert blobs.get_input(task.group_id, task.pk)
    assert left() == (1, 1)


def test_a_second_submission_goes_on_when_the_first_fails(
    ask: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first fails when the second has found the first one's input, and makes no row yet."""
    store = submitting._store_input
    gave_up: list[str] = []
    attempts: list[str] = []
    begin = blobs.begin_input

    def note(group: Any, task: Any, attempt: str) -> None:
        attempts.append(attempt)
        begin(group, task, attempt)

    def store_second(task: Task, data: bytes) -> None:
        store(task, data)
        submitting._forget(task, attempts[0])
        gave_up.append(attempts[0])

    def store_first(task: Task, data: bytes) -> None:
        store(task, data)
        monkeypatch.setattr(submitting, "_store_input", store_second)
        submit_task(**ask)
        raise DatabaseError("disk full")

    monkeypatch.setattr(blobs, "begin_input", note)
    monkeypatch.setattr(submitting, "_store_input", store_first)
    task = submit_task(**ask)
    assert task.pk == Task.objects.get().pk
    assert len(attempts) == 2
    assert gave_up
    assert blobs.get_input(task.group_id, task.pk)
    assert left() == (1, 1)


def test_submissions_with_one_key_that_all_fail_leave_nothing(
    ask: dict[str, Any], group: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Task, **_: Any) -> None:
        raise DatabaseError("disk full")

    monkeypatch.setattr(Task, "save", refuse)
    for _ in range(3):
        with pytest.raises(DatabaseError):
            submit_task(**ask)
    assert left() == (0, 0)
    monkeypatch.undo()
    task = submit_task(**ask)
    assert blobs.get_input(group.pk, task.pk)
    assert left() == (1, 1)


def test_racing_submissions_with_one_key_make_one_task_that_has_its_input(
    transactional_db: None, ask: dict[str, Any], group: Group
) -> None:
    outcomes = race(*[lambda: submit_task(**ask)] * 6)
    task = Task.objects.get()
    assert {one.pk for one in outcomes} == {task.pk}, outcomes
    assert blobs.get_input(group.pk, task.pk)
    assert left() == (1, 1)


def test_a_key_is_its_authors_own_and_names_one_submission(
    group: Group, alice: User, bob: User
) -> None:
    first = submit_task(author=bob, group=group.pk, kind="ECHO", params={"count": 3}, key="k1")
    assert (
        submit_task(author=alice, group=group.pk, kind="ECHO", params={"count": 3}, key="k1").pk
        != first.pk
    )
    with pytest.raises(KeyUsed):
        submit_task(author=bob, group=group.pk, kind="MEAN", params={"numbers": [1]}, key="k1")
