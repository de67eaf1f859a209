"""The whole system as it runs in production: real processes, Redis, Celery and sockets, with short leases."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from firmlight.embedded.system import System
from tests.system.lab import Lab
from tests.system.peer import Peer

SHORT = {
    "HEARTBEAT_SECONDS": "0.3",
    "LEASE_SECONDS": "1.5",
    "SWEEP_SECONDS": "0.5",
    "RECONCILE_SECONDS": "0.5",
    "MEMBERSHIP_CHECK_SECONDS": "0.5",
    "IDLE_ASK_SECONDS": "5",
    "HELLO_SECONDS_MAX": "1",
    "SPLIT_QUIET_SECONDS_MAX": "2",
    "AGGREGATING_SECONDS_MAX": "3",
    "LOG_LEVEL": "WARNING",
}


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory, static_root: str) -> Iterator[System]:
    with System(tmp_path_factory.mktemp("system"), env=SHORT | {"STATIC_ROOT": static_root}) as running:
        yield running


@pytest.fixture
def lab(system: System) -> Iterator[Lab]:
    """A group of three new people: the first owns it."""
    with Lab(system.url) as made:
        yield made


@pytest.fixture
def peer(lab: Lab) -> Iterator[Callable[..., Peer]]:
    """peer("anna's laptop", person=1): a worker's connection, by hand."""
    opened: list[Peer] = []

    def connect(name: str = "laptop", person: int = 1, **options: object) -> Peer:
        opened.append(Peer(lab.url, lab.worker_token(person), name, **options))
        return opened[-1]

    yield connect
    for one in opened:
        one.close()


@pytest.fixture
def var(tmp_path: Path) -> Path:
    return tmp_path / "var"
