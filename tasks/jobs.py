"""Celery jobs of tasks.

Each may run twice, also at the same time, or be lost: the sweep finds what is missing.
`data_format` is that of the data in Redis which the sender works with; a job that a newer release
has sent fails.
"""

from celery import shared_task

from core import beat, job_echo, redis_log
from tasks.queue import formats
from tasks.services import checking, retention
from tasks.services import conclude as concluding
from tasks.services import split as splitting
from tasks.services import sweep as sweeping
from tasks.services.departures import forget_machines


@shared_task(name="tasks.split", acks_late=True, ignore_result=True)
def split(task_id: str, data_format: int | None = None) -> None:
    formats.require_known(data_format)
    splitting.split_task(task_id)


@shared_task(name="tasks.conclude", acks_late=True, ignore_result=True)
def conclude(
    task_id: str,
    attempt: int | None = None,
    patient: bool = False,
    data_format: int | None = None,
) -> None:
    formats.require_known(data_format)
    concluding.conclude_task(task_id, attempt=attempt, patient=patient)


@shared_task(name="tasks.compare", acks_late=True, ignore_result=True)
def compare(task_id: str, data_format: int | None = None) -> None:
    formats.require_known(data_format)
    checking.compare_answers(task_id)


@shared_task(name="tasks.sweep", acks_late=True, ignore_result=True)
def sweep() -> None:
    """Beat runs this every SWEEP_SECONDS; two concurrent runs are harmless."""
    sweeping.requeue_expired()
    sweeping.fail_overdue()
    redis_log.rewrite_where_needed()
    beat.note_tick()


@shared_task(name="tasks.reconcile", acks_late=True, ignore_result=True)
def reconcile() -> None:
    """Beat runs this every RECONCILE_SECONDS; two concurrent runs are harmless."""
    sweeping.reconcile()


@shared_task(name="tasks.purge", acks_late=True, ignore_result=True)
def purge() -> None:
    """Beat runs this every hour: delete the state of tasks, groups and workers that are gone."""
    sweeping.purge()
    forget_machines()


@shared_task(name="tasks.fold", acks_late=True, ignore_result=True)
def fold() -> None:
    """Beat runs this every ten minutes: turn what is older than RETENTION_DAYS into daily sums."""
    retention.fold()


@shared_task(name="tasks.answer", acks_late=True, ignore_result=True)
def answer(word: str) -> None:
    """`manage.py doctor` asks whether jobs are taken from a queue."""
    job_echo.answer(word)
