"""The peer: plain Celery with a no-op task, its results kept in Redis, as its documentation starts
a project.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator

from celery import Celery, group

app = Celery(
    "peer", broker=os.environ.get("PEER_REDIS", ""), backend=os.environ.get("PEER_REDIS", "")
)
app.conf.update(
    broker_connection_retry_on_startup=True,
    task_default_queue="peer",
    worker_hijack_root_logger=False,
)


@app.task(name="peer.echo")
def echo(number: int) -> int:
    return number


def by_group(count: int) -> int:
    """A `group` of count no-ops; returns the sum of what came back."""
    return sum(group(echo.s(i) for i in range(count)).apply_async().get(timeout=300))


def by_delay(count: int) -> int:
    """The plain loop: count times `delay`, then each result."""
    pending = [echo.delay(i) for i in range(count)]
    return sum(result.get(timeout=300) for result in pending)


@contextlib.contextmanager
def two_workers(redis_url: str) -> Iterator[None]:
    """Two worker processes of one child each, on this Redis."""
    os.environ["PEER_REDIS"] = redis_url
    app.conf.update(broker_url=redis_url, result_backend=redis_url)
    command = [
        sys.executable,
        "-m",
        "celery",
        "--quiet",
        "-A",
        "benchmarks.celery_peer",
        "worker",
        "-Q",
        "peer",
        "-P",
        "prefork",
        "-c",
        "1",
    ]
    env = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "",
        "PYTHONWARNINGS": "ignore",
    }  # no word about running as root
    started = [
        subprocess.Popen([*command, "-n", f"peer{i}@%h", "-l", "ERROR"], env=env) for i in range(2)
    ]
    try:
        for i in range(20):  # both are up once these have been answered
            assert echo.delay(i).get(timeout=60) == i
        yield
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.wait(30)
