"""Large inputs and results lie in a real folder, and nothing but their names in Redis."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from django.conf import settings as live_settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from core import redis
from groups.models import Group
from tasks import blobs, file_store, states
from tasks.models import StoredFile, Task, Worker
from tasks.queue.keys import input_key, result_key
from tasks.services import files, moderation
from tasks.services.conclude import conclude_task
from tasks.services.deliver import result_of
from tasks.services.split import split_task
from tasks.services.submit import submit_task

SMALL, LARGE = b"s" * 1000, os.urandom(100_000)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, settings: Settings) -> Iterator[Path]:
    """The folder of the file storage, this test's own."""
    place = tmp_path / "files"
    options = {**live_settings.FILES, "OPTIONS": {"location": str(place)}}
    settings.STORAGES = {**live_settings.STORAGES, "files": options}
    yield place


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """later(25): it is so many hours later, for everything but Redis."""
    real = timezone.now

    def move(hours: float) -> None:
        monkeypatch.setattr(timezone, "now", lambda: real() + timedelta(hours=hours))

    return move


def stored(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def numbers(count: int, first: int = 0) -> SimpleUploadedFile:
    text = "".join(f"{number}.5\n" for number in range(first, first + count))
    return SimpleUploadedFile("numbers.csv", text.encode())


def submit_numbers(author: User, group: Group, first: int = 0) -> Task:
    """A task whose input is larger than INLINE_BYTES_MAX."""
    file = numbers(20_000, first)
    return submit_task(author=author, group=group.pk, kind="MEAN", params={}, file=file)


# Where the bytes are


def test_only_large_ones_are_in_files(folder: Path) -> None:
    group, small, large = uuid4(), uuid4(), uuid4()
    assert blobs.put_input(group, small, SMALL) == ""
    digest = blobs.put_input(group, large, LARGE)
    assert blobs.put_result(group, small, SMALL) == ""
    assert blobs.put_result(group, large, LARGE) == digest
    assert stored(folder) == [digest, digest]
    for task, data in ((small, SMALL), (large, LARGE)):
        assert blobs.get_input(group, task) == blobs.get_result(group, task) == data
    for key in (input_key(group, large), result_key(group, large)):
        assert redis.connect().strlen(key) < 200


def test_a_result_that_is_too_large_for_a_message_is_not_even_read(folder: Path) -> None:
    group, task = uuid4(), uuid4()
    blobs.put_result(group, task, LARGE)
    assert blobs.get_result(group, task, len(LARGE)) == LARGE
    (path,) = (path for path in folder.rglob("*") if path.is_file())
    path.unlink()
    assert blobs.get_result(group, task, len(LARGE) - 1) is None


def test_what_an_older_server_has_left_in_redis_is_read() -> None:
    group, task = uuid4(), uuid4()
    redis.connect().set(input_key(group, task), LARGE)
    assert blobs.get_input(group, task) == LARGE


def test_equal_inputs_are_one_file_that_only_its_owner_reads(folder: Path) -> None:
    group = uuid4()
    for _ in range(3):
        blobs.put_input(group, uuid4(), LARGE)
    (path,) = (path for path in folder.rglob("*") if path.is_file())
    assert path.stat().st_mode & 0o077 == 0
    assert path.parent.stat().st_mode & 0o077 == 0


def test_a_second_input_does_not_replace_the_first(folder: Path) -> None:
    group, task = uuid4(), uuid4()
    first = blobs.put_input(group, task, LARGE)
    assert blobs.put_input(group, task, LARGE[::-1]) == first
    assert blobs.get_input(group, task) == LARGE
    small = uuid4()
    blobs.put_input(group, small, SMALL)
    assert blobs.put_input(group, small, b"another") == ""
    assert blobs.get_input(group, small) == SMALL


def test_the_same_input_again_is_a_file_as_young_as_any(
    folder: Path, later: Callable[[float], None]
) -> None:
    """Its first submission may have stopped before the row, so nothing but its age protects it."""
    group, task = uuid4(), uuid4()
    blobs.put_input(group, task, LARGE)
    later(live_settings.FILE_GRACE_HOURS + 2)
    blobs.put_input(group, task, LARGE)
    assert file_store.purge(file_store.INPUTS, live_settings.FILE_GRACE_HOURS) == 1
    assert blobs.get_input(group, task) == LARGE


# What can go wrong


@pytest.mark.parametrize("fault", ["gone", "cut", "changed"])
def test_a_file_that_is_not_what_was_written_is_lost_and_not_computed(
    folder: Path, group: Group, bob: User, fault: str
) -> None:
    task = submit_numbers(bob, group)
    (path,) = (path for path in folder.rglob("*") if path.is_file())
    if fault == "gone":
        path.unlink()
    elif fault == "cut":
        path.write_bytes(path.read_bytes()[:-1])
    else:
        path.write_bytes(path.read_bytes()[:-1] + b"x")
    split_task(str(task.pk))
    task.refresh_from_db()
    assert (task.status, task.error_code) == (states.FAILED, "input_lost")


def test_a_writer_that_dies_leaves_no_file_of_that_name(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(file_store.FilesUnavailable):
            blobs.put_input(uuid4(), uuid4(), LARGE)
    assert stored(folder) == []
    task = uuid4()
    blobs.put_input(task, task, LARGE)
    assert blobs.get_input(task, task) == LARGE


def test_a_submission_without_file_storage_accepts_nothing(
    folder: Path, group: Group, bob: User
) -> None:
    folder.write_text("a file where the folder should be")
    with pytest.raises(file_store.FilesUnavailable):
        submit_numbers(bob, group)
    assert not Task.objects.exists()
    assert submit_task(author=bob, group=group.pk, kind="ECHO", params={"count": 1})


def test_a_conclusion_without_file_storage_is_tried_again_and_not_counted(
    folder: Path, group: Group, bob: User, laptop: Worker, work: Callable[[Worker], int]
) -> None:
    task = submit_numbers(bob, group)
    split_task(str(task.pk))
    work(laptop)
    aside = folder.rename(folder.with_name("aside"))
    folder.write_text("a file where the folder should be")
    with pytest.raises(file_store.FilesUnavailable):
        conclude_task(str(task.pk))
    task.refresh_from_db()
    assert (task.status, task.conclude_attempts) == (states.AGGREGATING, 0)
    folder.unlink()
    aside.rename(folder)
    conclude_task(str(task.pk), attempt=0)
    task.refresh_from_db()
    assert task.status == states.SUCCEEDED
    assert b'"count":20000' in result_of(task)


def test_writers_of_the_same_bytes_do_not_disturb_readers(folder: Path) -> None:
    names, wrong = set[str](), list[int]()

    def write() -> None:
        for _ in range(20):
            names.add(file_store.write(file_store.INPUTS, LARGE))
            if file_store.read(max(names)) != LARGE:
                wrong.append(1)

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert len(stored(folder)) == len(names) <= 2  # the hour may have changed meanwhile


# What is deleted, and when


def test_an_input_stays_as_long_as_its_task_lives(
    folder: Path, group: Group, bob: User, later: Callable[[float], None]
) -> None:
    task = submit_numbers(bob, group)
    later(30 * 24)
    files.purge()
    assert blobs.get_input(group.pk, task.pk)
    Task.objects.filter(pk=task.pk).move(states.QUEUED, states.CANCELLED)
    later(60 * 24)
    StoredFile.objects.update(created=timezone.now() - timedelta(hours=25))
    files.purge()
    assert stored(folder) == []
    assert not StoredFile.objects.exists()
    assert not any((folder / file_store.INPUTS).iterdir()), "empty folders go, too"


def test_nothing_young_is_deleted(db: None, folder: Path) -> None:
    """Another process may have written it just now; its task gets its row in a moment."""
    file_store.write(file_store.INPUTS, LARGE)
    file_store.write(file_store.RESULTS, LARGE)
    files.purge()
    assert len(stored(folder)) == 2


def test_a_result_goes_when_it_has_expired(
    db: None, folder: Path, later: Callable[[float], None]
) -> None:
    file_store.write(file_store.RESULTS, LARGE)
    later(live_settings.RESULT_TTL_HOURS + live_settings.FILE_GRACE_HOURS - 1)
    files.purge()
    assert len(stored(folder)) == 1
    later(live_settings.RESULT_TTL_HOURS + live_settings.FILE_GRACE_HOURS + 2)
    files.purge()
    assert stored(folder) == []


def test_a_file_that_was_never_finished_goes_too(
    db: None, folder: Path, later: Callable[[float], None]
) -> None:
    name = file_store.write(file_store.INPUTS, LARGE)
    half = (folder / name).with_name(".writing-abc")
    half.write_bytes(b"half")
    later(live_settings.FILE_GRACE_HOURS + 2)
    files.purge()
    assert stored(folder) == []


def test_a_failed_task_submitted_again_keeps_its_file(
    folder: Path, group: Group, bob: User, later: Callable[[float], None]
) -> None:
    task = submit_numbers(bob, group)
    blobs.keep_failed_input(group.pk, task.pk)
    Task.objects.filter(pk=task.pk).move(states.QUEUED, states.FAILED)
    task.refresh_from_db()
    again = moderation.submit_again(task)
    later(20 * 24)
    files.purge()
    assert blobs.get_input(group.pk, again.pk)
    assert [row.task_id for row in StoredFile.objects.all()] == [again.pk]


# Quotas


def test_a_member_has_a_quota_of_bytes(
    group: Group, alice: User, bob: User, settings: Settings
) -> None:
    settings.MEMBER_BYTES_MAX = 300_000
    first = submit_numbers(bob, group)
    with pytest.raises(files.QuotaUsed, match=r"Your inputs and results take .* of 300,000 bytes"):
        submit_numbers(bob, group, first=1)
    assert submit_numbers(alice, group, first=1), "others have their own"
    Task.objects.filter(pk=first.pk).move(states.QUEUED, states.CANCELLED)
    assert submit_numbers(bob, group, first=1), "what is over does not count"


def test_a_group_has_a_quota_of_bytes(
    group: Group, alice: User, bob: User, settings: Settings
) -> None:
    settings.GROUP_BYTES_MAX = 300_000
    submit_numbers(bob, group)
    with pytest.raises(files.QuotaUsed, match="of this group"):
        submit_numbers(alice, group, first=1)
    assert Task.objects.count() == StoredFile.objects.count() == 1


def test_results_count_until_they_expire(
    group: Group, bob: User, settings: Settings, later: Callable[[float], None]
) -> None:
    task = submit_task(author=bob, group=group.pk, kind="ECHO", params={"count": 1})
    files.note(task, file_store.RESULTS, "0" * 64, 5000)
    settings.MEMBER_BYTES_MAX = 4000
    with pytest.raises(files.QuotaUsed):
        submit_task(author=bob, group=group.pk, kind="ECHO", params={"count": 1})
    later(live_settings.RESULT_TTL_HOURS + 1)
    assert submit_task(author=bob, group=group.pk, kind="ECHO", params={"count": 1})
