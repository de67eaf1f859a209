"""Web sites on loopback, and the owner's leave to crawl them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from firmlight_client import network
from tests.client.kinds.site import Serve, Site

# Every site has a loopback address of its own, so that one test's delay is not another's
hosts = (f"127.1.{n // 250}.{n % 250 + 1}" for n in itertools.count())


@pytest.fixture
def serve() -> Iterator[Serve]:
    with ExitStack() as stack:
        yield lambda pages=None, host=None, tls=False: stack.enter_context(
            Site(host or next(hosts), pages or {}, tls).running()
        )


@pytest.fixture
def private(monkeypatch: pytest.MonkeyPatch) -> None:
    """The owner of this machine allows private networks."""
    monkeypatch.setattr(network, "_private_allowed", True)
