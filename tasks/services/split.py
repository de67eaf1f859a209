"""Split a task into subtasks. Workers start on the first batch while the rest is being split."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import closing
from functools import partial

import structlog
from django.conf import settings
from django.utils import timezone

from core.errors import Busy
from firmlight_client import kinds
from tasks import blobs, events, states
from tasks.kind_processes import calls
from tasks.kind_processes.outcomes import (
    CannotStart,
    KindChanged,
    KindRaised,
    KindStopped,
    NotWanted,
    RuleViolated,
)
from tasks.kind_processes.splitting import Batch
from tasks.models import Task
from tasks.queue import checks, parts, splitting
from tasks.queue.answers import Opened, Pushed
from tasks.queue.progress import progress_of
from tasks.services.finish import INPUT_LOST, fail_task
from tasks.services.room import Reservation
from tasks.services.under_way import KindGone, StillWanted, kind_of, recomputation

log = structlog.get_logger(__name__)


class SplitFailed(Exception):
    """There will be no subtasks; `code` and the message are for the task's members."""

    def __init__(self, message: str, code: str = "split_failed") -> None:
        super().__init__(message)
        self.code = code


def split_task(task_id: str) -> None:
    """Queue all subtasks that are not queued yet. Two runs, even concurrent ones, queue each once.

    Those of a split that has ended are the ones whose results were taken out, and those that are to
    be checked and were done before that was known.

    The task fails if its input is gone, or if its kind cannot split it.
    """
    task = Task.objects.filter(pk=task_id, status__in=[states.QUEUED, states.RUNNING]).first()
    if task is None:
        return
    data = blobs.get_input(task.group_id, task.pk)
    if data is None:
        fail_task(task, *INPUT_LOST)
        return
    try:
        _split(task, kind_of(task), data)
    except (SplitFailed, KindGone) as error:
        fail_task(task, error.code, str(error))


def _split(task: Task, kind: kinds.Kind, data: bytes) -> None:
    take = _taker(task, kind)
    if take is None:
        return
    try:
        with closing(calls.split(kind, data, wanted=StillWanted(task, states.RUNNING))) as batches:
            take(batches)
    except NotWanted:
        log.info("split_not_wanted", task=str(task.pk))
    except CannotStart as error:
        # It fails within moments, so asking for it here would be a busy loop: the sweep asks later.
        log.warning("split_later", task=str(task.pk), reason=str(error))
    except Busy:
        events.split(task.pk, patient=True)
    except KindStopped as error:
        _give_up_or_try_again(task, error)
    except KindChanged:
        message = f"{kind.name} has been changed on this server: submit again."
        raise SplitFailed(message, "kind_changed") from None
    except RuleViolated as error:
        raise SplitFailed(str(error)) from None
    except (KindRaised, kinds.ParamsError) as error:
        name = error.name if isinstance(error, KindRaised) else type(error).__name__
        raise SplitFailed(f"{kind.name} could not split this input: {name}: {error}") from None


def _taker(task: Task, kind: kinds.Kind) -> Callable[[Iterable[Batch]], None] | None:
    """What takes the batches of this split; None if nothing is to be split."""
    if not _begin(task):
        return None
    opened = _open(task, kind)
    if not opened.ended:
        return partial(_push_all, task, split=opened.split)
    redo = parts.to_redo(task.group_id, task.pk)
    lacking = checks.lacking_payloads(task.group_id, task.pk)
    return partial(_restore, task, redo=redo, lacking=lacking) if redo or lacking else None


def _begin(task: Task) -> bool:
    """Whether the task runs; False if it was paused or has ended since it was read."""
    row = Task.objects.filter(pk=task.pk)
    moved = row.move(states.QUEUED, states.RUNNING, started=timezone.now())
    return bool(moved) or row.filter(status=states.RUNNING).exists()


def _open(task: Task, kind: kinds.Kind) -> Opened:
    """Make the task's place in the queue, or find how far another run has split it."""
    opened = splitting.open_task(
        task.group_id,
        task.pk,
        kind=task.kind_key,
        creator=task.creator_id or "",
        priority=task.priority,
        seconds_max=task.subtask_seconds_max or kind.subtask_seconds_max,
        allow_partial=task.allow_partial,
        order=task.created.timestamp(),
        verify=recomputation(task, kind),
    )
    return opened.now()


