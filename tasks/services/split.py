"""Split a task into subtasks. Workers start on the first batch while the rest is still being split."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import msgspec
import structlog
from django.conf import settings
from django.utils import timezone

from firmlight_client import kinds
from tasks import events, queue, states
from tasks.models import Task
from tasks.services.end import INPUT_LOST, fail_task

log = structlog.get_logger(__name__)


class SplitFailed(Exception):
    """The kind's split broke a rule or raised; the message is for the task's members."""


@dataclass
class Batch:
    first: int
    payloads: list[bytes]
    last: bool


def split_task(task_id: str) -> None:
    """Queue all subtasks that are not queued yet. Run twice, also at once, it queues nothing twice."""
    task = Task.objects.filter(pk=task_id, status__in=[states.QUEUED, states.RUNNING]).first()
    if task is None:
        return
    data = queue.get_input(task.group_id, task.pk)
    if data is None:
        fail_task(task, *INPUT_LOST)
        return
    try:
        _split(task, data)
    except SplitFailed as error:
        fail_task(task, "split_failed", str(error))


def _split(task: Task, data: bytes) -> None:
    kind = _kind_of(task)
    params = msgspec.msgpack.decode(data, type=kind.Params)
    if not _begin(task):
        return
    opened = queue.open_task(
        task.group_id,
        task.pk,
        kind=task.kind_key,
        creator=task.creator_id or "",
        priority=task.priority,
        seconds_max=task.subtask_seconds_max or kind.subtask_seconds_max,
        allow_partial=task.allow_partial,
        order=task.created.timestamp(),
    ).now()
    if not opened.ended:
        _push_all(task, batches(payloads_of(kind, params)), opened.split)


def _begin(task: Task) -> bool:
    """Whether the task runs; False if it was paused or has ended since it was read."""
    row = Task.objects.filter(pk=task.pk)
    moved = row.move(states.QUEUED, states.RUNNING, started=timezone.now())
    return bool(moved) or row.filter(status=states.RUNNING).exists()


def _kind_of(task: Task) -> kinds.Kind:
    try:
        kind = kinds.get(task.kind)
    except kinds.UnknownKind:
        raise SplitFailed(f"The server no longer has the kind {task.kind}: submit again elsewhere.") from None
    if kind.version != task.kind_version:
        raise SplitFailed(f"{task.kind} has changed from {task.kind_version} to {kind.version}: submit again.")
    return kind


def _push_all(task: Task, all_batches: Iterable[Batch], split: int) -> None:
    """Push what lies behind the `split` subtasks that another run has pushed already."""
    for batch in all_batches:
        while split < batch.first + len(batch.payloads):
            payloads = batch.payloads[split - batch.first :]
            pushed = queue.push(task.group_id, task.pk, first=split, payloads=payloads, last=batch.last).now()
            if pushed.gone or (not pushed.taken and pushed.split <= split):  # over, or another run ended it elsewhere
                return
            _announce(task, batch, pushed)
            split = pushed.split


def _announce(task: Task, batch: Batch, pushed: queue.Pushed) -> None:
    """To workers, and to those who watch: it runs, and how much there is to do."""
    if pushed.wake:
        events.tell(events.wake(pushed.wake, task.group_id))
    if batch.first == 0 or batch.last:
        events.announce(task)
    if pushed.complete:
        events.conclude(task.pk)


def payloads_of(kind: kinds.Kind, params: msgspec.Struct) -> Iterator[bytes]:
    """The kind's payloads as MessagePack. Its exceptions become SplitFailed: it may be somebody else's code."""
    encode = msgspec.msgpack.Encoder().encode
    try:
        for payload in kind.split(params):
            yield encode(payload)
    except Exception as error:
        log.exception("split_failed", kind=kind.name)
        raise SplitFailed(f"{kind.name} could not split this input: {type(error).__name__}: {error}") from error


def batches(payloads: Iterable[bytes]) -> Iterator[Batch]:
    """Cut into batches: a first small one, then by count and bytes. The last one says so."""
    index, batch, size = 0, Batch(0, [], False), 0
    most = settings.SPLIT_BATCH_FIRST
    for payload in payloads:
        _check(index, payload)
        if len(batch.payloads) >= most or (size + len(payload) > settings.SPLIT_BATCH_BYTES_MAX and batch.payloads):
            yield batch
            batch, size, most = Batch(index, [], False), 0, settings.SPLIT_BATCH_SUBTASKS_MAX
        batch.payloads.append(payload)
        index, size = index + 1, size + len(payload)
    if index == 0:
        raise SplitFailed("There is nothing to compute in this input.")
    batch.last = True
    yield batch


def _check(index: int, payload: bytes) -> None:
    if index >= settings.TASK_SUBTASKS_MAX:
        raise SplitFailed(f"More than {settings.TASK_SUBTASKS_MAX:,} subtasks.")
    if len(payload) > settings.PAYLOAD_BYTES_MAX:
        raise SplitFailed(f"Subtask {index} has {len(payload):,} bytes; at most {settings.PAYLOAD_BYTES_MAX:,}.")
