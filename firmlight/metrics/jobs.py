"""Count by Celery's signals: how long each job took, how it ended, and this process's role."""

from __future__ import annotations

import time
from typing import Any

from celery.signals import beat_init, task_postrun, task_prerun, worker_ready

from core import metrics
from tasks.kind_processes import pool as kind_processes

_began: dict[str, float] = {}  # job id -> monotonic seconds; jobs run in several threads


@task_prerun.connect
def begin(task_id: str, **_: Any) -> None:
    _began[task_id] = time.monotonic()


@task_postrun.connect
def end(task_id: str, task: Any, state: str | None = None, **_: Any) -> None:
    began = _began.pop(task_id, None)
    if began is not None:
        metrics.observe(
            "job_seconds", time.monotonic() - began, task.name, (state or "unknown").lower()
        )


@worker_ready.connect
def be_jobs(sender: Any, **_: Any) -> None:
    """Take the role from the name that `firmlight.processes` gives: jobs@, jobs-long@, sweep@.

    A process that runs kinds starts its first child now, so that the first job need not wait.
    """
    is_sweep = sender.hostname.startswith("sweep@")
    metrics.run_as("sweep" if is_sweep else "jobs")
    if not is_sweep:
        kind_processes.children().warm_up()


@beat_init.connect
def be_beat(**_: Any) -> None:
    metrics.run_as("beat")
