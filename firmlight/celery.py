"""The Celery app. Queues: `short` (conclude, mail), `long` and `bulk` (split, fold), `sweep`.

Celery stores no results.
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

# These modules listen to Celery's signals.
from core import context  # noqa: E402, F401
from firmlight import format_watch, observers  # noqa: E402
from firmlight.metrics import jobs  # noqa: E402, F401


@celeryd_init.connect
@beat_init.connect
def observe(**_: Any) -> None:
    observers.start()


@celeryd_init.connect
def begin_jobs(**_: Any) -> None:
    format_watch.begin_or_exit()


@beat_init.connect
def begin_beat(**_: Any) -> None:
    # Beat holds nothing, and its handler of SIGTERM may hang, see embedded/system.py.
    format_watch.begin_or_exit(end=format_watch.kill)
