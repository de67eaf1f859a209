"""A task's result: on a page of its own, opened part by part, and to download."""

from __future__ import annotations

import re
from uuid import UUID

from django.http import HttpResponse, StreamingHttpResponse
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_safe

from accounts.pages.requests import PageRequest
from core.errors import NotFound
from core.views import show, signed_in
from tasks.models import Task
from tasks.pages import results
from tasks.pages.results import crawl, sheet
from tasks.pages.results.look import look
from tasks.pages.task import visible_task
from tasks.services import deliver

NAME_CHARS_MAX = 80
CSV_TYPE = "text/csv; charset=utf-8; header=present"  # RFC 4180


@signed_in
@require_safe
def result(request: PageRequest, pk: UUID) -> HttpResponse:
    """The whole of it, or the part that is asked for; htmx gets what it puts in place."""
    found, ask = visible_task(request, pk), results.asked(request.GET)
    if ask.site is not None:
        return _part(request, found, ask)
    deliver.result_of(found)  # or the reason why there is none
    seen = look(found, ask)
    if request.htmx and seen and seen.shown and seen.shown.template == crawl.TEMPLATE:
        return show(request, "tasks/results/_found.html", task=found, it=seen.shown.it)
    return show(request, "tasks/results/page.html", task=found, result=seen)


def _part(request: PageRequest, task: Task, ask: results.Ask) -> HttpResponse:
    part = results.crawl_part(task.kind, deliver.result_of(task), ask)
    if part is None:
        raise NotFound
    if request.htmx:
        return show(request, "tasks/results/_rows.html", task=task, **part.context)
    return show(request, "tasks/results/part.html", task=task, part=part, **part.context)


@signed_in
@require_safe
def as_json(request: PageRequest, pk: UUID) -> HttpResponse:
    """The result itself, as the kind made it."""
    found = visible_task(request, pk)
    return HttpResponse(
        deliver.result_of(found), content_type="application/json", headers=_headers(found, "json")
    )


@signed_in
@require_safe
def as_csv(request: PageRequest, pk: UUID) -> StreamingHttpResponse:
    """As a table, made while it is sent."""
    found = visible_task(request, pk)
    pieces = sheet.pieces(results.table(found.kind, deliver.result_of(found)))
    return StreamingHttpResponse(pieces, content_type=CSV_TYPE, headers=_headers(found, "csv"))


def _headers(task: Task, suffix: str) -> dict[str, str]:
    """A file name from the title (RFC 6266): nothing in it is a path, a blank or invisible."""
    name = re.sub(r"[^-\w.]+", "_", task.title)[:NAME_CHARS_MAX].strip("._-") or task.kind.lower()
    return {
        "Content-Disposition": content_disposition_header(True, f"{name}.{suffix}") or "attachment"
    }
