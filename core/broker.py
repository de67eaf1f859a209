"""Jobs are sent by name, so that whoever wants one need not know the code that does it."""

from __future__ import annotations

from typing import Any

import structlog
from celery import current_app
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

LOST = (
    RedisError,
    OperationalError,
    OSError,
    TimeoutError,
)  # TimeoutError covers that of concurrent.futures
log = structlog.get_logger(__name__)


def send_job(job: str, arguments: list[Any], *, queue: str) -> None:
    """Send a job. A broker that is away must not undo what has been done: it is logged, and that is
    all.
    """
    try:
        current_app.send_task(job, arguments, queue=queue)
    except LOST:
        log.warning("job_not_sent", job=job, exc_info=True)
