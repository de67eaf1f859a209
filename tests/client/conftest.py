"""Odd kinds for real slots; a home of its own for every test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from firmlight_client.sdk.client import Client
from tests.client.web_peer import WebPeer
from tests.client.worker_peer import Peer, WorkerProcess

ODD_KINDS = Path(__file__).parent / "odd_kinds"


@pytest.fixture(autouse=True)
def _surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Slots find the odd kinds; nobody is logged in."""
    monkeypatch.setenv("PYTHONPATH", str(ODD_KINDS))
    monkeypatch.setenv("FIRMLIGHT_HOME", str(tmp_path / "home"))
    for name in ("FIRMLIGHT_URL", "FIRMLIGHT_TOKEN"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def web() -> Iterator[WebPeer]:
    with WebPeer() as web:
        yield web


@pytest.fixture
def client(web: WebPeer) -> Iterator[Client]:
    with Client.login(web.url, "alice", "right") as client:
        yield client


@pytest.fixture
def peer() -> Iterator[Peer]:
    with Peer() as peer:
        yield peer


@pytest.fixture
def start_worker(peer: Peer, tmp_path: Path) -> Iterator[Callable[..., WorkerProcess]]:
    """start_worker("--slots", "2"): a real `firmlight work` that talks to the peer."""
    started: list[WorkerProcess] = []

    def start(*options: str, token: str = "right", **more: Any) -> WorkerProcess:
        worker = WorkerProcess(peer.url, token, tmp_path / "slots", options, **more)
        started.append(worker)
        return worker

    yield start
    for worker in started:
        worker.end()
