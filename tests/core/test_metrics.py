"""How processes count together, and who may read it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from django.test import Client

from core import metrics, redis
from core.metrics import recording
from tests.support.patient import until

TOKEN = "a-long-token-for-prometheus"
LEASES = "firmlight_leases_total"


@pytest.fixture
def other():
    """other("what it does"): another process of the server that has done this and then waits to be
    ended.
    """
    started = []

    def start(code, **env):
        code = f"""
import sys, django
django.setup()
from core import metrics
{code}
metrics.write()
print("done", flush=True)
sys.stdin.read()
"""
        settings = {"DJANGO_SETTINGS_MODULE": "firmlight.settings", **env}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        process = subprocess.Popen(
            [sys.executable, "-c", code], env={**os.environ, **settings}, **pipes
        )
        started.append(process)
        assert process.stdout.readline() == "done\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


def test_what_several_processes_did_is_one_sum(scrape, other):
    other(
        "metrics.count('leases', 3); metrics.observe('lease_seconds', 0.02); metrics.run_as('web')"
    )
    other(
        "metrics.count('leases', 4); metrics.observe('lease_seconds', 0.7); metrics.run_as('jobs')"
    )
    metrics.count("leases", 5)
    found = scrape()
    assert found(LEASES) == 12
    assert found("firmlight_lease_seconds_count") == 2
    assert (
        found("firmlight_processes", role="web") == found("firmlight_processes", role="jobs") == 1
    )


def test_a_killed_process_leaves_its_sums_and_takes_its_sockets_along(scrape, other):
    process = other(
        "metrics.count('leases', 3); metrics.now_open('sockets', 2, 'worker')",
        METRICS_WRITE_SECONDS="0.1",
    )
    metrics.now_open("sockets", 1, "worker")
    assert scrape()("firmlight_sockets", socket="worker") == 3
    process.kill()
    until(lambda: scrape()("firmlight_sockets", socket="worker"), lambda open_now: open_now == 1, 5)
    assert scrape()(LEASES) == 3


def test_a_process_that_ends_in_good_order_writes_what_it_had_not_written(scrape, other):
    process = other(
        "metrics.write(); metrics.write(); "
        "import atexit; atexit.register(metrics.count, 'leases', 2)"
    )
    process.stdin.close()
    assert process.wait(10) == 0
    assert scrape()(LEASES) == 2


def test_a_child_does_not_write_its_parents_sums_once_more(scrape, other):
    child = "metrics.count('leases', 1), metrics.write(), os._exit(0)"
    other(f"import os; metrics.count('leases', 3); os.fork() or ({child}); os.wait()")
    assert scrape()(LEASES) == 4


def test_sums_wait_for_a_redis_that_is_away(scrape, settings):
    url, settings.REDIS_URL = settings.REDIS_URL, "redis://127.0.0.1:1"
    metrics.count("leases", 3)
    metrics.write()
    settings.REDIS_URL = url
    metrics.count("leases", 1)
    assert scrape()(LEASES) == 4


def test_a_histogram_counts_up_to_each_bound(scrape):
    for seconds in (0.0005, 0.001, 0.02, 99):
        metrics.observe("lease_seconds", seconds)
    found = scrape()
    bounds = ("0.001", "0.0025", "0.025", "5", "+Inf")
    assert [found("firmlight_lease_seconds_bucket", le=bound) for bound in bounds] == [
        2,
        2,
        3,
        3,
        4,
    ]
    assert found("firmlight_lease_seconds_sum") == pytest.approx(99.0215)


def test_every_family_is_there_before_anything_has_happened(scrape):
    found = scrape()
    assert (
        found("firmlight_subtasks_completed_total") == found("firmlight_lease_seconds_count") == 0
    )
    assert found("firmlight_tasks", status="running") == 0


def test_without_a_token_only_this_machine_reads(db):
    assert Client().get("/metrics").status_code == 200
    assert Client(REMOTE_ADDR="::1").get("/metrics").status_code == 200
    assert Client(REMOTE_ADDR="192.0.2.7").get("/metrics").status_code == 403


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP"])
def test_a_request_through_a_proxy_on_this_machine_is_not_local(db, header):
    assert Client().get("/metrics", headers={header: "127.0.0.1"}).status_code == 403


def test_with_a_token_whoever_sends_it_reads(scrape, settings):
    settings.METRICS_TOKEN = TOKEN
    for header in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {TOKEN}"}):
        assert Client().get("/metrics", headers=header).status_code == 401
    afar = Client(REMOTE_ADDR="192.0.2.7")
    assert (
        afar.get(
            "/metrics", headers={"Authorization": f"Bearer {TOKEN}", "host": "web:8000"}
        ).status_code
        == 200
    )


def test_a_server_without_redis_has_no_metrics(scrape, settings, monkeypatch):
    settings.REDIS_URL = "redis://127.0.0.1:1"
    monkeypatch.setattr(redis, "connect", lambda: redis.impatient(settings.REDIS_URL, 1))
    assert Client().get("/metrics").status_code == 503


def test_openmetrics_is_spoken_where_it_is_asked_for(scrape):
    answer = Client().get(
        "/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"}
    )
    assert answer["Content-Type"].startswith("application/openmetrics-text")
    assert answer.content.endswith(b"# EOF\n")


def test_noting_is_cheap_for_redis(scrape):
    """Many notes of few kinds are few fields of one hash."""
    for _ in range(1000):
        metrics.observe("lease_seconds", 0.003)
        metrics.count("leases")
    scrape()
    assert redis.connect().hlen(recording.TOTALS) == 3
