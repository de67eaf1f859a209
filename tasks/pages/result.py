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
from tasks.pages.results.card import result_card
from tasks.pages.task import visible_task
from tasks.services import deliver

NAME_CHARS_MAX = 80
CSV_TYPE = "text/csv; charset=utf-8; header=present"  # RFC 4180


@signed_in
@require_safe
def result(request: PageRequest, pk: UUID) -> HttpResponse:
    """The whole result or the part that is asked for; htmx gets only what it replaces."""
    found = visible_task(request, pk)
    ask = results.asked(request.GET)
    if ask.site is not None:
        return _part(request, found, ask)
    deliver.result_of(found)  # raises the reason if there is none
    card = result_card(found, ask)
    if request.htmx and card and card.shown and card.shown.template == crawl.TEMPLATE:
        return show(request, "tasks/results/_found.html", task=found, it=card.shown.it)
    return show(request, "tasks/results/page.html", task=found, result=card)


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
    """The result as a table, made while it is sent."""
    found = visible_task(request, pk)
    pieces = sheet.pieces(results.table(found.kind, deliver.result_of(found)))
    return StreamingHttpResponse(pieces, content_type=CSV_TYPE, headers=_headers(found, "csv"))


def _headers(task: Task, suffix: str) -> dict[str, str]:
    """Headers with a file name made of the title (RFC 6266), without blanks and slashes."""
    name = re.sub(r"[^-\w.]+", "_", task.title)[:NAME_CHARS_MAX].strip("._-") or task.kind.lower()
    return {
        "Content-Disposition": content_disposition_header(True, f"{name}.{suffix}") or "attachment",
        **deliver.headers_of(task),
    }
