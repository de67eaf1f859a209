"""The Celery app. Two queues: `short` (conclude, sweep) and `long` (split, purge); no results are kept."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "firmlight.settings")

app = Celery("firmlight")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(related_name="jobs")
