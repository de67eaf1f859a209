"""Splitting: deterministic, resumable, bounded."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from firmlight_client import kinds
from firmlight_echo import Echo
from tasks import blobs, states
from tasks.kind_processes.calls import split_limits
from tasks.kind_processes.outcomes import CannotStart
from tasks.kind_processes.splitting import Batch, RuleBroken, batches
from tasks.models import Task, Worker
from tasks.queue import lifecycle, splitting, sweeping
from tasks.queue.progress import Progress, progress_of
from tasks.services import split as split_service
from tasks.services.finish import cancel_task
from tasks.services.split import split_task
from tests.support.patient import until


def cut(payloads: list[bytes]) -> list[Batch]:
    return list(batches(payloads, split_limits()))


def progress(task: Task) -> Progress:
    found = progress_of(task.group_id, task.pk).now()
    assert found
    return found


def test_a_split_task_runs_and_holds_all_subtasks(split: Callable[..., Task]) -> None:
    task = split(count=5000)
    assert task.status == states.RUNNING
    assert task.started is not None
    assert (progress(task).split, progress(task).open, progress(task).ended) == (5000, 5000, True)


def test_splitting_twice_queues_nothing_twice(
    split: Callable[..., Task], work: Callable[[Worker], int], laptop: Worker
) -> None:
    task = split(count=300)
    split_task(str(task.pk))
    assert progress(task).split == 300
    assert work(laptop) == 300


def test_a_split_that_died_midway_is_taken_up_where_it_stopped(
    submit: Callable[..., Task], settings: Settings
) -> None:
    settings.SPLIT_BATCH_SUBTASKS_MAX = 50
    task = submit(count=400)
    splitting.open_task(
        task.group_id,
        task.pk,
        kind=task.kind_key,
        creator="",
        priority=task.priority,
        seconds_max=1,
        allow_partial=False,
        order=0,
    ).now()
    payloads = [msgspec.msgpack.encode((i, 0.0, False)) for i in range(77)]
    splitting.push(task.group_id, task.pk, first=0, payloads=payloads, last=False).now()
    split_task(str(task.pk))
    assert (progress(task).split, progress(task).ended) == (400, True)


def test_the_first_batch_is_small_so_that_workers_can_begin(settings: Settings) -> None:
    settings.SPLIT_BATCH_FIRST, settings.SPLIT_BATCH_SUBTASKS_MAX = 10, 100
    sizes = [len(batch.payloads) for batch in cut([b"x"] * 250)]
    assert sizes == [10, 100, 100, 40]


def test_a_batch_is_bounded_in_bytes_too(settings: Settings) -> None:
    settings.SPLIT_BATCH_BYTES_MAX = 100
    assert [len(batch.payloads) for batch in cut([b"x" * 40] * 5)] == [2, 2, 1]


@given(st.lists(st.binary(max_size=50), min_size=1, max_size=300))
def test_batches_carry_every_payload_once_and_in_order(payloads: list[bytes]) -> None:
    found = cut(payloads)
    assert [payload for batch in found for payload in batch.payloads] == payloads
    assert [batch.first for batch in found] == [
        sum(len(b.payloads) for b in found[:i]) for i in range(len(found))
    ]
    assert [batch.last for batch in found] == [False] * (len(found) - 1) + [True]


def test_too_many_subtasks_fail_the_task_with_the_limit(
    split: Callable[..., Task], settings: Settings
) -> None:
    settings.TASK_SUBTASKS_MAX = 100
    task = split(count=101)
    assert (task.status, task.error_code) == (states.FAILED, "split_failed")
    assert "100" in task.error_message
    assert progress_of(task.group_id, task.pk).now() is None


def test_a_payload_beyond_the_limit_fails_the_task(settings: Settings) -> None:
    settings.PAYLOAD_BYTES_MAX = 10
    with pytest.raises(RuleBroken, match="Subtask 1 has 11 bytes"):
        cut([b"x" * 10, b"x" * 11])


def test_a_kind_that_raises_fails_its_own_task_only(
    hard: kinds.Kind, split: Callable[..., Task]
) -> None:
    task = split(kind="HARD", count=2, acts={"split": "raise no more"})
    assert (task.status, task.error_code) == (states.FAILED, "split_failed")
    assert "ZeroDivisionError: no more" in task.error_message


@pytest.mark.parametrize(
    ("act", "limit", "why"),
    [
        ("sleep 60", "SPLIT_SECONDS_MAX", "it took more than 1 s"),
        ("spin", "SPLIT_PROCESSOR_SECONDS_MAX", "it computed for more than 1 s"),
        ("crash", "", "its process crashed"),
    ],
)
def test_an_input_that_is_too_hard_to_split_fails_after_some_attempts(
    hard: kinds.Kind,
    split: Callable[..., Task],
    settings: Settings,
    jobs_sent: Callable[[], list[str]],
    act: str,
    limit: str,
    why: str,
) -> None:
    if limit:
        setattr(settings, limit, 1)
    settings.SPLIT_ATTEMPTS_MAX = 2
    task = split(kind="HARD", acts={"split": act})
    if act != "spin":  # which another attempt would not better
        assert (task.status, task.split_attempts) == (states.RUNNING, 1)
        assert jobs_sent()[-1] == "tasks.split"
        split_task(str(task.pk))
        task.refresh_from_db()
    assert (task.status, task.error_code) == (states.FAILED, "input_too_hard")
    assert why in task.error_message


def test_a_split_for_which_no_child_starts_waits_for_the_sweep(
    split: Callable[..., Task], monkeypatch: pytest.MonkeyPatch, jobs_sent: Callable[[], list[str]]
) -> None:
    def start(*_: Any, **__: Any) -> Any:
        raise CannotStart
        yield

    monkeypatch.setattr(split_service.calls, "split", start)
    task = split(count=2)
    assert task.status == states.RUNNING
    assert jobs_sent() == ["tasks.split"], "that of the submission"


@pytest.mark.django_db(transaction=True)
def test_a_split_ends_soon_after_its_task_was_cancelled(
    hard: kinds.Kind, submit: Callable[..., Task]
) -> None:
    task = submit(kind="HARD", acts={"split": "sleep 60"})
    splitter = threading.Thread(target=_split_apart, args=(task,))
    splitter.start()
    until(lambda: Task.objects.get(pk=task.pk).status == states.RUNNING)
    began = time.monotonic()
    assert cancel_task(task)
    splitter.join()
    assert time.monotonic() - began < 20


def _split_apart(task: Task) -> None:
    try:
        split_task(str(task.pk))
    finally:
        connection.close()


def test_a_kind_that_changed_its_version_fails_clearly(
    submit: Callable[..., Task], monkeypatch: pytest.MonkeyPatch
) -> None:
    task = submit(count=2)
    monkeypatch.setattr(Echo, "version", "2")
    split_task(str(task.pk))
    task.refresh_from_db()
    assert (task.status, task.error_code) == (states.FAILED, "kind_changed")
    assert task.error_message == "ECHO has changed from 1 to 2: submit again."


def test_a_task_whose_input_is_gone_fails_clearly(submit: Callable[..., Task]) -> None:
    task = submit(count=2)
    blobs.drop_input(task.group_id, task.pk)
    split_task(str(task.pk))
    task.refresh_from_db()
    assert (task.status, task.error_code) == (states.FAILED, "input_lost")


def test_a_cancelled_task_is_not_split(submit: Callable[..., Task]) -> None:
    task = submit(count=2)
    Task.objects.filter(pk=task.pk).move(states.QUEUED, states.CANCELLED)
    split_task(str(task.pk))
    assert progress_of(task.group_id, task.pk).now() is None


def test_a_task_closed_in_mid_split_gets_no_more_subtasks(
    submit: Callable[..., Task], monkeypatch: pytest.MonkeyPatch
) -> None:
    task = submit(count=5000)
    real = splitting.push
    calls: list[int] = []

    def push_then_close(group: Any, pk: Any, **rest: Any) -> Any:
        calls.append(rest["first"])
        if len(calls) == 2:
            lifecycle.close(group, pk).now()
        return real(group, pk, **rest)

    monkeypatch.setattr(splitting, "push", push_then_close)
    split_task(str(task.pk))
    assert len(calls) == 2
    assert sweeping.tasks_with_state(task.group_id) == []
