"""The ids that a line of the log belongs to: request, connection, worker and task.

A request's id is made here, or taken from X-Request-ID if a proxy has made one. structlog binds it
to all lines that the request logs. Celery jobs carry it on in a header, and so do the jobs that
they send.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any
from uuid import uuid4

import structlog
from celery.signals import before_task_publish, task_postrun, task_prerun
from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from structlog.contextvars import (
    bind_contextvars,
    bound_contextvars,
    clear_contextvars,
    get_contextvars,
)

from core import metrics

CARRIED = ("request_id", "connection", "worker", "task")  # from the sender of a job to the job
SANE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{7,63}")  # safe in logs, headers and messages
HEADER = "firmlight"  # of a job's message
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
log = structlog.get_logger(__name__)


def id_from(text: str | None) -> str:
    """The id that a proxy made, if it is sane; otherwise a new one."""
    if text and SANE.fullmatch(text):
        return text
    return uuid4().hex


class RequestContext:
    """Middleware: puts the request's id on every line and into the answer, and takes the time."""

    def __init__(self, answer: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.answer = answer

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        request_id, began = id_from(request.headers.get("X-Request-ID")), time.monotonic()
        with bound_contextvars(request_id=request_id):
            response = self.answer(request)
            _record(request, response.status_code, time.monotonic() - began)
        response["X-Request-ID"] = request_id
        return response


def _record(request: HttpRequest, status: int, seconds: float) -> None:
    method = request.method if request.method in METHODS else "other"
    metrics.observe("http_seconds", seconds, str(method), f"{status // 100}xx")
    if settings.LOG_REQUESTS:
        log.info(
            "request", method=method, path=request.path, status=status, ms=round(seconds * 1000, 1)
        )


def connection(scope: dict[str, Any]) -> AbstractContextManager[Any]:
    """Bind the id of a socket to all that is logged for it; the proxy may have made the id."""
    headers = {name.lower(): value.decode("latin-1") for name, value in scope.get("headers", ())}
    return bound_contextvars(connection=id_from(headers.get(b"x-request-id")))


@before_task_publish.connect
def _send_ids_with_job(headers: dict[str, Any], **_: Any) -> None:
    known = get_contextvars()
    headers[HEADER] = {name: str(known[name]) for name in CARRIED if name in known}


@task_prerun.connect
def _bind_ids_of_job(task_id: str, task: Any, args: Any = (), **_: Any) -> None:
    """Bind the ids from the job's header, and the task that the job is about."""
    carried = getattr(task.request, HEADER, None) or {}
    bind_contextvars(**{name: str(carried[name]) for name in CARRIED if name in carried})
    if args and task.name.startswith("tasks."):  # their first argument is the id of a task
        bind_contextvars(task=str(args[0]))
    bind_contextvars(job=task.name, job_id=task_id)
    if settings.LOG_REQUESTS:
        log.info("job")


@task_postrun.connect
def _forget_ids(**_: Any) -> None:
    """The thread goes on with other jobs, which have other ids."""
    clear_contextvars()
