"""Pages that list tasks."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet
from django.http import HttpResponse
from django.utils.functional import SimpleLazyObject
from django.views.decorators.http import require_safe

from accounts.pages.requests import PageRequest
from core import databases
from core.views import rows, show, signed_in
from firmlight_client import kinds
from groups.selectors import membership_or_not_found
from tasks import states
from tasks.filters import TaskFilter
from tasks.models import Task
from tasks.pages.fragments.group import GroupPage
from tasks.pages.fragments.rows import task_rows
from tasks.selectors import visibility

FILTERS = ("search", "status", "kind", "member")


@signed_in
@require_safe
def group(request: PageRequest, pk: UUID) -> HttpResponse:
    """A group: its tasks, newest first, its workers, and what they have computed."""
    membership = membership_or_not_found(request.user, pk)
    facts = _tasks(request, visibility.tasks_of(pk))
    # Lazy, because most of the lists that htmx asks for show nothing of it.
    page_state = SimpleLazyObject(GroupPage(pk).state)
    facts |= {
        "membership": membership,
        "page_state": page_state,
        "nothing": "tasks/_none_in_group.html",
    }
    if request.htmx:
        return show(request, "tasks/_list.html", **facts)
    return show(request, "tasks/group.html", **facts, members=visibility.members_named(pk))


@signed_in
@require_safe
def mine(request: PageRequest) -> HttpResponse:
    """The tasks that this user has submitted to any group."""
    facts = _tasks(request, visibility.task_list_of(request.user).filter(creator=request.user))
    facts |= {"nothing": "tasks/_none_of_mine.html"}
    if request.htmx:
        return show(request, "tasks/_list.html", **facts)
    watched = {str(task.group_id) for task in facts["page"] if not task.is_final}
    groups = sorted(watched)[: settings.LIVE_SUBSCRIPTIONS_MAX]
    return show(request, "tasks/mine.html", **facts, groups=" ".join(groups))


def _tasks(request: PageRequest, tasks: QuerySet[Task]) -> dict[str, Any]:
    """The tasks that match the filters, and what the filters offer."""
    page = rows(request, TaskFilter(request.GET, databases.related(tasks, "group")).qs)
    return {
        "page": page,
        "tasks": task_rows(list(page)),
        "filtered": any(request.GET.get(name) for name in FILTERS),
        "statuses": states.STATES,
        "kinds": sorted(kinds.listed()),
    }
