"""Celery jobs."""

from smtplib import SMTPException

from celery import shared_task

from accounts import emails


@shared_task(
    name="accounts.mail",
    acks_late=True,
    ignore_result=True,
    autoretry_for=(OSError, SMTPException),
    retry_backoff=5,  # seconds, doubled each time
    max_retries=6,
)
def mail(letter: str, facts: dict[str, str]) -> None:
    """Write a letter and send it; twice, if the job dies in between."""
    message = emails.write(letter, facts)
    if message is not None:
        message.send()
