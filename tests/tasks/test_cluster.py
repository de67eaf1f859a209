"""The queue on a Redis Cluster: the same tests, with three nodes that share the keys."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from core import redis
from firmlight.settings.read import beside
from tests.plugin import ON_CLUSTER

ROOT = Path(__file__).parents[2]
SETTINGS_OF_A_SERVER = (
    "REDIS_URL",
    "BROKER_URL",
    "CHANNEL_LAYER_URL",
    "CACHE_URL",
    "DATABASE_URL",
    "STATIC_ROOT",
)


def test_the_queue_does_on_three_nodes_what_it_does_on_one() -> None:
    """A process of its own: a client is made once a process, for one address."""
    kept = {
        k: v
        for k, v in os.environ.items()
        if k not in SETTINGS_OF_A_SERVER and not k.startswith("PYTEST_")
    }
    tests = ["tests/tasks/queue", "tests/tasks/test_socket_base.py"]
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-x",
        "-n",
        "0",
        "-p",
        "no:cacheprovider",
        *tests,
    ]
    done = subprocess.run(
        command, cwd=ROOT, env=kept | {ON_CLUSTER: "1"}, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "100%" in done.stdout


@pytest.mark.parametrize("scheme", ["redis", "rediss", "unix"])
def test_a_single_server_is_no_cluster(scheme: str) -> None:
    assert not redis.is_cluster(f"{scheme}://127.0.0.1:6379")
    assert redis.is_cluster(f"{scheme}+cluster://127.0.0.1:6379")


def test_what_a_cluster_cannot_hold_must_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BROKER_URL", raising=False)
    assert beside("BROKER_URL", "redis://127.0.0.1:6379/", 1) == "redis://127.0.0.1:6379/1"
    with pytest.raises(Exception, match="BROKER_URL must name a Redis server of its own"):
        beside("BROKER_URL", "redis+cluster://127.0.0.1:6379", 1)
    monkeypatch.setenv("BROKER_URL", "redis://127.0.0.1:1")
    assert beside("BROKER_URL", "redis+cluster://127.0.0.1:6379", 1) == "redis://127.0.0.1:1"
