"""What the line between a worker and the server may suffer."""

from __future__ import annotations

import statistics
import time

import numpy as np

from firmlight_client.sdk.client import Client
from tests.failover.conftest import LEASE_SECONDS, Start
from tests.support.patient import PatientLab
from tests.support.proxy import Proxy
from tests.system.lab import PASSWORD


def test_what_a_worker_without_network_had_is_done_by_another(
    lab: PatientLab, start: Start, proxy: Proxy
) -> None:
    far = start(1, url=proxy.url)
    task = lab.submit("ECHO", count=80, seconds=0.05, collect=True)
    far.hear("done")
    other = start(2)
    other.hear("leased")
    cut = time.monotonic()
    proxy.cut()  # no FIN, no RST: nobody is notified
    found = lab.is_exact(task, 80)
    assert time.monotonic() - cut < 80 * 0.05 + LEASE_SECONDS + 2
    assert {row["worker"]["name"] for row in found["contributions"]} == {far.name, other.name}


def test_a_worker_works_again_when_its_network_is_back(
    lab: PatientLab, start: Start, proxy: Proxy
) -> None:
    far = start(1, url=proxy.url)
    task = lab.submit("ECHO", count=40, seconds=0.05, collect=True)
    far.hear("done")
    proxy.cut()
    time.sleep(LEASE_SECONDS + 0.7)  # the server has given up its lease
    healed = time.monotonic()
    proxy.heal()
    lab.is_exact(task, 40)
    assert far.said("done", after=healed)


def test_a_reset_connection_costs_nothing(lab: PatientLab, start: Start, proxy: Proxy) -> None:
    far = start(1, url=proxy.url)
    task = lab.submit("ECHO", count=60, seconds=0.05, collect=True)
    for _ in range(3):
        far.hear("done", after=time.monotonic())
        broken = time.monotonic()
        proxy.reset()
        far.hear("connected", after=broken)
    lab.is_exact(task, 60)


def test_a_refusing_network_is_tried_again(lab: PatientLab, start: Start, proxy: Proxy) -> None:
    far = start(1, url=proxy.url)
    task = lab.submit("ECHO", count=40, seconds=0.05, collect=True)
    far.hear("done")
    proxy.cut(refuse=True)
    proxy.reset()
    far.hear("disconnected")
    time.sleep(0.5)
    healed = time.monotonic()
    proxy.heal()
    far.hear("connected", after=healed)
    lab.is_exact(task, 40)


def test_a_lease_that_travels_longer_than_it_lasts_still_gets_through(
    lab: PatientLab, start: Start, proxy: Proxy
) -> None:
    far = start(1, url=proxy.url)
    numbers = np.random.default_rng(2).normal(size=16 * 2**15)  # 16 subtasks of 256 KiB
    slow = time.monotonic()
    proxy.throttle(120_000)  # 2.2 s for one subtask, and the lease lasts 1.5 s
    with Client.login(lab.url, lab.names[0], PASSWORD) as client:
        task = client.submit("MEAN", group=lab.group, numbers=numbers)
        for _ in range(3):
            far.hear("done", after=time.monotonic())
        proxy.heal()
        result = task.result(timeout=30)
    assert (result["count"], result["mean"]) == (numbers.size, statistics.mean(map(float, numbers)))
    found = lab.task(task.id)
    assert sum(row["subtasks"] for row in found["contributions"]) == found["counts"]["done"] == 16
    assert not far.said("disconnected", after=slow), "nothing was dropped because it was slow"


def test_a_slow_line_up_gets_its_large_partials_through(
    lab: PatientLab, start: Start, proxy: Proxy
) -> None:
    far = start(1, url=proxy.url)
    slow = time.monotonic()
    proxy.throttle(20_000)
    task = lab.submit("ECHO", count=5000, collect=True)
    lab.is_exact(task, 5000)
    assert not far.said("disconnected", after=slow)
