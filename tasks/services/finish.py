"""End a task: with an error, or because somebody does not want it any more.

`conclude` ends the tasks that have a result; what all endings share is here.
"""

from __future__ import annotations

from collections.abc import Collection

from accounts.models import ERROR
from accounts.notifications import notify
from core import metrics
from tasks import blobs, events, file_store, states
from tasks.models import Task
from tasks.queue import lifecycle
from tasks.queue.progress import progress_of
from tasks.services import files, room
from tasks.services.record import record_work

INPUT_LOST = ("input_lost", "The input is no longer held: submit again.")


def close_task(task: Task, reason: str) -> None:
    """Announce that a task is over, drop what Redis holds of it, and stop its workers.

    The input of a failed task is set aside for a while: a moderator may submit it again.
    """
    events.announce(task, final=True)
    if reason == states.FAILED:
        _keep_input(task)
    elif reason == states.CANCELLED:
        files.drop_input(task.pk)
    room.keep(task)
    closed = lifecycle.close(task.group_id, task.pk).now()
    metrics.count("checks_settled", closed.checks, "unanswered")
    if closed.held:
        events.publish(events.cancel(closed.held, reason))


def _keep_input(task: Task) -> None:
    """Set the input of a failed task aside, in a file if it is too large for Redis."""
    blobs.keep_failed_input(task.group_id, task.pk)
    data = blobs.large_failed_input(task.group_id, task.pk)
    if data is None:
        return
    file = file_store.new_name(file_store.INPUTS, data)
    files.note(task, file, len(data))
    try:
        moved = blobs.move_failed_input(task.group_id, task.pk, data, file)
    except file_store.FilesUnavailable:  # it stays where it is, and its room stays reserved
        files.forget(file)
        return
    if not moved:
        files.drop_file(file)


def fail_task(task: Task, code: str, message: str, *, among: Collection[str] = states.LIVE) -> bool:
    """End a live task with an error, and notify its creator.

    False if it is in none of the states `among` any more.
    """
    ended = _end(task, states.FAILED, {"error_code": code, "error_message": message[:2000]}, among)
    if ended:
        tell_creator(task, "task_failed", ERROR, f"{task.title} failed. {message}")
    return ended


def tell_creator(task: Task, code: str, level: str, text: str) -> None:
    """Notify the creator, unless they have left."""
    if task.creator_id:
        notify(
            [task.creator_id], code=code, level=level, text=text, group=task.group_id, task=task.pk
        )


def cancel_task(task: Task, *, among: Collection[str] = states.LIVE) -> bool:
    """End a live task because nobody wants it. A task that is being concluded gives no result.

    False if it is in none of the states `among` any more.
    """
    return _end(task, states.CANCELLED, {}, among)


def _end(task: Task, finish: str, changes: dict[str, object], among: Collection[str]) -> bool:
    progress = progress_of(task.group_id, task.pk).now()
    if progress:
        changes |= {"subtasks": progress.split, "done": progress.done, "failed": progress.failed}
        # Before the end is announced: whoever sees the end sees the work too.
        record_work(task, progress.work, progress.done)
    starts = [start for start in states.starts_of(finish) if start in among]
    moved = Task.objects.filter(pk=task.pk).move_from(starts, finish, **changes) == 1
    if moved:
        metrics.count("tasks_ended", 1, finish)
        close_task(task, finish)
    return moved
