"""Pages of tasks: they translate, services decide."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse
from django.views.decorators.http import require_safe

from firmlight.web import PageRequest, rows, show, signed_in
from groups.selectors import membership_or_not_found
from tasks import presence, selectors, states
from tasks.api import TaskFilter


@signed_in
@require_safe
def group(request: PageRequest, pk: UUID) -> HttpResponse:
    """A group: its tasks, newest first, and the workers that are here."""
    membership = membership_or_not_found(request.user, pk)
    tasks = TaskFilter(request.GET, selectors.tasks_visible_to(request.user).filter(group=pk)).qs
    facts = {"membership": membership, "page": rows(request, tasks), "statuses": states.STATES}
    if request.htmx:
        return show(request, "tasks/_list.html", **facts)
    workers = presence.workers_here(pk)
    slots = sum(one.worker.slots for one in workers)
    return show(request, "tasks/group.html", **facts, workers=workers, slots=slots)
