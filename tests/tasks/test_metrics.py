"""What the metrics say about tasks, against the real queue."""

from __future__ import annotations

import asyncio
import time

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from core import redis
from core.metrics import recording
from firmlight.celery import app
from tasks import jobs
from tasks.queue import connections, leasing
from tasks.services.sweep import requeue_expired
from tasks.socket_base import Socket
from tests.tasks.conftest import compute


def test_tasks_and_their_subtasks_are_counted_where_they_stand(
    scrape, submit, split, lease, laptop
):
    submit(count=5)
    split(count=10)
    granted = lease(laptop)
    found = scrape()
    assert (
        found("firmlight_tasks", status="queued"),
        found("firmlight_tasks", status="running"),
    ) == (1, 1)
    held = len(granted.subtasks)
    assert found("firmlight_subtasks", state="leased") == held
    assert found("firmlight_subtasks", state="waiting") == 10 - held
    assert found("firmlight_leases_open") == 1
    assert (
        found("firmlight_jobs_waiting", queue="long") == 2
    )  # nobody takes the two splits' jobs here
    assert found("firmlight_tasks_submitted_total") == 2
    assert (found("firmlight_workers"), found("firmlight_worker_slots")) == (1, 1)


def test_tasks_beyond_the_limit_are_left_out_and_it_says_so(scrape, split, settings):
    for _ in range(3):
        split(count=2)
    settings.METRICS_TASKS_MAX = 2
    found = scrape()
    assert found("firmlight_subtasks", state="waiting") == 4
    assert found("firmlight_tasks_left_out") == 1


def test_the_end_of_a_task_is_counted_once(scrape, split, work, laptop):
    task = split(count=3)
    work(laptop)
    jobs.conclude(str(task.pk))
    jobs.conclude(str(task.pk))
    found = scrape()
    assert found("firmlight_tasks_ended_total", status="succeeded") == 1
    assert found("firmlight_tasks", status="running") == 0


def test_lost_work_is_counted_as_requeued_by_whoever_finds_it(
    scrape, split, lease, laptop, settings
):
    settings.LEASE_SECONDS = 0.01
    task = split(count=1)
    assert lease(laptop)
    time.sleep(0.02)
    assert requeue_expired() == 1
    assert scrape()("firmlight_subtasks_requeued_total") == 1
    assert lease(laptop)
    place = {"worker": laptop.pk, "conn": "conn-laptop", "kinds": ["ECHO@1"]}
    assert connections.leave(task.group_id, **place, how=connections.LOST).now().requeued == 1


def test_a_lease_call_that_finds_lost_work_says_how_much(split, lease, laptop, settings):
    settings.LEASE_SECONDS = 0.01
    task = split(count=1)
    assert lease(laptop)
    time.sleep(0.02)
    call = leasing.lease(
        task.group_id, worker=laptop.pk, owner=laptop.owner_id, conn="other", kinds=["ECHO@1"]
    )
    assert call.now().requeued == 1


def test_jobs_are_counted_with_their_time_and_end(scrape, submit):
    task = submit(count=2)
    app.tasks["tasks.split"].apply([str(task.pk)])
    app.tasks["tasks.split"].apply(["no id"])
    found = scrape()
    assert found("firmlight_job_seconds_count", job="tasks.split", outcome="success") == 1
    assert found("firmlight_job_seconds_count", job="tasks.split", outcome="failure") == 1


def test_no_label_holds_anything_of_a_user(scrape, submit, split, lease, laptop, alice, bob, group):
    task = split(count=3, author=bob)
    compute(lease(laptop), laptop)
    text = scrape().text
    said = (
        alice.username,
        bob.username,
        group.name,
        group.pk,
        task.pk,
        laptop.name,
        laptop.pk,
        bob.email,
    )
    assert [word for word in map(str, said) if word in text] == []


@pytest.fixture
def round_trips(monkeypatch):
    """How often Redis was asked: each element is what one send carried."""
    sent = []
    send = redis.redis.connection.AbstractConnection.send_packed_command

    def watch(self, command, *more, **options):
        sent.append(command)
        return send(self, command, *more, **options)

    monkeypatch.setattr(redis.redis.connection.AbstractConnection, "send_packed_command", watch)
    return sent


def test_a_scrape_costs_the_same_number_of_questions_whatever_there_is(
    scrape, submit, split, round_trips
):
    split(count=3)
    scrape()
    costs = []
    for more in (0, 12):
        for _ in range(more):
            split(count=3)
        round_trips.clear()
        with CaptureQueriesContext(connection) as queries:
            scrape()
        costs.append((len(queries), len(round_trips)))
    assert costs[0] == costs[1]
    assert costs[0][0] == 3
    assert costs[0][1] <= 9


class Broken(Socket):
    metrics_label = "worker"
    seen: list[int] = []

    async def websocket_connect(self, message):
        self.seen.append(recording._unwritten.open["sockets|worker"])
        raise RuntimeError("it breaks")


async def come():
    return {"type": "websocket.connect"}


def test_sockets_count_while_they_are_open_even_if_their_end_is_an_error(scrape):
    with pytest.raises(RuntimeError, match="it breaks"):
        asyncio.run(Broken()({"type": "websocket"}, come, None))
    assert Broken.seen == [1]
    found = scrape()
    assert found("firmlight_sockets", socket="worker") == 0
    assert found("firmlight_sockets_opened_total", socket="worker") == 1
