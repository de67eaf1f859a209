"""Celery jobs of accounts."""

from smtplib import SMTPException

from celery import shared_task

from accounts import emails
from accounts.audit import purge_entries
from accounts.notifications import purge_notifications
from accounts.services import purge_device_requests, purge_sessions, purge_worker_tokens


@shared_task(
    name="accounts.mail",
    acks_late=True,
    ignore_result=True,
    autoretry_for=(OSError, SMTPException),
    retry_backoff=5,  # seconds, doubled each time
    max_retries=6,
)
def mail(template: str, facts: dict[str, str]) -> None:
    """Write an e-mail and send it.

    It is sent twice if the job dies after sending and before it is acknowledged.
    """
    message = emails.write(template, facts)
    if message is not None:
        message.send()


@shared_task(name="accounts.purge", acks_late=True, ignore_result=True)
def purge() -> None:
    """Beat runs this every hour: delete what has expired."""
    purge_sessions()
    purge_device_requests()
    purge_worker_tokens()
    purge_notifications()
    purge_entries()
