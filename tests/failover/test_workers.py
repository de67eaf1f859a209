"""What a worker's machine may suffer."""

from __future__ import annotations

import time

from tests.failover.conftest import LEASE_SECONDS, Start
from tests.support.patient import PatientLab, until


def is_taken_over(other: object, since: float) -> float:
    """Seconds until `other` was leased something after the fault."""
    return other.hear("leased", after=since, seconds=LEASE_SECONDS + 2).at - since  # type: ignore[attr-defined]


def test_what_a_killed_worker_had_is_done_by_another(lab: PatientLab, start: Start) -> None:
    victim = start(1)
    task = lab.submit("ECHO", count=100, seconds=0.03, collect=True)
    first = victim.hear("done")
    victim.hear("leased", after=first.at)  # so that it holds something that can be lost
    began = time.monotonic()
    victim.kill()
    other = start(2)
    is_taken_over(other, began)
    row = {row["worker"]["name"]: row for row in lab.is_exact(task, 100)["contributions"]}
    assert set(row) == {victim.name, other.name}
    assert (row[victim.name]["status"], row[other.name]["status"]) == ("lost", "done")
    assert row[victim.name]["subtasks"] > 0
    assert row[victim.name]["lost"] > 0
    assert row[other.name]["lost"] == 0


def test_a_frozen_workers_work_starts_elsewhere_within_the_lease(
    lab: PatientLab, start: Start
) -> None:
    sleeper = start(1)
    other = start(2)
    task = lab.submit("ECHO", count=1, seconds=0.5, collect=True)
    holder = until(lambda: next((w for w in (sleeper, other) if w.said("leased")), None))
    free = other if holder is sleeper else sleeper
    began = time.monotonic()
    holder.freeze()
    assert is_taken_over(free, began) < LEASE_SECONDS + 2
    lab.is_exact(task, 1)
    holder.thaw()
    # The news that it is done reaches it before its own result is sent, or its result is refused.
    until(lambda: holder.said("dropped", after=began) or holder.said("refused", after=began))
    again = lab.submit("ECHO", count=40, seconds=0.05, collect=True)
    lab.is_exact(again, 40)
    assert holder.said("done", after=began), "it works on after it woke up"


def test_a_laptop_that_slept_past_its_lease_counts_nothing_twice(
    lab: PatientLab, start: Start
) -> None:
    laptop = start(1)
    task = lab.submit("ECHO", count=60, seconds=0.05, collect=True)
    laptop.hear("done")
    laptop.freeze()
    time.sleep(LEASE_SECONDS + 0.7)  # its lease is over, and the sweep has been there
    other = start(2)
    other.hear("leased")
    laptop.thaw()
    lab.is_exact(task, 60)


def test_a_worker_alone_that_slept_past_its_lease_finishes_its_task(
    lab: PatientLab, start: Start
) -> None:
    laptop = start(1)
    task = lab.submit("ECHO", count=40, seconds=0.05, collect=True)
    laptop.hear("done")
    laptop.freeze()
    time.sleep(LEASE_SECONDS + 0.7)
    laptop.thaw()
    lab.is_exact(task, 40)
