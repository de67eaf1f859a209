"""The page of one task, and the buttons on it."""

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
from tasks.pages.fragments.task import TaskPage
from tasks.pages.results.card import result_card
from tasks.selectors import history, parts, task_progress, visibility
from tasks.services import control, taking_out


def visible_task(request: PageRequest, pk: UUID) -> Task:
    """The task if this user may see it. Raises NotFound."""
    visible = visibility.tasks_visible_to(request.user).select_related("group", "creator")
    found = visible.filter(pk=pk).first()
    if found is None:
        raise NotFound
    return found


@signed_in
@require_safe
def task(request: PageRequest, pk: UUID) -> HttpResponse:
    """How far the task is, who works on it, what happened, and its result."""
    found = visible_task(request, pk)
    membership = group_selectors.membership(request.user, found.group_id)
    facts = {
        "task": found,
        "page_state": TaskPage(pk).state(found),
        "result": result_card(found, results.asked(request.GET)),
        "may_control": control.may_control(request.user, found, membership),
        "may_take_out": taking_out.may_take_out(found, membership),
        "may_submit": found.is_final and membership is not None and membership.may_submit,
    }
    return show(request, "tasks/task.html", **facts, now_ms=int(time.time() * 1000))


@signed_in
@require_safe
def events(request: PageRequest, pk: UUID) -> HttpResponse:
    """Everything that is known to have happened to the task."""
    found = visible_task(request, pk)
    page = rows(request, history.events(found))
    return show(request, "tasks/events.html", task=found, page=page)


@signed_in
@require_safe
def parts_of(request: PageRequest, pk: UUID) -> HttpResponse:
    """Which result of the task came from whom, and what was taken out."""
    found = visible_task(request, pk)
    page = rows(request, parts.of_task(found))
    return show(request, "tasks/parts.html", task=found, page=page)


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
    """Cancel the task, after a question: what is computed is lost."""
    found = visible_task(request, pk)
    control.check_control(request.user, found)
    if request.method == "POST":
        control.cancel(user=request.user, task=found)
        return go(request, "page:task", pk)
    stands = task_progress.of_task(found)
    done = f"{stands.done:,} of {stands.total:,} subtasks are done."
    asks = Question(
        title="Cancel this task?",
        says=f"{done} What is computed goes, the statistics stay.",
        verb="Cancel the task",
        keep="Keep it running",
    )
    return question(request, asks, leads_back=resolve_url("page:task", pk))
