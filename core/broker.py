"""Send jobs by name, so that the sender need not import the code of the job."""

from __future__ import annotations

from typing import Any

import structlog
from celery import current_app
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

# TimeoutError is also that of concurrent.futures.
LOST = (RedisError, OperationalError, OSError, TimeoutError)
log = structlog.get_logger(__name__)


def send_job(job: str, arguments: list[Any], *, queue: str, **named: Any) -> None:
    """Send a job with these positional and named arguments; if the broker is down, only log it.

    The caller has stored its work by then, and an error must not undo that.
    """
    try:
        current_app.send_task(job, arguments, named, queue=queue)
    except LOST:
        log.warning("job_not_sent", job=job, exc_info=True)
