"""The Celery app. Queues: `short` (conclude, sweep), `long` and `bulk` (split, purge). No results are kept."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "firmlight.settings")

app = Celery("firmlight")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(related_name="jobs")

from firmlight.metrics import jobs  # noqa: E402, F401  listens to Celery's signals
