"""A task of Bob's for the group, and a worker of Alice's, driven by hand through the real queue."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
import redis
from django.conf import settings as live_settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from firmlight_client import kinds
from groups.models import Group, Membership
from tasks.models import Task, Worker
from tasks.queue import leasing
from tasks.queue.answers import Granted, Settled
from tasks.services.conclude import conclude_task
from tasks.services.split import split_task
from tasks.services.submit import submit_task


@pytest.fixture
def submit(group: Group, bob: User) -> Callable[..., Task]:
    """submit(count=3): Bob's ECHO task, accepted and not split yet."""

    def make(author: User | None = None, kind: str = "ECHO", **params: Any) -> Task:
        choice = {
            name: params.pop(name)
            for name in ("priority", "allow_partial", "verify")
            if name in params
        }
        return submit_task(
            author=author or bob, group=group.pk, kind=kind, params=params or {"count": 3}, **choice
        )

    return make


@pytest.fixture
def split(submit: Callable[..., Task]) -> Callable[..., Task]:
    """split(count=3): the same, split and running."""

    def make(**options: Any) -> Task:
        task = submit(**options)
        split_task(str(task.pk))
        task.refresh_from_db()
        return task

    return make


@pytest.fixture
def laptop(alice: User) -> Worker:
    return Worker.objects.create(owner=alice, name="laptop")


@pytest.fixture
def machine_of(group: Group, make_user: Callable[[str], User]) -> Callable[[str, str], Worker]:
    """machine_of("ann", "tower"): a machine of a new member."""

    def make(owner: str, name: str) -> Worker:
        user = make_user(owner)
        Membership.objects.create(group=group, user=user)
        return Worker.objects.create(owner=user, name=name)

    return make


@pytest.fixture
def lease(group: Group) -> Callable[[Worker], Granted | None]:
    def ask(worker: Worker, *, canary: bool = False) -> Granted | None:
        offered = [f"{name}@{kind.version}" for name, kind in kinds.installed().items()]
        call = leasing.lease(
            group.pk,
            worker=worker.pk,
            owner=worker.owner_id,
            conn=f"conn-{worker.name}",
            kinds=offered,
            canary=canary,
        )
        return call.now().granted

    return ask


@pytest.fixture
def work(lease: Callable[[Worker], Granted | None]) -> Callable[[Worker], int]:
    """work(laptop): lease and compute until nothing is left; returns how many subtasks."""

    def run(worker: Worker) -> int:
        total = 0
        while granted := lease(worker):
            assert compute(granted, worker).reason == ""
            total += len(granted.subtasks)
        return total

    return run


def conclude(task: Task, **options: Any) -> Task:
    """Run the job that concludes it; returns it as it is then."""
    conclude_task(str(task.pk), **options)
    task.refresh_from_db()
    return task


def compute(granted: Granted, worker: Worker) -> Settled:
    """Run a lease as a worker would, and send its combined partial."""
    kind = kinds.get(granted.kind.partition("@")[0])
    partial = kinds.combine_all(
        kind, [kind.run(msgspec.msgpack.decode(p)) for p in granted.payloads]
    )
    call = leasing.complete(
        granted.lease,
        worker=worker.pk,
        subtasks=granted.subtasks,
        partial=msgspec.msgpack.encode(partial),
        seconds=0.1,
        decided=kind.is_decided(partial, None),
        proves=kind.proves,
    )
    return call.now()


@pytest.fixture
def jobs_sent() -> Callable[[], list[str]]:
    """jobs_sent(): names of the Celery jobs that wait in the real broker, and they are gone from
    it.
    """

    def read() -> list[str]:
        broker = redis.Redis.from_url(live_settings.BROKER_URL)
        names = []
        for name in ("short", "long", "bulk", "sweep"):
            while message := broker.lpop(name):
                names.append(msgspec.json.decode(message)["headers"]["task"])
        broker.close()
        return names

    return read


@pytest.fixture
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
