"""Firmlight: wiring. The one place that knows every app."""

import gc

gc.set_threshold(
    50_000, 20, 20
)  # as Python has it, looking through all that Django loads is a fifth of each start

from firmlight.celery import app as celery_app  # noqa: E402  so that `send_task` finds the broker in every process

__version__ = "0.2.0"
__all__ = ["celery_app"]
