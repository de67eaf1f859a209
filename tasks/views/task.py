"""The page of one task: it translates, services decide."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse
from django.views.decorators.http import require_safe

from firmlight.errors import NotFound
from firmlight.web import PageRequest, show, signed_in
from tasks import selectors


@signed_in
@require_safe
def task(request: PageRequest, pk: UUID) -> HttpResponse:
    """Where it stands, who works on it, what happened, and its result."""
    found = selectors.tasks_visible_to(request.user).filter(pk=pk).select_related("group", "creator").first()
    if found is None:
        raise NotFound
    return show(request, "tasks/task.html", task=found)
