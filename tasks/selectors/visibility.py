"""The tasks and workers that a user may see, and those that are looked up by id."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from django.db.models import Q, QuerySet

from accounts.models import User
from core import databases
from groups.selectors import group_ids_of
from tasks import states
from tasks.models import Task, Worker

MEMBERS_NAMED_MAX = 100


def tasks_visible_to(user: User) -> QuerySet[Task]:
    """Every task of the groups this user is in, with its creator: to look one up, in one query."""
    return Task.objects.filter(group__memberships__user=user).select_related("creator")


def task_list_of(user: User) -> QuerySet[Task]:
    """Every task of the groups this user is in, with its creator: to list them, in two queries.

    Over a join a database misjudges how many rows there will be, and reads them all.
    """
    return databases.related(Task.objects.filter(group__in=group_ids_of(user.pk)), "creator")


def tasks_of(group: UUID) -> QuerySet[Task]:
    """Every task of the group, with its creator. The caller checks who may see them."""
    return databases.related(Task.objects.filter(group=group), "creator")


def task(task_id: UUID) -> Task | None:
    """This task with its creator; None if it is gone. The caller checks who may see it."""
    return Task.objects.filter(pk=task_id).select_related("creator").first()


def tasks_in_motion(group: UUID, since: datetime, also: Collection[UUID], most: int) -> list[Task]:
    """The group's tasks that live, those that changed `since`, and these ones; `most` of them.

    With their groups and creators. The caller checks who may see them.
    """
    wanted = Q(status__in=states.LIVE) | Q(changed__gte=since) | Q(pk__in=also)
    found = Task.objects.filter(wanted, group=group)
    return list(found.select_related("group", "creator")[:most])


def members_named(group: UUID) -> list[str]:
    """The names of members to choose from, in order; at most MEMBERS_NAMED_MAX."""
    members = User.objects.filter(memberships__group=group).order_by("username")
    return list(members.values_list("username", flat=True)[:MEMBERS_NAMED_MAX])


def workers_visible_to(user: User) -> QuerySet[Worker]:
    """A user's own workers; all workers for those who moderate the site."""
    moderates = user.is_staff and user.has_perm("tasks.change_worker")
    return Worker.objects.all() if moderates else Worker.objects.filter(owner=user)


def own_worker(user: User, worker_id: UUID) -> Worker | None:
    """This worker, if it is the user's own."""
    return Worker.objects.filter(pk=worker_id, owner=user).first()


def workers_by_id(ids: Collection[str]) -> dict[str, Worker]:
    """Those of these workers that still exist, with their owners; no query for none."""
    if not ids:
        return {}
    rows = Worker.objects.filter(pk__in=list(ids)).select_related("owner")
    return {str(row.pk): row for row in rows}
