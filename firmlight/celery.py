"""The Celery app. Queues: `short` (conclude, mail), `long` and `bulk` (split, fold), `sweep`. No
results are kept.
"""

import os
from typing import Any

from celery import Celery
from celery.signals import beat_init, celeryd_init

from firmlight import kombu_fix

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "firmlight.settings")

kombu_fix.use()
app = Celery("firmlight")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(related_name="jobs")

from core import context  # noqa: E402, F401  listen to Celery's signals, as the next
from firmlight import observers  # noqa: E402  listen to Celery's signals, as the next
from firmlight.metrics import jobs  # noqa: E402, F401


@celeryd_init.connect
@beat_init.connect
def observe(**_: Any) -> None:
    observers.start()
