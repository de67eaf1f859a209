"""Until a task ends nobody can tell which lease is a check, whatever of the task they look at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec
import pytest
from pytest_django import Settings

from firmlight_client import kinds
from tasks.api.serializers import TaskSerializer
from tasks.models import Task, Worker
from tasks.pages.fragments.task import TaskPage
from tasks.queue import leasing
from tasks.queue.answers import Granted
from tasks.selectors import contributions, history, parts, task_progress
from tasks.services import standing
from tasks.services.finish import cancel_task
from tests.tasks.conftest import compute
from tests.tasks.services.test_checking import NUMBERS

Split = Callable[..., Task]
Lease = Callable[..., Granted | None]
MachineOf = Callable[[str, str], Worker]


@pytest.fixture
def honest(machine_of: MachineOf) -> Worker:
    return machine_of("ann", "anns")


@pytest.fixture
def curious(machine_of: MachineOf) -> Worker:
    return machine_of("ben", "bens")


@dataclass
class Seen:
    """What a member sees of a task, and of one worker in it. Times and ids differ anyway."""

    counts: dict[str, int]
    progress: float
    contributions: list[tuple[Any, ...]]
    events: list[tuple[str, str]]
    bars: list[tuple[Any, ...]]
    parts: int
    page: str

    def __sub__(self, before: Seen) -> dict[str, Any]:
        """What has changed."""
        counts = {name: self.counts[name] - before.counts[name] for name in self.counts}
        events = self.events[: len(self.events) - len(before.events)]
        return {
            "counts": counts,
            "progress": round(self.progress - before.progress, 4),
            "contributions": self.contributions,
            "events": events,
            "bars": self.bars,
            "parts": self.parts - before.parts,
            "page": self.page,
        }


def seen(task: Task, worker: Worker) -> Seen:
    task.refresh_from_db()
    data = TaskSerializer(task).data
    stands = task_progress.of_task(task)
    page = TaskPage(UUID(str(task.pk)))
    page.fragments()
    bars = [bar for bar in history.of_task(task).bars if bar.worker == str(worker.pk)]
    rows = [row for row in contributions.of_task(task, stands) if row.worker == worker]
    return Seen(
        dict(data["counts"]),
        data["progress"],
        [(row.status, row.subtasks, row.checks, row.failures, bool(row.started)) for row in rows],
        [(event["what"], event["text"]) for event in history.events(task)],
        [(bar.how, bar.outcome, bar.subtasks, bar.done, bar.end is None) for bar in bars],
        sum(row["worker"]["id"] == str(worker.pk) for row in parts.of_task(task)),
        str([(entry.what, entry.subtasks, entry.left) for entry in page.entries][-1:]),
    )


def answer(granted: Granted, worker: Worker, subtasks: list[int]) -> None:
    kind = kinds.get("MEAN")
    payloads = dict(zip(granted.subtasks, granted.payloads, strict=True))
    partials = [kind.run(msgspec.msgpack.decode(payloads[subtask])) for subtask in subtasks]
    sent = leasing.complete(
        granted.lease,
        worker=worker.pk,
        subtasks=subtasks,
        partial=msgspec.msgpack.encode(kinds.combine_all(kind, partials)),
    )
    assert sent.now().reason == ""


@pytest.fixture
def steps(
    split: Split, lease: Lease, honest: Worker, curious: Worker, settings: Settings
) -> Callable[..., list[dict[str, Any]]]:
    """steps("check"): what changes when Ben's worker takes a lease, answers a piece, and all."""
    settings.LEASE_SUBTASKS_MAX = 3
    settings.STANDING_TRUSTED = 0

    def trusted(task: Task, worker: Worker, agreements: int) -> None:
        standing.note_agreement(
            task.group_id, worker.owner_id, "MEAN", task.kind_version, agreements
        )

    def run(which: str) -> list[dict[str, Any]]:
        task = split(kind="MEAN", numbers=NUMBERS, verify="auto")
        for worker in (honest, curious):
            trusted(task, worker, 10**9)  # nothing more of theirs is drawn
            first = lease(worker)  # of one subtask: then they are known to be fast
            assert first
            assert first.task == str(task.pk)
            compute(first, worker)
        if which != "work":
            standing.withdraw(task.group_id, honest.owner_id or "", "MEAN", task.kind_version)
        settings.STANDING_TRUSTED = 10
        granted = lease(honest)
        assert granted
        compute(granted, honest)
        before = seen(task, curious)
        mine = lease(curious)
        assert mine
        is_check = mine.subtasks == granted.subtasks
        assert is_check == (which == "check")
        assert len(mine.subtasks) > 1
        found = []
        for piece in ([], mine.subtasks[:1], mine.subtasks[1:]):
            if piece:
                answer(mine, curious, piece)
            after = seen(task, curious)
            found.append(after - before)
            before = after
        for row in found:
            row["size"] = len(mine.subtasks)
        cancel_task(task)
        return found

    return run


def test_a_check_looks_like_work(steps: Callable[..., list[dict[str, Any]]]) -> None:
    work, check = steps("work"), steps("check")
    assert check[0] == work[0], "when it is taken"
    assert check[1] == work[1], "when a piece is answered, and the rest is not"
    assert {**check[2], "parts": 0} == {**work[2], "parts": 0}, "and when all is"
    assert work[0]["counts"]["leased"] == work[0]["size"]
