"""What beat runs: requeue expired leases, and make database and Redis agree again.

Running it twice, or twice at the same time, is harmless.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from uuid import UUID

import structlog
from django.conf import settings
from django.utils import timezone

from core import databases, metrics, redis
from groups.models import Group
from tasks import blobs, events, states
from tasks.models import Task
from tasks.queue import lifecycle, sweeping
from tasks.queue.progress import Progress, progress_of
from tasks.services import files, pending, room
from tasks.services.control import follow_pause
from tasks.services.finish import INPUT_LOST, close_task, fail_task
from tasks.services.under_way import KindGone, is_quiet, kind_of

log = structlog.get_logger(__name__)


def requeue_expired() -> int:
    """Requeue the expired leases of every group; return how many."""
    return sum(_requeue_group(group) for group in sweeping.groups())


def _requeue_group(group: str) -> int:
    total = 0
    while True:
        reaped = sweeping.reap(group).now()
        total += reaped.leases
        metrics.count("subtasks_requeued", reaped.requeued)
        if reaped.wake:
            events.publish(events.wake(reaped.wake, group))
        for task in reaped.complete:
            events.conclude(task)
        if not reaped.more:
            return total


def fail_overdue() -> None:
    """Fail the tasks whose deadline has passed. One that is being concluded may still succeed."""
    # One whose result is withdrawn had it in time.
    unfinished = Task.objects.filter(status__in=list(states.UNDER_WAY), withdrawn=None)
    _for_each(unfinished.filter(deadline__lte=timezone.now()), _fail_overdue)


def _fail_overdue(task: Task) -> None:
    message = f"It was not finished by its deadline, {task.deadline:%Y-%m-%d %H:%M:%S} UTC."
    fail_task(task, "deadline_passed", message, among=states.UNDER_WAY)


def _for_each(tasks: Iterable[Task], apply: Callable[[Task], None]) -> None:
    """Apply it to each task. An error in one does not stop the rest.

    A lost database or Redis does.
    """
    for task in tasks:
        try:
            apply(task)
        except databases.lost(*redis.LOST):
            raise
        except Exception:
            log.exception("task_not_swept", task=str(task.pk))


def reconcile() -> None:
    """Make Redis agree with the database: advance each live task, and drop what is over."""
    room.release_expired()
    _for_each(Task.objects.filter(status__in=list(states.LIVE)).iterator(), _reconcile_task)
    _for_each(Task.objects.pending().iterator(), pending.ask)
    for group in sweeping.groups():
        _drop_finished(group)


def _reconcile_task(task: Task) -> None:
    held = blobs.keep_input(task.group_id, task.pk)
    if not held and task.status != states.AGGREGATING:
        fail_task(task, *INPUT_LOST)
    elif task.status == states.PAUSED:
        _reconcile_paused(task)
    elif task.status == states.AGGREGATING:
        _reconcile_aggregating(task)
    elif why := _kind_gone(task):
        fail_task(task, why.code, str(why))
    else:
        _reconcile_running(task)


def _kind_gone(task: Task) -> KindGone | None:
    """The reason why no worker will ever take the rest of the task, or None.

    Workers take only kinds that they have in the server's version.
    """
    try:
        kind_of(task)
    except KindGone as gone:
        return gone
    return None


def _reconcile_aggregating(task: Task) -> None:
    quiet = settings.AGGREGATING_SECONDS_MAX
    if is_quiet(task, quiet) and _may_ask(task, quiet):
        attempts = task.conclude_attempts
        is_long = attempts > 0  # the first attempt is quick, the others get more time
        events.conclude(task.pk, attempt=attempts, patient=is_long)


def _reconcile_paused(task: Task) -> None:
    progress = progress_of(task.group_id, task.pk).now()
    if progress and progress.state != "paused":
        follow_pause(task)


def _reconcile_running(task: Task) -> None:
    progress = progress_of(task.group_id, task.pk).now()
    if progress and progress.state == "paused":
        events.publish(events.wake(lifecycle.resume(task.group_id, task.pk).now(), task.group_id))
    if progress and progress.ready:
        events.compare(task.pk)
    is_complete = progress is not None and progress.complete
    if is_complete:
        events.conclude(task.pk)
    if _wants_split(task, progress):
        if _may_ask(task, settings.SPLIT_QUIET_SECONDS_MAX):
            events.split(task.pk)
    elif progress and not is_complete:
        _mend(task)


def _mend(task: Task) -> None:
    """Requeue subtasks that nothing keeps track of: even one would keep its task waiting.

    There should be none, so finding any is logged as an error.
    """
    mended = sweeping.mend(task.group_id, task.pk).now()
    if mended.found:
        log.error("subtasks_found", task=str(task.pk), subtasks=mended.found)
    if mended.wake:
        events.publish(events.wake(mended.wake, task.group_id))


def _wants_split(task: Task, progress: Progress | None) -> bool:
    """Whether payloads are to be made: the first time, or again, to be done anew or checked."""
    if progress and progress.complete:
        return progress.lacking > 0
    return bool(progress and (progress.redo or progress.lacking)) or _split_is_quiet(task, progress)


def _split_is_quiet(task: Task, progress: Progress | None) -> bool:
    """Whether nobody seems to be splitting a task that is not split to its end."""
    quiet = settings.SPLIT_QUIET_SECONDS_MAX
    if progress and (progress.ended or progress.quiet_seconds <= quiet):
        return False
    return is_quiet(task, quiet)


def _may_ask(task: Task, seconds: float) -> bool:
    return sweeping.may_ask(task.group_id, task.pk, seconds)


def _drop_finished(group: str) -> None:
    """Drop what Redis holds of tasks that have ended or have no row."""
    held = sweeping.tasks_with_state(group)
    over = Task.objects.filter(pk__in=held, pending_until=None)
    for task in over.exclude(status__in=list(states.LIVE)):
        close_task(task, task.status)
    rows = Task.objects.filter(pk__in=held).values_list("pk", flat=True)
    for pk in set(held) - {str(row) for row in rows}:
        log.warning("purged_state_without_row", task=pk)
        pairs = lifecycle.close(group, pk).now().held
        events.publish(events.cancel(pairs, "purged"))


def purge() -> None:
    """Forget groups that hold nothing any more, and drop those that no longer exist.

    Then delete the files that no task needs. Everything else expires by itself.
    """
    _purge_groups()
    room.release_forgotten({str(pk) for pk in _with_room()})
    files.purge()


def _with_room() -> Iterable[UUID]:
    """The tasks that need what they have reserved: those that live, and those still checked."""
    live = Task.objects.filter(status__in=list(states.LIVE))
    for rows in (live, Task.objects.pending()):
        yield from rows.order_by().values_list("pk", flat=True).iterator()


def _purge_groups() -> None:
    held = sweeping.groups()
    existing = {str(pk) for pk in Group.objects.filter(pk__in=held).values_list("pk", flat=True)}
    for group in held:
        is_live = Task.objects.filter(group_id=group, status__in=list(states.LIVE)).exists()
        if is_live or sweeping.tasks_with_state(group):
            continue
        if group in existing:
            sweeping.forget_group(group)
        else:
            sweeping.drop_group(group)
