"""What becomes of tasks and workers when a member leaves, a group closes or an account is deleted.

Tasks are cancelled, and workers stop serving the group. Each function receives one signal;
`tasks/apps.py` says which. The connections of workers look at the database when they are notified,
so they are notified after the rows have gone.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from accounts.models import WARNING, User
from accounts.notifications import notify
from tasks import blobs, events, states
from tasks.models import Contribution, Standing, SubtaskFailure, Task, Worker
from tasks.queue import lifecycle, membership, sweeping
from tasks.services import files, pending, room
from tasks.services.finish import cancel_task

CANCELLABLE = list(states.UNDER_WAY)


def cancel_tasks_of_member(*, group_id: UUID, user_id: UUID, **_: Any) -> None:
    """On `member_leaving`. A task that is being concluded goes on, because its work is done.

    Nobody computes for a result that is delivered any more: its checks end.
    """
    for task in Task.objects.filter(group=group_id, creator=user_id).pending():
        pending.give_up(task)
    for task in Task.objects.filter(group=group_id, creator=user_id, status__in=CANCELLABLE):
        cancel_task(task, among=states.UNDER_WAY)


def dismiss_member(*, group_id: UUID, user_id: UUID, **_: Any) -> None:
    """On `member_left`. Their workers stop serving the group.

    What they hold goes to others, and no result of theirs counts from now on, even if their
    connections are not told. What they submitted while they were leaving is cancelled too.
    """
    revoked = membership.dismiss(group_id, user_id)
    events.publish(events.cancel(revoked.held, "not_a_member"))
    events.publish(events.wake(revoked.wake, group_id))
    _recheck([user_id])
    cancel_tasks_of_member(group_id=group_id, user_id=user_id)


def readmit_member(*, group_id: UUID, user_id: UUID, **_: Any) -> None:
    """On `member_joined`. Their workers serve the group, even just after they had left it."""
    membership.readmit(group_id, user_id)


def cancel_tasks_of_group(*, group_id: UUID, closed_by: UUID, **_: Any) -> None:
    """On `group_closing`. Cancel tasks and drop what is kept of ended ones.

    Members whose tasks somebody else cancels get one notification for all of them.
    """
    live = Task.objects.filter(group=group_id, status__in=CANCELLABLE).select_related("group")
    cancelled = [task for task in live if cancel_task(task, among=states.UNDER_WAY)]
    _notify_creators([task for task in cancelled if task.creator_id != closed_by])
    _drop_kept(group_id)


def _drop_kept(group_id: UUID) -> None:
    """Drop results and the inputs of failed tasks, and release their room."""
    hours = max(settings.RESULT_TTL_HOURS, settings.FAILED_INPUT_HOURS)
    oldest = timezone.now() - timedelta(hours=hours)
    keeping = [states.SUCCEEDED, states.FAILED]
    ended = Task.objects.filter(group=group_id, status__in=keeping, finished__gt=oldest)
    ids = list(ended.order_by().values_list("pk", flat=True))
    for pk in ids:
        blobs.drop_kept(group_id, pk)
    room.release(ids)
    files.drop_of_group(group_id)


def _notify_creators(tasks: list[Task]) -> None:
    """Notify the creators of these cancelled tasks, which are all of one group."""
    if creators := {task.creator_id for task in tasks if task.creator_id}:
        group = tasks[0].group
        what = f"Your running tasks in the group {group.name} were cancelled"
        text = f"{what}: the group has been deleted."
        notify(creators, code="task_cancelled", level=WARNING, text=text, group=group.pk)


def drop_group(*, group_id: UUID, members: Iterable[UUID], **_: Any) -> None:
    """On `group_closed`. Drop what could not be cancelled; the members' workers stop serving.

    The group stays on the sweep's list until the hourly purge finds it empty: a split that was
    still running may put something back.
    """
    Standing.objects.filter(group=group_id).delete()  # made meanwhile, on MongoDB
    for task in sweeping.tasks_with_state(group_id):
        held = lifecycle.close(group_id, task).now().held
        events.publish(events.cancel(held, "cancelled"))
    _recheck(members)


def dismiss_user(*, user: User, **_: Any) -> None:
    """On `user_leaving`. Their workers lose owner and name, so that nothing personal stays.

    What the workers did stays in the statistics of other people's tasks. Their connections have
    been notified already that the user's tokens are no longer valid.
    """
    for worker in Worker.objects.filter(owner=user.pk):
        Worker.objects.filter(pk=worker.pk).update(
            owner=None, name=f"machine {worker.pk.hex[:8]}", platform=""
        )


def recheck_user(*, user_id: UUID, **_: Any) -> None:
    """On `access_ended`. Close the connections whose token or session has ended."""
    workers = Worker.objects.filter(owner=user_id).order_by().values_list("pk", flat=True)
    events.publish(events.access_changed(user_id, list(workers)))


def show_notifications(*, users: Iterable[UUID], **_: Any) -> None:
    """On `notified`. Open pages of these users show the new notifications."""
    events.publish(events.notifications_changed(users))


def forget_machines() -> int:
    """Delete workers that are gone and appear in no statistics; return how many.

    These are workers of former members, and those not seen for WORKER_UNSEEN_DAYS: names of
    machines change. Only after a while: a task that they worked for may still be running, and its
    statistics are written when it is concluded. What a moderator or the server suspended stays.
    """
    now = timezone.now()
    former = Worker.objects.filter(
        owner=None, last_seen__lt=now - timedelta(hours=settings.INPUT_TTL_HOURS)
    )
    unseen = Worker.objects.filter(
        owner__isnull=False,
        suspended=None,
        blocked=False,
        last_seen__lt=now - timedelta(days=settings.WORKER_UNSEEN_DAYS),
    )
    return _forget(former) + _forget(unseen)


def _forget(rows: QuerySet[Worker]) -> int:
    """Delete those of these workers that appear in no statistics, some at a time."""
    ends, deleted = time.monotonic() + settings.PURGE_SECONDS_MAX, 0
    ids = list(rows.order_by().values_list("pk", flat=True))
    for start in range(0, len(ids), settings.PURGE_ROWS_MAX):
        if time.monotonic() > ends:
            break
        some = ids[start : start + settings.PURGE_ROWS_MAX]
        shown = {*_workers_in(Contribution, some), *_workers_in(SubtaskFailure, some)}
        gone = [pk for pk in some if pk not in shown]
        deleted += rows.filter(pk__in=gone).delete()[0]
    return deleted


def _workers_in(model: type[Contribution | SubtaskFailure], ids: list[UUID]) -> Iterable[UUID]:
    found = model._default_manager.filter(worker__in=ids).order_by()
    return found.values_list("worker", flat=True).distinct()


def _recheck(users: Iterable[UUID]) -> None:
    """Let the connections of these users check now what they may still do and see."""
    for user in users:
        recheck_user(user_id=user)
