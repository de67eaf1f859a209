"""The real system with short leases, real workers behind proxies, and people with patience."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from embedded.system import System
from tests.support import faults
from tests.support.patient import PatientLab, until
from tests.support.proxy import Proxy
from tests.support.systems import SHORT
from tests.support.worker import Worker

LEASE_SECONDS = float(SHORT["LEASE_SECONDS"])
Start = Callable[..., Worker]


@pytest.fixture
def lab(system: System) -> Iterator[PatientLab]:
    """What a test breaks is up again before the next one begins, which may be of those that break
    nothing.
    """
    with PatientLab(system.url) as made:
        yield made
    until(lambda: faults.is_whole(system))


@pytest.fixture
def proxy(system: System) -> Iterator[Proxy]:
    with Proxy(system.port) as running:
        yield running


@pytest.fixture
def start(lab: PatientLab, tmp_path: Path) -> Iterator[Start]:
    """start(person=1, url=proxy.url, slots=2): a worker process of this person, welcome at the
    server.
    """
    started: list[Worker] = []

    def run(person: int = 1, *options: str, url: str = "", slots: int = 1) -> Worker:
        name = f"machine-{len(started)}"
        token = lab.worker_token(person)
        started.append(Worker(url or lab.url, token, name, tmp_path / name, *options, slots=slots))
        started[-1].hear("connected")
        return started[-1]

    yield run
    for worker in started:
        worker.thaw()
        if worker.lives:
            worker.kill()
