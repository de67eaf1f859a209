"""The main job as people do it: by `firmlight work`, the Python client and the command line."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from firmlight_client.errors import ApiError
from firmlight_client.sdk.client import Client
from tests.system.lab import PASSWORD, Lab

FIRMLIGHT = [sys.executable, "-m", "firmlight_client.cli"]
Start = Callable[..., subprocess.Popen[str]]


def environment(lab: Lab, home: Path, token: str = "") -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("FIRMLIGHT_")}
    return {
        **clean,
        "FIRMLIGHT_HOME": str(home),
        "FIRMLIGHT_URL": lab.url,
        "FIRMLIGHT_ALWAYS": "1",
    } | ({"FIRMLIGHT_TOKEN": token} if token else {})


@pytest.fixture
def start_worker(lab: Lab, tmp_path: Path) -> Iterator[Start]:
    """start_worker(person=1): a worker process of this person, welcome at the server."""
    started: list[subprocess.Popen[str]] = []

    def start(person: int, *options: str) -> subprocess.Popen[str]:
        name = f"machine-{len(started)}"
        env = environment(lab, tmp_path / name, lab.worker_token(person))
        command = [*FIRMLIGHT, "work", "--json", "--slots", "1", "--name", name, *options]
        process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True)
        started.append(process)
        hear(process, "connected")
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        assert process.stdout
        process.stdout.close()


def hear(process: subprocess.Popen[str], event: str) -> dict[str, Any]:
    """The next line of this event that a worker prints."""
    assert process.stdout
    for line in process.stdout:
        if (found := json.loads(line))["event"] == event:
            return found
    raise AssertionError(f"it ended without {event}")


@pytest.fixture
def client(lab: Lab) -> Iterator[Client]:
    with Client.login(lab.url, lab.names[0], PASSWORD) as made:
        yield made


def cli(lab: Lab, home: Path, *words: str, text: str = "", code: int = 0) -> str:
    command = [*FIRMLIGHT, *words]
    done = subprocess.run(
        command, env=environment(lab, home), input=text, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == code, done.stderr
    return done.stdout if code == 0 else done.stderr


def test_the_kinds_give_their_exact_results(lab: Lab, client: Client, start_worker: Start) -> None:
    start_worker(1), start_worker(2)
    p, q = 10**17 + 3, 10**17 + 13
    factors = client.submit("FACTORIZATION", group=lab.group, number=p * q)
    numbers = np.random.default_rng(1).normal(3.0, 1e9, 200_001)
    mean = client.submit("MEAN", group=lab.group, numbers=numbers)
    echo = client.submit("ECHO", group=lab.group, count=3000, collect=True)
    assert factors.result(timeout=60)["factors"] == [[str(p), 1], [str(q), 1]]
    assert mean.result(timeout=60)["mean"] == statistics.mean(map(float, numbers))
    assert echo.result(timeout=60)["values"] == list(range(3000))


def test_a_worker_killed_in_mid_task_costs_nothing(
    lab: Lab, client: Client, start_worker: Start
) -> None:
    victim = start_worker(1)
    start_worker(2)
    task = client.submit("ECHO", group=lab.group, count=150, seconds=0.02, collect=True)
    hear(victim, "done")
    victim.kill()
    assert task.result(timeout=60)["values"] == list(range(150))
    done = task.refresh().info
    assert done["counts"] == {"total": 150, "done": 150, "leased": 0, "waiting": 0, "failed": 0}
    assert sum(row["subtasks"] for row in done["contributions"]) == 150


def test_who_was_away_gets_the_result_too(lab: Lab, client: Client, start_worker: Start) -> None:
    with Client.login(lab.url, lab.names[0], PASSWORD) as leaving:
        task = leaving.submit("ECHO", group=lab.group, count=5)
    start_worker(1)
    lab.wait(task.id, "succeeded")
    assert client.task(task.id).result(timeout=10) == {"count": 5, "sum": 10}


def test_a_task_waits_until_somebody_comes(lab: Lab, client: Client, start_worker: Start) -> None:
    task = client.submit("ECHO", group=lab.group, count=2)
    shown = lab.until(lambda: lab.task(task.id), lambda found: found["counts"]["waiting"] == 2)
    assert shown["waiting_reason"] == "No worker of this group that accepts ECHO is online."
    start_worker(1)
    assert task.result(timeout=30)["count"] == 2


def test_a_cancelled_task_frees_its_worker_within_a_second(
    lab: Lab, client: Client, start_worker: Start
) -> None:
    worker = start_worker(1)
    long = client.submit("ECHO", group=lab.group, count=1, seconds=60)
    hear(worker, "leased")
    long.cancel()
    began = time.monotonic()
    assert hear(worker, "dropped")["reason"] == "cancelled"
    assert client.submit("ECHO", group=lab.group, count=1).result(timeout=30)["count"] == 1
    assert time.monotonic() - began < 5


def test_errors_come_with_code_and_field(lab: Lab, client: Client) -> None:
    with pytest.raises(ApiError) as caught:
        client.submit("FACTORIZATION", group=lab.group, number="1.5")
    assert (caught.value.code, caught.value.status) == ("invalid", 400)
    assert list(caught.value.fields or {}) == ["params.number"]


def test_the_command_line_does_the_whole_job(lab: Lab, tmp_path: Path, start_worker: Start) -> None:
    home = tmp_path / "home"
    cli(lab, home, "login", lab.url, "--username", lab.names[0], "--password-stdin", text=PASSWORD)
    assert oct((home / "credentials.json").stat().st_mode)[-3:] == "600"
    assert lab.names[0] in cli(lab, home, "whoami")
    start_worker(1)
    (tmp_path / "numbers.csv").write_text("1;2;3\n4;5;6\n")
    file = str(tmp_path / "numbers.csv")
    printed = cli(
        lab, home, "submit", "MEAN", "--group", lab.group, "--file", file, "--wait", "--json"
    )
    assert json.loads(printed.splitlines()[-1])["result"]["mean"] == 3.5
    submitted = json.loads(
        cli(lab, home, "submit", "FACTORIZATION", "--group", lab.group, "number=91", "--json")
    )
    lab.wait(submitted["id"], "succeeded")
    assert json.loads(cli(lab, home, "result", submitted["id"], "--json"))["divisors"] == 4
    assert submitted["id"] in cli(lab, home, "status", "--json")
    assert "number" in cli(
        lab, home, "submit", "FACTORIZATION", "--group", lab.group, "number=x", code=1
    )
    assert cli(lab, home, "submit", "FACTORIZATION", code=2)
