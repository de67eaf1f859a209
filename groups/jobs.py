"""Celery jobs of groups."""

from celery import shared_task

from groups.services.retention import purge_ways_in


@shared_task(name="groups.purge", acks_late=True, ignore_result=True)
def purge() -> None:
    """Beat runs this every hour: delete what expired long ago."""
    purge_ways_in()
