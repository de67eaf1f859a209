"""The page of one task: it translates, services decide."""

from __future__ import annotations

import time
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import resolve_url
from django.views.decorators.http import require_POST, require_safe

from accounts.pages.requests import PageRequest
from core.errors import NotFound
from core.views import Question, go, question, rows, show, signed_in
from groups import selectors as group_selectors
from tasks.models import Task
from tasks.pages import results
from tasks.pages.fragments.task import TaskPanel
from tasks.pages.results.look import look
from tasks.selectors import history, standing, visibility
from tasks.services import control


def visible_task(request: PageRequest, pk: UUID) -> Task:
    """The task if this user may see it. Raises NotFound."""
    found = (
        visibility.tasks_visible_to(request.user)
        .filter(pk=pk)
        .select_related("group", "creator")
        .first()
    )
    if found is None:
        raise NotFound
    return found


@signed_in
@require_safe
def task(request: PageRequest, pk: UUID) -> HttpResponse:
    """Where it stands, who works on it, what happened, and its result."""
    found = visible_task(request, pk)
    membership = group_selectors.membership(request.user, found.group_id)
    facts = {
        "task": found,
        "look": TaskPanel(pk).look(found),
        "result": look(found, results.asked(request.GET)),
        "may_control": control.may_control(request.user, found, membership),
        "may_submit": found.is_final and membership is not None and membership.may_submit,
    }
    return show(request, "tasks/task.html", **facts, now_ms=int(time.time() * 1000))


@signed_in
@require_safe
def events(request: PageRequest, pk: UUID) -> HttpResponse:
    """All that is known to have happened to it."""
    found = visible_task(request, pk)
    return show(request, "tasks/events.html", task=found, page=rows(request, history.events(found)))


@signed_in
@require_POST
def pause(request: PageRequest, pk: UUID) -> HttpResponse:
    control.pause(user=request.user, task=visible_task(request, pk))
    return go(request, "page:task", pk)


@signed_in
@require_POST
def resume(request: PageRequest, pk: UUID) -> HttpResponse:
    control.resume(user=request.user, task=visible_task(request, pk))
    return go(request, "page:task", pk)


@signed_in
def cancel(request: PageRequest, pk: UUID) -> HttpResponse:
    """Asks first: what is computed goes."""
    found = visible_task(request, pk)
    control.check_control(request.user, found)
    if request.method == "POST":
        control.cancel(user=request.user, task=found)
        return go(request, "page:task", pk)
    stands = standing.of_task(found)
    says = f"{stands.done:,} of {stands.total:,} subtasks are done. What is computed goes, the statistics stay."
    asks = Question(
        title="Cancel this task?", says=says, verb="Cancel the task", keep="Keep it running"
    )
    return question(request, asks, leads_back=resolve_url("page:task", pk))
