"""What beat runs, and where."""

import pytest
from django.conf import settings

from firmlight.celery import app
from firmlight.processes import QUEUES

SCHEDULE = settings.CELERY_BEAT_SCHEDULE
CONSUMED = {queue for queues in QUEUES.values() for queue in queues.split(",")}


def queue_of(job):
    route = settings.CELERY_TASK_ROUTES.get(job, {})
    return route.get("queue", settings.CELERY_TASK_DEFAULT_QUEUE)


@pytest.mark.parametrize("name", SCHEDULE)
def test_a_scheduled_job_exists_and_a_process_consumes_its_queue(name):
    app.loader.import_default_modules()
    job = SCHEDULE[name]["task"]
    assert job in app.tasks
    assert queue_of(job) in CONSUMED


@pytest.mark.parametrize("name", SCHEDULE)
def test_a_scheduled_message_expires_before_the_next_one(name):
    assert SCHEDULE[name]["options"]["expires"] <= SCHEDULE[name]["schedule"]


@pytest.mark.parametrize("application", ["accounts", "groups", "tasks"])
def test_each_app_has_a_purge_of_its_own_that_runs_with_the_sweep(application):
    entry = SCHEDULE[f"purge-{application}"]
    assert entry["task"] == f"{application}.purge"
    assert queue_of(entry["task"]) == "sweep"
