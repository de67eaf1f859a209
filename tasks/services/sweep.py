"""What beat runs: requeue what is overdue, and make database and Redis agree again. Harmless when
run twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import structlog
from django.conf import settings
from django.utils import timezone

from core import databases, metrics, redis
from groups.models import Group
from tasks import blobs, events, states
from tasks.models import Task
from tasks.queue import lifecycle, sweeping
from tasks.queue.progress import Progress, progress_of
from tasks.services.control import follow_pause
from tasks.services.finish import INPUT_LOST, close_task, fail_task
from tasks.services.under_way import KindGone, is_quiet, kind_of

log = structlog.get_logger(__name__)


def requeue_expired() -> int:
    """Requeue the expired leases of every group; returns how many."""
    return sum(_requeue_group(group) for group in sweeping.groups())


def _requeue_group(group: str) -> int:
    total = 0
    while True:
        reaped = sweeping.reap(group).now()
        total += reaped.leases
        metrics.count("subtasks_requeued", reaped.requeued)
        if reaped.wake:
            events.tell(events.wake(reaped.wake, group))
        for task in reaped.complete:
            events.conclude(task)
        if not reaped.more:
            return total


def fail_overdue() -> None:
    """End the tasks whose deadline has passed. What is being concluded may still succeed."""
    unfinished = Task.objects.filter(status__in=list(states.UNDER_WAY))
    _for_each(unfinished.filter(deadline__lte=timezone.now()), _fail_overdue)


def _fail_overdue(task: Task) -> None:
    message = f"It was not finished by its deadline, {task.deadline:%Y-%m-%d %H:%M:%S} UTC."
    fail_task(task, "deadline_passed", message, among=states.UNDER_WAY)


def _for_each(tasks: Iterable[Task], apply: Callable[[Task], None]) -> None:
    """What goes wrong with one task holds up no other; a database or Redis that is away does."""
    for task in tasks:
        try:
            apply(task)
        except databases.lost(*redis.LOST):
            raise
        except Exception:
            log.exception("task_not_swept", task=str(task.pk))


def reconcile() -> None:
    """From the database's status: what should happen to each live task, and what Redis need not
    hold.
    """
    _for_each(Task.objects.filter(status__in=list(states.LIVE)).iterator(), _reconcile_task)
    for group in sweeping.groups():
        _drop_finished(group)


def _reconcile_task(task: Task) -> None:
    held = blobs.keep_input(task.group_id, task.pk)
    if not held and task.status != states.AGGREGATING:
        fail_task(task, *INPUT_LOST)
    elif task.status == states.PAUSED:
        _reconcile_paused(task)
    elif task.status == states.AGGREGATING:
        quiet = settings.AGGREGATING_SECONDS_MAX
        if is_quiet(task, quiet) and _may_ask(task, quiet):
            attempts = task.conclude_attempts  # after the first one they are long jobs
            events.conclude(task.pk, attempt=attempts, patient=attempts > 0)
    elif why := _kind_gone(task):
        fail_task(task, why.code, str(why))
    else:
        _reconcile_running(task)


def _kind_gone(task: Task) -> KindGone | None:
    """Why no worker will ever take the rest of it, if that is so.

    They work for the server with the kinds that they have in its versions.
    """
    try:
        kind_of(task)
    except KindGone as gone:
        return gone
    return None


def _reconcile_paused(task: Task) -> None:
    progress = progress_of(task.group_id, task.pk).now()
    if progress and progress.state != "paused":
        follow_pause(task)


def _reconcile_running(task: Task) -> None:
    progress = progress_of(task.group_id, task.pk).now()
    if progress and progress.state == "paused":
        events.tell(events.wake(lifecycle.resume(task.group_id, task.pk).now(), task.group_id))
    if progress and progress.complete:
        events.conclude(task.pk)
    elif _split_is_quiet(task, progress) and _may_ask(task, settings.SPLIT_QUIET_SECONDS_MAX):
        events.split(task.pk)
    elif progress:
        _mend(task)


def _mend(task: Task) -> None:
    """Nothing should ever be found. What is would keep its task waiting for ever."""
    mended = sweeping.mend(task.group_id, task.pk).now()
    if mended.found:
        log.error("subtasks_found", task=str(task.pk), subtasks=mended.found)
    if mended.wake:
        events.tell(events.wake(mended.wake, task.group_id))


def _split_is_quiet(task: Task, progress: Progress | None) -> bool:
    """Whether nobody seems to be splitting a task that is not split to its end."""
    quiet = settings.SPLIT_QUIET_SECONDS_MAX
    if progress and (progress.ended or progress.quiet_seconds <= quiet):
        return False
    return is_quiet(task, quiet)


def _may_ask(task: Task, seconds: float) -> bool:
    return sweeping.may_ask(task.group_id, task.pk, seconds)


def _drop_finished(group: str) -> None:
    """Redis follows: state of a task that has ended, or that has no row, goes."""
    held = sweeping.tasks_with_state(group)
    live = {
        str(pk)
        for pk in Task.objects.filter(pk__in=held, status__in=list(states.LIVE)).values_list(
            "pk", flat=True
        )
    }
    for task in Task.objects.filter(pk__in=held).exclude(pk__in=live):
        close_task(task, task.status)
    rowless = (
        set(held)
        - live
        - {str(pk) for pk in Task.objects.filter(pk__in=held).values_list("pk", flat=True)}
    )
    for pk in rowless:
        log.warning("purged_state_without_row", task=pk)
        pairs = lifecycle.close(group, pk).now()
        events.tell(events.cancel(pairs, "purged"))


def purge() -> None:
    """Forget groups that hold nothing any more, and all about those that are no more. The rest
    expires by itself.
    """
    held = sweeping.groups()
    there = {str(pk) for pk in Group.objects.filter(pk__in=held).values_list("pk", flat=True)}
    for group in held:
        live = Task.objects.filter(group_id=group, status__in=list(states.LIVE)).exists()
        if live or sweeping.tasks_with_state(group):
            continue
        if group in there:
            sweeping.forget_group(group)
        else:
            sweeping.drop_group(group)
