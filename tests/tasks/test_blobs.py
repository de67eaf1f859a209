"""Large inputs and results lie in a real folder, and nothing but their names in Redis."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from django.conf import settings as live_settings
from pytest_django import Settings

from accounts.models import User
from core import redis
from groups.models import Group
from groups.services.deletion import close_group
from tasks import blobs, file_store, states
from tasks.models import StoredFile, Task, Worker
from tasks.queue import room as reservations
from tasks.queue import sweeping
from tasks.queue.keys import failed_input_key, input_key, result_key, submissions_key
from tasks.services import control, files, moderation
from tasks.services.conclude import conclude_task
from tasks.services.deliver import result_of
from tasks.services.finish import fail_task
from tasks.services.split import split_task
from tasks.services.submit import submit_task
from tests.tasks.conftest import numbers, stored, submit_numbers

SMALL, LARGE = b"s" * 1000, os.urandom(100_000)
pytestmark = pytest.mark.usefixtures("folder")


# Where the bytes are


def put_input(group: UUID, task: UUID, data: bytes) -> str:
    """Store an input as a submission does; returns the file it was written into, "" if none."""
    file = blobs.input_file(data)
    blobs.put_input(group, task, data, file)
    return file


def put_result(group: UUID, task: UUID, data: bytes) -> str:
    file = blobs.result_file(data)
    blobs.put_result(group, task, data, file)
    return file


def test_only_large_ones_are_in_files(folder: Path) -> None:
    group, small, large = uuid4(), uuid4(), uuid4()
    assert put_input(group, small, SMALL) == put_result(group, small, SMALL) == ""
    names = [put_input(group, large, LARGE), put_result(group, large, LARGE)]
    assert stored(folder) == sorted(Path(name).name for name in names)
    assert {file_store.digest_in(name) for name in names} == {file_store.digest_of(LARGE)}
    for task, data in ((small, SMALL), (large, LARGE)):
        assert blobs.get_input(group, task) == blobs.get_result(group, task) == data
    for key in (input_key(group, large), result_key(group, large)):
        assert redis.connect().strlen(key) < 200


def test_what_is_kept_for_long_is_sooner_in_a_file(
    folder: Path, group: Group, bob: User, settings: Settings
) -> None:
    most = settings.KEPT_INLINE_BYTES_MAX
    assert blobs.result_file(b"r" * most) == ""
    assert blobs.result_file(b"r" * (most + 1)).startswith("results/")
    params = {"numbers": [number + 0.5 for number in range(1000)]}
    task = submit_task(author=bob, group=group.pk, kind="MEAN", params=params)
    data = blobs.get_input(group.pk, task.pk)
    assert stored(folder) == []
    fail_task(task, "kind_changed", "It has changed.")
    assert redis.connect().strlen(failed_input_key(group.pk, task.pk)) < 200
    assert len(stored(folder)) == StoredFile.objects.count() == 1
    assert blobs.get_failed_input(group.pk, task.pk) == data
    task.refresh_from_db()
    again = moderation.submit_again(task)
    assert blobs.get_input(group.pk, again.pk) == data


def test_without_file_storage_a_failed_input_stays_in_redis(
    folder: Path, group: Group, bob: User
) -> None:
    params = {"numbers": [number + 0.5 for number in range(1000)]}
    task = submit_task(author=bob, group=group.pk, kind="MEAN", params=params)
    data = blobs.get_input(group.pk, task.pk)
    folder.write_text("a file where the folder should be")
    fail_task(task, "kind_changed", "It has changed.")
    assert blobs.get_failed_input(group.pk, task.pk) == data
    assert not StoredFile.objects.exists()
    assert reservations.reserved_by(task.pk)[0] > 8000


def test_a_result_that_is_too_large_for_a_message_is_not_even_read(folder: Path) -> None:
    group, task = uuid4(), uuid4()
    put_result(group, task, LARGE)
    assert blobs.get_result(group, task, len(LARGE)) == LARGE
    (path,) = (path for path in folder.rglob("*") if path.is_file())
    path.unlink()
    assert blobs.get_result(group, task, len(LARGE) - 1) is None


def test_what_an_older_server_has_left_in_redis_is_read() -> None:
    group, task = uuid4(), uuid4()
    redis.connect().set(input_key(group, task), LARGE)
    assert blobs.get_input(group, task) == LARGE


def test_equal_inputs_are_files_of_their_own_that_only_their_owner_reads(folder: Path) -> None:
    """So the end of one task cannot take the file of another one away."""
    group, tasks = uuid4(), [uuid4() for _ in range(3)]
    names = [put_input(group, task, LARGE) for task in tasks]
    paths = [path for path in folder.rglob("*") if path.is_file()]
    assert len(paths) == len(set(names)) == 3
    for path in paths:
        assert path.stat().st_mode & 0o077 == 0
        assert path.parent.stat().st_mode & 0o077 == 0
    file_store.delete(names[0])
    assert [blobs.get_input(group, task) for task in tasks] == [None, LARGE, LARGE]


def test_a_second_input_does_not_replace_the_first(folder: Path) -> None:
    group, task = uuid4(), uuid4()
    put_input(group, task, LARGE)
    assert not blobs.put_input(group, task, LARGE[::-1], blobs.input_file(LARGE[::-1]))
    assert blobs.get_input(group, task) == LARGE
    small = uuid4()
    assert blobs.put_input(group, small, SMALL)
    assert not blobs.put_input(group, small, b"another")
    assert blobs.get_input(group, small) == SMALL


def test_a_command_that_was_sent_twice_has_stored_the_input(folder: Path) -> None:
    """The connection broke before the reply, and the library has sent it again."""
    group, task, file = uuid4(), uuid4(), blobs.input_file(LARGE)
    assert blobs.put_input(group, task, LARGE, file)
    assert blobs.put_input(group, task, LARGE, file)


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
            put_input(uuid4(), uuid4(), LARGE)
    assert stored(folder) == []
    task = uuid4()
    put_input(task, task, LARGE)
    assert blobs.get_input(task, task) == LARGE


def test_a_submission_without_file_storage_accepts_nothing(
    folder: Path, group: Group, bob: User
) -> None:
    folder.write_text("a file where the folder should be")
    with pytest.raises(file_store.FilesUnavailable):
        submit_numbers(bob, group)
    assert not Task.objects.exists()
    assert not StoredFile.objects.exists(), "what could not be written does not count"
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
    assert list(StoredFile.objects.values_list("area", flat=True)) == [file_store.INPUTS]
    folder.unlink()
    aside.rename(folder)
    conclude_task(str(task.pk), attempt=0)
    task.refresh_from_db()
    assert task.status == states.SUCCEEDED
    assert b'"count":20000' in result_of(task)


# What is deleted, and when


def write(area: str) -> str:
    """A file that no row names."""
    name = file_store.new_name(area, LARGE)
    file_store.write(name, LARGE)
    return name


def test_an_input_stays_as_long_as_its_task_lives(
    folder: Path, group: Group, bob: User, later: Callable[[float], None]
) -> None:
    task = submit_numbers(bob, group)
    later(30 * 24)
    files.purge()
    assert blobs.get_input(group.pk, task.pk)
    Task.objects.filter(pk=task.pk).move(states.QUEUED, states.CANCELLED)
    later(30 * 24 + live_settings.FILE_GRACE_HOURS - 1)
    files.purge()
    assert blobs.get_input(group.pk, task.pk), "a backup that runs now may need it"
    later(30 * 24 + live_settings.FILE_GRACE_HOURS + 1)
    files.purge()
    assert stored(folder) == []
    assert not StoredFile.objects.exists()
    assert not any((folder / file_store.INPUTS).iterdir()), "empty folders go, too"


def test_the_input_of_a_cancelled_task_goes_at_once_and_that_of_another_stays(
    folder: Path, group: Group, alice: User, bob: User
) -> None:
    mine, same = submit_numbers(bob, group), submit_numbers(alice, group)
    control.cancel(user=bob, task=mine)
    assert len(stored(folder)) == 1
    assert [row.task_id for row in StoredFile.objects.all()] == [same.pk]
    assert blobs.get_input(group.pk, same.pk)


def test_what_the_storage_does_not_delete_counts_until_the_purge_deletes_it(
    folder: Path, group: Group, bob: User, later: Callable[[float], None], settings: Settings
) -> None:
    settings.MEMBER_BYTES_MAX = 300_000
    task = submit_numbers(bob, group)
    aside = folder.rename(folder.with_name("aside"))
    folder.write_text("a file where the folder should be")
    control.cancel(user=bob, task=task)
    folder.unlink()
    aside.rename(folder)
    with pytest.raises(files.QuotaUsed):
        submit_numbers(bob, group, first=1)
    later(live_settings.FILE_GRACE_HOURS + 2)
    files.purge()
    assert stored(folder) == []
    assert submit_numbers(bob, group, first=1)


def test_a_closed_group_leaves_no_files(
    folder: Path, group: Group, alice: User, bob: User, later: Callable[[float], None]
) -> None:
    failed, concluding = submit_numbers(bob, group), submit_numbers(bob, group)
    submit_numbers(bob, group)
    fail_task(failed, "kind_changed", "It has changed.")
    Task.objects.filter(pk=concluding.pk).update(status=states.AGGREGATING)
    pk = group.pk
    close_group(group, by=alice)
    assert len(stored(folder)) == StoredFile.objects.count() == 1, "that is still needed"
    sweeping.drop_group(pk)
    later(live_settings.FILE_GRACE_HOURS + 2)
    files.purge()
    assert stored(folder) == []
    assert not StoredFile.objects.exists()


def test_a_result_that_came_too_late_leaves_no_file(
    folder: Path,
    group: Group,
    bob: User,
    laptop: Worker,
    work: Callable[[Worker], int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    task = submit_task(
        author=bob, group=group.pk, kind="ECHO", params={"count": 20_000, "collect": True}
    )
    split_task(str(task.pk))
    work(laptop)
    put = blobs.put_result

    def cancel_and_put(*args: object) -> None:
        control.cancel(user=bob, task=task)
        put(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(blobs, "put_result", cancel_and_put)
    conclude_task(str(task.pk))
    task.refresh_from_db()
    assert task.status == states.CANCELLED
    assert stored(folder) == []
    assert not StoredFile.objects.exists()


def test_nothing_young_is_deleted(db: None, folder: Path) -> None:
    """Another process may have written it just now; its task gets its row in a moment."""
    write(file_store.INPUTS)
    write(file_store.RESULTS)
    files.purge()
    assert len(stored(folder)) == 2


def test_a_submission_that_stopped_before_its_row_does_not_spoil_the_next_one(
    folder: Path,
    group: Group,
    bob: User,
    later: Callable[[float], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its process died between input and row, and the purge has deleted its file since."""

    class Killed(BaseException):
        pass

    def die(self: Task, **_: object) -> None:
        raise Killed

    ask = {"author": bob, "group": group.pk, "kind": "MEAN", "params": {}, "key": "k1"}
    with monkeypatch.context() as patched:
        patched.setattr(Task, "save", die)
        with pytest.raises(Killed):
            submit_task(**ask, file=numbers(20_000))
    assert len(stored(folder)) == StoredFile.objects.count() == 1
    files.purge()
    assert len(stored(folder)) == 1, "it may still be on its way"
    later(live_settings.FILE_GRACE_HOURS + 2)
    files.purge()
    assert len(stored(folder)) == 1, "another attempt may be on its way with that input"
    redis.connect().delete(submissions_key(group.pk, StoredFile.objects.get().task_id))
    files.purge()
    assert stored(folder) == []
    task = submit_task(**ask, file=numbers(20_000))
    assert blobs.get_input(group.pk, task.pk)


