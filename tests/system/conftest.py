"""The whole system as it runs in production: real processes, Redis, Celery and sockets, with short
leases.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from embedded.system import System
from tests.system.lab import Lab
from tests.system.peer import Peer


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
