"""What the server's own processes, its database and its machine may suffer."""

from __future__ import annotations

import re
import time

import psutil
import pytest

from embedded.system import System, ask
from tests.failover.conftest import Start
from tests.support import faults
from tests.support.patient import PatientLab, until
from tests.support.systems import WOKEN_SECONDS_MAX


@pytest.mark.transactions
def test_a_task_goes_on_over_a_killed_web(system: System, lab: PatientLab, start: Start) -> None:
    workers = [start(1), start(2)]
    task = lab.submit("ECHO", count=200, seconds=0.02, collect=True)
    workers[0].hear("done")
    killed = time.monotonic()
    faults.kill_part(system, "web")
    for worker in workers:
        worker.hear("connected", after=killed)
    lab.is_exact(task, 200)


def test_after_a_killed_web_idle_workers_begin_at_once(
    system: System, lab: PatientLab, start: Start
) -> None:
    worker = start(1)
    lab.is_exact(lab.submit("ECHO", count=1, collect=True), 1)
    killed = time.monotonic()
    faults.kill_part(system, "web")
    worker.hear("connected", after=killed)
    began = time.monotonic()
    lab.is_exact(lab.submit("ECHO", count=1, collect=True), 1)
    seconds = time.monotonic() - began
    assert seconds < WOKEN_SECONDS_MAX, "nobody was woken by connections that are gone"


@pytest.mark.transactions
def test_a_split_that_was_killed_is_split_to_its_end(
    system: System, lab: PatientLab, start: Start
) -> None:
    start(1), start(2)
    task = lab.submit("ECHO", count=150_000)
    until(lambda: lab.task(task)["counts"]["total"], lambda total: total >= 1)
    old = faults.kill_part(system, "jobs-long")
    at_kill = lab.task(task)["counts"]["total"]
    assert at_kill < 150_000, "it was too late to kill it"
    faults.comes_back(system, "jobs-long", old)
    found = lab.wait(task)
    assert found["status"] == "succeeded", found
    assert lab.result(task) == {"count": 150_000, "sum": 150_000 * 149_999 // 2}
    assert (
        sum(row["subtasks"] for row in found["contributions"]) == found["counts"]["done"] == 150_000
    )


@pytest.mark.transactions
def test_a_conclusion_that_was_killed_is_concluded_again(
    system: System, lab: PatientLab, start: Start
) -> None:
    start(1)
    task = lab.submit("ECHO", count=60_000, collect=True)
    until(lambda: lab.task(task)["status"], lambda status: status in ("aggregating", "succeeded"))
    faults.kill_part(system, "jobs")
    lab.is_exact(task, 60_000)


def test_a_killed_beat_comes_back_and_sweeps(system: System, lab: PatientLab, start: Start) -> None:
    task = lab.submit("ECHO", count=20, seconds=0.05, collect=True)
    old = faults.kill_part(system, "beat")
    victim = start(1)
    victim.hear("done")
    victim.freeze()  # its lease is over without a word: only the sweep finds that for who is idle
    faults.comes_back(system, "beat", old)
    start(2)
    lab.is_exact(task, 20)


def test_stuck_jobs_hold_up_neither_the_sweep_nor_readiness(
    system: System, lab: PatientLab, start: Start
) -> None:
    victim = start(1)
    task = lab.submit("ECHO", count=1, seconds=2, collect=True)
    victim.hear("leased")
    stuck = [psutil.Process(system.pids()[name]) for name in ("jobs", "jobs-long")]
    for process in stuck:
        process.suspend()
    try:
        began = time.monotonic()
        # its lease is over without a word: only the sweep finds that for those who are idle
        victim.freeze()
        other = start(2)
        other.hear("leased", after=began)
        assert queue_age_seconds(system) < 5
        assert ask(f"{system.url}/readyz").status_code == 200
    finally:
        for process in stuck:
            process.resume()
    lab.is_exact(task, 1)


def queue_age_seconds(system: System) -> float:
    """Since the last sweep, as /readyz tells it."""
    says = ask(f"{system.url}/readyz").json()["checks"]["beat"]["what"]
    return float(re.search(r"was ([\d.]+) s ago", str(says))[1])  # type: ignore[index]


@pytest.mark.transactions
def test_a_locked_database_loses_nothing(system: System, lab: PatientLab, start: Start) -> None:
    worker = start(1)
    task = lab.submit("ECHO", count=30, seconds=0.02, collect=True)
    worker.hear("done")
    locked = time.monotonic()
    faults.lock_database(system, 3)  # the chaos run holds it for 10 s; writers wait for 20
    lab.is_exact(task, 30)
    assert not worker.said("disconnected", after=locked), "leases and results need no database"
    lab.is_exact(lab.submit("ECHO", count=5, collect=True), 5)


@pytest.mark.transactions
def test_a_machine_that_lost_its_power_goes_on_with_the_same_workers(
    system: System, lab: PatientLab, start: Start
) -> None:
    workers = [start(1), start(2)]
    task = lab.submit("ECHO", count=150, seconds=0.05, collect=True)
    for worker in workers:
        worker.hear("done")
    killed = time.monotonic()
    faults.kill_machine(system)
    system.stop()  # lets go of what this process still holds of it: the lock, the pipe
    system.start()
    for worker in workers:
        worker.hear("connected", after=killed, seconds=40)
    lab.is_exact(task, 150)
