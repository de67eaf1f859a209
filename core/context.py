"""What a line of the log belongs to: the request, the connection, the worker, the task; from end to
end.

A request's id is made here, or taken from X-Request-ID if a proxy in front has made one. structlog
binds it to all that is logged on the way, Celery jobs carry it on in a header, and whatever they
send carries it further.
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

CARRIED = ("request_id", "connection", "worker", "task")  # from whoever sends a job to the job
SANE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{7,63}")  # it stands in logs, headers and messages
HEADER = "firmlight"  # of a job's message
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
log = structlog.get_logger(__name__)


def id_from(text: str | None) -> str:
    """Somebody else's id if it can be one, else a new one."""
    return text if text and SANE.fullmatch(text) else uuid4().hex


class RequestContext:
    """Middleware: the request's id on every line and in the answer (X-Request-ID), and what the
    answer took.
    """

    def __init__(self, answer: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.answer = answer

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        request_id, began = id_from(request.headers.get("X-Request-ID")), time.monotonic()
        with bound_contextvars(request_id=request_id):
            response = self.answer(request)
            _note(request, response.status_code, time.monotonic() - began)
        response["X-Request-ID"] = request_id
        return response


def _note(request: HttpRequest, status: int, seconds: float) -> None:
    method = request.method if request.method in METHODS else "other"
    metrics.observe("http_seconds", seconds, str(method), f"{status // 100}xx")
    if settings.LOG_REQUESTS:
        log.info(
            "request", method=method, path=request.path, status=status, ms=round(seconds * 1000, 1)
        )


def connection(scope: dict[str, Any]) -> AbstractContextManager[Any]:
    """For all that happens on a socket: its id, that of the proxy in front if it has made one."""
    headers = {name.lower(): value.decode("latin-1") for name, value in scope.get("headers", ())}
    return bound_contextvars(connection=id_from(headers.get(b"x-request-id")))


@before_task_publish.connect
def _send_on(headers: dict[str, Any], **_: Any) -> None:
    known = get_contextvars()
    headers[HEADER] = {name: str(known[name]) for name in CARRIED if name in known}


@task_prerun.connect
def _take_up(task_id: str, task: Any, args: Any = (), **_: Any) -> None:
    """A job of the app `tasks` is about the task that its first argument names."""
    carried = getattr(task.request, HEADER, None) or {}
    about = {"task": str(args[0])} if args and task.name.startswith("tasks.") else {}
    bind_contextvars(**{name: str(carried[name]) for name in CARRIED if name in carried}, **about)
    bind_contextvars(job=task.name, job_id=task_id)
    if settings.LOG_REQUESTS:
        log.info("job")


@task_postrun.connect
def _put_down(**_: Any) -> None:
    """The thread goes on with other jobs."""
    clear_contextvars()
