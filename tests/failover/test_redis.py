"""What Redis may suffer: killed, restarted without its last writes, emptied."""

from __future__ import annotations

import time

import pytest

from embedded.system import System
from firmlight_client.sdk.client import Client
from tests.failover.conftest import Start
from tests.support import faults
from tests.support.patient import PatientLab, until
from tests.support.systems import WOKEN_SECONDS_MAX
from tests.system.lab import PASSWORD


def test_everything_goes_on_after_a_killed_redis(
    system: System, lab: PatientLab, start: Start
) -> None:
    workers = [start(1), start(2)]
    task = lab.submit("ECHO", count=150, seconds=0.03, collect=True)
    workers[0].hear("done")
    old = faults.kill_part(system, "redis")
    faults.comes_back(system, "redis", old)
    lab.is_exact(task, 150)


def test_a_redis_that_came_back_is_made_to_write_its_file_anew(
    system: System, lab: PatientLab
) -> None:
    """Whatever a power cut left at its end would be carried out at the next start but one."""
    old = faults.kill_part(system, "redis")
    faults.comes_back(system, "redis", old)
    until(lambda: faults.log_is_new(system), seconds=10)


@pytest.mark.parametrize("time_", range(3))
def test_jobs_and_idle_workers_hear_again_after_a_killed_redis(
    system: System, lab: PatientLab, start: Start, time_: int
) -> None:
    """Celery's consumers, the channel layer's subscriptions and the live socket are all idle when
    Redis goes.
    """
    start(1)
    with Client.login(lab.url, lab.names[0], PASSWORD) as client:
        assert client.submit("ECHO", group=lab.group, count=1).result(timeout=20) == {
            "count": 1,
            "sum": 0,
        }
        old = faults.kill_part(system, "redis")
        faults.comes_back(system, "redis", old)
        lab.is_exact(
            lab.submit("ECHO", count=1, collect=True), 1
        )  # the first one may wait for the sweep
        began = time.monotonic()
        assert client.submit("ECHO", group=lab.group, count=3).result(timeout=20) == {
            "count": 3,
            "sum": 3,
        }
        assert time.monotonic() - began < WOKEN_SECONDS_MAX, (
            "split, woken, concluded and shown without waiting for the sweep"
        )


@pytest.mark.parametrize("all_since_the_first_result", [False, True])
def test_a_redis_that_forgot_its_last_writes_counts_nothing_twice(
    system: System, lab: PatientLab, start: Start, all_since_the_first_result: bool
) -> None:
    """The workers then know more than Redis: their leases, and that their results were accepted."""
    workers = [start(1), start(2)]
    task = lab.submit("ECHO", count=150, seconds=0.03, collect=True)
    workers[0].hear("done")
    size = faults.log_of_writes(system).stat().st_size
    workers[1].hear("done"), workers[0].hear("done", after=time.monotonic())
    system.stop_part("redis")
    written = faults.log_of_writes(system).stat().st_size - size
    assert faults.cut_tail(system, written if all_since_the_first_result else 37) > 0
    system.start_part("redis")
    lab.is_exact(task, 150)
    lab.is_exact(lab.submit("ECHO", count=5, collect=True), 5)


def test_an_emptied_redis_fails_the_tasks_in_flight_clearly(
    system: System, lab: PatientLab, start: Start
) -> None:
    worker = start(1)
    running = lab.submit("ECHO", count=100, seconds=0.1)
    waiting = lab.submit("ECHO", count=100, seconds=0.1)
    worker.hear("done")
    faults.flush_redis(system)
    for task in (running, waiting):
        found = lab.wait(task)
        assert found["status"] == "failed"
        assert found["error"] == {
            "code": "input_lost",
            "message": "The input is no longer held: submit again.",
        }
    lab.is_exact(lab.submit("ECHO", count=10, collect=True), 10)
    began = time.monotonic()
    lab.is_exact(lab.submit("ECHO", count=10, collect=True), 10)
    assert time.monotonic() - began < WOKEN_SECONDS_MAX, "jobs and workers are woken as before"
