"""How many bytes in files a member and a group may hold, and until when they count."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import settings as live_settings
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from groups.models import Group
from tasks import blobs, states
from tasks.models import StoredFile, Task, Worker
from tasks.queue import room as reservations
from tasks.services import control, files
from tasks.services.conclude import conclude_task
from tasks.services.split import split_task
from tasks.services.submit import submit_task
from tests.support.racing import race
from tests.tasks.conftest import stored, submit_numbers

LARGE = os.urandom(100_000)
pytestmark = pytest.mark.usefixtures("folder")


def test_a_member_has_a_quota_of_bytes(
    group: Group, alice: User, bob: User, settings: Settings
) -> None:
    settings.MEMBER_BYTES_MAX = 300_000
    first = submit_numbers(bob, group)
    with pytest.raises(files.QuotaUsed, match=r"Your inputs and results take .* of 300,000 bytes"):
        submit_numbers(bob, group, first=1)
    assert submit_numbers(alice, group, first=1), "others have their own"
    control.cancel(user=bob, task=first)
    assert submit_numbers(bob, group, first=1), "what is deleted does not count"


def test_submitting_and_cancelling_keeps_no_more_than_the_quota(
    folder: Path, group: Group, bob: User, settings: Settings
) -> None:
    settings.MEMBER_BYTES_MAX = 300_000
    for number in range(6):
        control.cancel(user=bob, task=submit_numbers(bob, group, first=number))
        assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) <= 300_000


@pytest.mark.parametrize("end", [states.SUCCEEDED, states.FAILED])
def test_an_input_counts_until_it_is_deleted(
    group: Group, bob: User, settings: Settings, later: Callable[[float], None], end: str
) -> None:
    settings.MEMBER_BYTES_MAX = 300_000
    first = submit_numbers(bob, group)
    Task.objects.filter(pk=first.pk).update(status=end, finished=timezone.now())
    with pytest.raises(files.QuotaUsed):
        submit_numbers(bob, group, first=1)
    later(live_settings.FILE_GRACE_HOURS + 2)
    with pytest.raises(files.QuotaUsed):
        submit_numbers(bob, group, first=1)
    files.purge()
    assert submit_numbers(bob, group, first=1)


def test_simultaneous_uploads_do_not_pass_the_quota(
    transactional_db: None, folder: Path, group: Group, bob: User, settings: Settings
) -> None:
    settings.MEMBER_BYTES_MAX = 500_000  # three times an input
    outcomes = race(*[lambda n=n: submit_numbers(bob, group, first=n) for n in range(10)])
    made = [one for one in outcomes if isinstance(one, Task)]
    refused = [one for one in outcomes if not isinstance(one, Task)]
    assert all(isinstance(one, files.QuotaUsed) for one in refused), refused
    assert len(made) <= 3
    assert len(stored(folder)) == StoredFile.objects.count() == len(made)
    assert len(list(reservations.reservations())) == len(made)


def test_a_group_has_a_quota_of_bytes(
    group: Group, alice: User, bob: User, settings: Settings
) -> None:
    settings.GROUP_BYTES_MAX = 300_000
    submit_numbers(bob, group)
    with pytest.raises(files.QuotaUsed, match="of this group"):
        submit_numbers(alice, group, first=1)
    assert Task.objects.count() == StoredFile.objects.count() == 1


def test_results_count_until_they_are_deleted(
    group: Group, bob: User, settings: Settings, later: Callable[[float], None]
) -> None:
    task = submit_task(author=bob, group=group.pk, kind="ECHO", params={"count": 1})
    files.note(task, blobs.result_file(LARGE), 5000)
    settings.MEMBER_BYTES_MAX = 4000
    with pytest.raises(files.QuotaUsed):
        submit_task(author=bob, group=group.pk, kind="ECHO", params={"count": 1})
    later(live_settings.RESULT_TTL_HOURS + 2)
    files.purge()
    assert submit_task(author=bob, group=group.pk, kind="ECHO", params={"count": 1})


def test_results_go_beyond_the_quota_by_one_and_those_of_others_are_kept(
    folder: Path,
    group: Group,
    alice: User,
    bob: User,
    laptop: Worker,
    work: Callable[[Worker], int],
    settings: Settings,
) -> None:
    """All were submitted before the first ended, so nothing was there that counted."""

    def submit_echo(author: User) -> Task:
        params = {"count": 2000, "collect": True}
        return submit_task(author=author, group=group.pk, kind="ECHO", params=params)

    tasks = [submit_echo(author) for author in (bob, bob, bob, alice)]
    settings.MEMBER_BYTES_MAX = 1000
    ends = []
    for task in tasks:
        split_task(str(task.pk))
        work(laptop)
        conclude_task(str(task.pk))
        task.refresh_from_db()
        ends.append((task.status, task.error_code))
    assert ends == [
        (states.SUCCEEDED, ""),
        (states.FAILED, "quota_used"),
        (states.FAILED, "quota_used"),
        (states.SUCCEEDED, ""),
    ]
    assert len(stored(folder)) == StoredFile.objects.count() == 2
