"""The tasks and workers that a user may see."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet

from accounts.models import User
from core import databases
from groups.selectors import group_ids_of
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


def members_named(group: UUID) -> list[str]:
    """The names of members to choose from, by name; of a large group the first MEMBERS_NAMED_MAX."""
    members = User.objects.filter(memberships__group=group).order_by("username")
    return list(members.values_list("username", flat=True)[:MEMBERS_NAMED_MAX])


def workers_visible_to(user: User) -> QuerySet[Worker]:
    """A user's own workers; all workers for those who moderate the site."""
    moderates = user.is_staff and user.has_perm("tasks.change_worker")
    return Worker.objects.all() if moderates else Worker.objects.filter(owner=user)
