"""The site: the one package that knows every app."""

import gc

# With Python's defaults, garbage collection of what Django loads takes a fifth of each start.
gc.set_threshold(50_000, 20, 20)

# Here, so that `send_task` finds the broker in every process.
from firmlight.celery import app as celery_app  # noqa: E402

__version__ = "0.2.0"
__all__ = ["celery_app"]