def _push_all(task: Task, all_batches: Iterable[Batch], split: int) -> None:
    """Push the batches behind the first `split` subtasks, which another run has pushed already.

    If there is no room for one, it stops, and the sweep asks for the rest later.
    """
    progress = progress_of(task.group_id, task.pk).now() if split else None
    reservation = Reservation(task, progress)
    for batch in all_batches:
        end = batch.first + len(batch.payloads)
        while split < end:
            payloads = batch.payloads[split - batch.first :]
            if not reservation.take(payloads):
                log.warning("split_waits_for_room", task=str(task.pk), split=split)
                return
            pushed = splitting.push(
                task.group_id, task.pk, first=split, payloads=payloads, last=batch.last
            ).now()
            ended_elsewhere = not pushed.taken and pushed.split <= split
            if pushed.gone or ended_elsewhere:
                return
            reservation.spend(last=batch.last)
            _announce(task, batch, pushed)
            split = pushed.split


def _restore(
    task: Task, all_batches: Iterable[Batch], redo: set[int], lacking: dict[int, set[int]]
) -> None:
    """Put payloads back: a split gives the same again.

    Those in `redo`, whose results were taken out, wait again. Those in `lacking`, by the numbers of
    parts, are kept for checks. If there is no room for them, the sweep asks for them later.
    """
    reservation = Reservation(task, progress_of(task.group_id, task.pk).now())
    for batch in all_batches:
        payloads = dict(enumerate(batch.payloads, batch.first))
        wanted = redo.union(*lacking.values())
        if not reservation.take_again([payloads[subtask] for subtask in payloads.keys() & wanted]):
            log.warning("payloads_wait_for_room", task=str(task.pk))
            break
        _redo(task, payloads, redo)
        _keep(task, payloads, lacking)
        if not redo and not lacking:
            break
    events.announce(task)


def _redo(task: Task, payloads: dict[int, bytes], redo: set[int]) -> None:
    """Let those of `redo` that are here wait again, and take them out of it."""
    found = {subtask: payloads[subtask] for subtask in payloads.keys() & redo}
    if found:
        ordered = dict(sorted(found.items()))
        conns = parts.restore(task.group_id, task.pk, ordered).now()
        events.publish(events.wake(conns, task.group_id))
        redo.difference_update(found)


def _keep(task: Task, payloads: dict[int, bytes], lacking: dict[int, set[int]]) -> None:
    """Keep for checks what is here, and take it out of `lacking`."""
    pieces: list[checks.Piece] = []
    for number, subtasks in list(lacking.items()):
        found = {subtask: payloads[subtask] for subtask in subtasks & payloads.keys()}
        subtasks.difference_update(found)
        if found:
            pieces.append((number, found, not subtasks))
        if not subtasks:
            del lacking[number]
    if pieces:
        conns = checks.keep_payloads(task.group_id, task.pk, pieces).now()
        events.publish(events.wake(conns, task.group_id))


def _announce(task: Task, batch: Batch, pushed: Pushed) -> None:
    """Wake workers, and notify those who watch that it runs and how much there is to do."""
    if pushed.wake:
        events.publish(events.wake(pushed.wake, task.group_id))
    if batch.first == 0 or batch.last:
        events.announce(task)
    if pushed.complete:
        events.conclude(task.pk)


def _give_up_or_try_again(task: Task, error: KindStopped) -> None:
    """Ask for another attempt if it may go better, or raise SplitFailed.

    It may if the machine was busy or the system ended the process.
    """
    attempts = task.split_attempts + 1
    row = Task.objects.filter(pk=task.pk, split_attempts=task.split_attempts)
    row.update(split_attempts=attempts)
    if error.lasting or attempts >= settings.SPLIT_ATTEMPTS_MAX:
        advice = "Submit less at a time, or the same in a simpler form."
        raise SplitFailed(f"This input could not be split: {error}. {advice}", "input_too_hard")
    log.warning("split_again", task=str(task.pk), attempts=attempts, reason=str(error))
    events.split(task.pk, patient=True)
