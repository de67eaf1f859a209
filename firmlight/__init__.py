"""Firmlight: wiring. The one place that knows every app."""

from firmlight.celery import app as celery_app  # so that `send_task` finds the broker in every process

__version__ = "0.1.0"
__all__ = ["celery_app"]
