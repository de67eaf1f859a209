"""What checking costs a group whose members are trusted: throughput with `none` and with `auto`."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.lab import Lab, lab
from benchmarks.measure import median, seconds_of
from firmlight_client.sdk.client import Client
from tasks.verification import ALL, AUTO, NONE

KIND = "UNPROVED"  # nothing is computed twice of a kind that proves its results, as ECHO does
FOLDER = Path(__file__).resolve().parent / "unproved_kinds"
TRUSTED = 100  # agreements in a row, so that one result in 101 is checked
STANDING_SUBTASKS, STANDING_TASKS_MAX = 2000, 50
ROUNDS = 10


@dataclass
class Rates:
    """Subtasks per second, of each round, and what share of the subtasks was recomputed in all."""

    count: int  # subtasks of a round
    none: list[float] = field(default_factory=list)
    auto: list[float] = field(default_factory=list)
    recomputed: list[float] = field(default_factory=list)  # with `auto`

    @property
    def ratio(self) -> float:
        """The throughput with `auto` against that with `none`."""
        return median(self.auto) / median(self.none)


@contextlib.contextmanager
def trusted_group() -> Iterator[Lab]:
    """A system with two owners who trust one another, a worker each."""
    path = os.pathsep.join(filter(None, [str(FOLDER), os.environ.get("PYTHONPATH")]))
    with lab(PYTHONPATH=path) as running:
        owners = [running.owner, running.another_owner()]
        for owner in owners:
            running.start_worker(owner=owner, env={"PYTHONPATH": path})
        raise_standing(running, owners)
        yield running


def raise_standing(running: Lab, owners: list[Client]) -> None:
    """Let them compute the same until each has confirmed the other often enough."""
    numbers = [owner.me()["id"] for owner in owners]
    for _ in range(STANDING_TASKS_MAX):
        if all(agreements(running, number) >= TRUSTED for number in numbers):
            return
        compute(running, STANDING_SUBTASKS, ALL)
    raise AssertionError("the owners do not come to be trusted")


def agreements(running: Lab, owner: str) -> int:
    """How many of their results in a row were confirmed."""
    rows = running.client.transport.get(f"groups/{running.group}/members/{owner}/standing/")
    return max((row["agreements"] for row in rows["results"]), default=0)


def compute(running: Lab, count: int, verify: str) -> float:
    """`count` subtasks through the whole system; the result is right.

    Returns what share of them was computed again.
    """
    task = running.client.submit(KIND, group=running.group, count=count, verify=verify)
    if task.result(timeout=300)["sum"] != count * (count - 1) // 2:
        raise AssertionError("the sum is not that of these subtasks")
    return float(task.refresh().info["verification"]["checked_share"])


def throughput(running: Lab, count: int) -> Rates:
    """Tasks of so many subtasks with `none` and with `auto`, in turn."""
    rates = Rates(count)
    for verify in (NONE, AUTO):
        compute(running, count, verify)
    for turn in range(ROUNDS):
        first, second = (AUTO, NONE) if turn % 2 else (NONE, AUTO)
        _measure(running, rates, first)
        _measure(running, rates, second)
    return rates


def _measure(running: Lab, rates: Rates, verify: str) -> None:
    """One round of one of both."""
    recomputed: list[float] = []
    seconds = seconds_of(lambda: recomputed.append(compute(running, rates.count, verify)))
    if verify == AUTO:
        rates.auto.append(rates.count / seconds)
        rates.recomputed += recomputed
    else:
        rates.none.append(rates.count / seconds)