def test_a_result_goes_when_it_has_expired(
    db: None, folder: Path, later: Callable[[float], None]
) -> None:
    write(file_store.RESULTS)
    later(live_settings.RESULT_TTL_HOURS + live_settings.FILE_GRACE_HOURS - 1)
    files.purge()
    assert len(stored(folder)) == 1
    later(live_settings.RESULT_TTL_HOURS + live_settings.FILE_GRACE_HOURS + 2)
    files.purge()
    assert stored(folder) == []


def test_a_file_that_was_never_finished_goes_too(
    db: None, folder: Path, later: Callable[[float], None]
) -> None:
    name = write(file_store.INPUTS)
    half = (folder / name).with_name(".writing-abc")
    half.write_bytes(b"half")
    later(live_settings.FILE_GRACE_HOURS + 2)
    files.purge()
    assert stored(folder) == []


def test_a_failed_task_submitted_again_keeps_its_file(
    folder: Path, group: Group, bob: User, later: Callable[[float], None]
) -> None:
    task = submit_numbers(bob, group)
    fail_task(task, "kind_changed", "It has changed.")
    task.refresh_from_db()
    again = moderation.submit_again(task)
    later(20 * 24)
    files.purge()
    assert blobs.get_input(group.pk, again.pk)
    assert [row.task_id for row in StoredFile.objects.all()] == [again.pk]
