"""A member goes, a group closes, an account is deleted: their tasks are cancelled, and workers stop
serving.

Each function receives one signal, `tasks/apps.py` says which. Workers' connections look at the
database when they are told, so they are told when the rows have gone.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from accounts.models import WARNING, User
from accounts.notifications import notify
from tasks import blobs, events, states
from tasks.models import Task, Worker
from tasks.queue import lifecycle, sweeping
from tasks.services.finish import cancel_task

CANCELLABLE = list(states.UNDER_WAY)


def cancel_tasks_of_member(*, group_id: UUID, user_id: UUID, **_: Any) -> None:
    """On `member_leaving`. A task that is being concluded is left alone: its work is done."""
    for task in Task.objects.filter(group=group_id, creator=user_id, status__in=CANCELLABLE):
        cancel_task(task, among=states.UNDER_WAY)


def dismiss_member(*, group_id: UUID, user_id: UUID, **_: Any) -> None:
    """On `member_left`. His workers stop serving the group; what he submitted while he left is
    cancelled too.
    """
    _recheck([user_id])
    cancel_tasks_of_member(group_id=group_id, user_id=user_id)


def cancel_tasks_of_group(*, group_id: UUID, closed_by: UUID, **_: Any) -> None:
    """On `group_closing`. Results go too; whose tasks were cancelled by another is told, once for
    all of them.
    """
    live = Task.objects.filter(group=group_id, status__in=CANCELLABLE).select_related("group")
    cancelled = [task for task in live if cancel_task(task, among=states.UNDER_WAY)]
    _tell_creators([task for task in cancelled if task.creator_id != closed_by])
    oldest = timezone.now() - timedelta(hours=settings.RESULT_TTL_HOURS)
    succeeded = Task.objects.filter(group=group_id, status=states.SUCCEEDED, finished__gt=oldest)
    for pk in succeeded.values_list("pk", flat=True):
        blobs.drop_result(group_id, pk)


def _tell_creators(tasks: list[Task]) -> None:
    if creators := {task.creator_id for task in tasks if task.creator_id}:
        group = tasks[0].group
        text = f"Your running tasks in the group {group.name} were cancelled: the group has been deleted."
        notify(creators, code="task_cancelled", level=WARNING, text=text, group=group.pk)


def drop_group(*, group_id: UUID, members: Iterable[UUID], **_: Any) -> None:
    """On `group_closed`. Redis forgets what could not be cancelled, and the members' workers stop
    serving.

    The group stays on the sweep's list until the hourly purge finds it empty: a split that was
    under way may put something back.
    """
    for task in sweeping.tasks_with_state(group_id):
        held = lifecycle.close(group_id, task).now()
        events.tell(events.cancel(held, "cancelled"))
    _recheck(members)


def dismiss_user(*, user: User, **_: Any) -> None:
    """On `user_leaving`. The connections of his workers have been told that his tokens have ended.

    What they did stays in the statistics of others' tasks, without his name, and without the
    machine's own.
    """
    for worker in Worker.objects.filter(owner=user.pk):
        Worker.objects.filter(pk=worker.pk).update(
            owner=None, name=f"machine {worker.pk.hex[:8]}", platform=""
        )


def recheck_user(*, user_id: UUID, **_: Any) -> None:
    """On `access_ended`. Connections whose token or session has ended close now."""
    workers = Worker.objects.filter(owner=user_id).order_by().values_list("pk", flat=True)
    events.tell(events.access_changed(user_id, list(workers)))


def show_notifications(*, users: Iterable[UUID], **_: Any) -> None:
    """On `notified`."""
    events.tell(events.notifications_changed(users))


def forget_machines() -> int:
    """Delete the workers of former members of which no statistics speak. Return how many.

    Not at once: a task that they worked for may be running, and is concluded later.
    """
    gone = Worker.objects.filter(
        owner=None, last_seen__lt=timezone.now() - timedelta(hours=settings.INPUT_TTL_HOURS)
    )
    ids = [
        worker.pk
        for worker in gone
        if not worker.contributions.exists() and not worker.failures.exists()
    ]
    return Worker.objects.filter(pk__in=ids).delete()[0]


def _recheck(users: Iterable[UUID]) -> None:
    """Connections of these users look now what they may still do and see."""
    for user in users:
        recheck_user(user_id=user)
