"""The protocol's page is enough: a worker written from it alone works through the real server."""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgpack
import pytest

from tests.system import foreign_worker
from tests.system.foreign_worker import KINDS, ForeignWorker
from tests.system.lab import Lab

NUMBER, FACTORS = "1000000016000000063", [["1000000007", 1], ["1000000009", 1]]
VECTORS = Path(__file__).parents[2] / "docs" / "reference" / "vectors" / "kinds.json"


@pytest.fixture
def worker(lab: Lab) -> Iterator[ForeignWorker]:
    made = ForeignWorker(lab.url, lab.worker_token(1))
    made.connect()
    yield made
    made.close()


def frames(worker: ForeignWorker, kind: str) -> list[dict[str, Any]]:
    return [frame for frame in worker.heard if frame["type"] == kind]


def is_over(lab: Lab, task: str) -> bool:
    return lab.task(task)["status"] in ("succeeded", "failed", "cancelled")


def test_it_knows_nothing_of_ours() -> None:
    source = ast.parse(Path(foreign_worker.__file__).read_text())
    modules = set()
    for node in ast.walk(source):
        if isinstance(node, ast.ImportFrom):
            modules.add(str(node.module).partition(".")[0])
        elif isinstance(node, ast.Import):
            modules |= {alias.name.partition(".")[0] for alias in node.names}
    assert modules - sys.stdlib_module_names == {"msgpack", "websockets"}


@pytest.mark.parametrize("name", KINDS)
def test_it_computes_what_the_vectors_say(name: str) -> None:
    vectors = json.loads(VECTORS.read_text(encoding="utf-8"))["kinds"][name]
    assert vectors["version"] == KINDS[name].version
    for task in vectors["tasks"]:
        payloads = [msgpack.unpackb(bytes.fromhex(one["hex"])) for one in task["payloads"]]
        partials = [KINDS[name].run(payload) for payload in payloads]
        together = partials[0]
        for partial in partials[1:]:
            together = KINDS[name].combine(together, partial)
        assert together == task["combined"]["value"]


def test_its_tasks_end_exact(lab: Lab, worker: ForeignWorker) -> None:
    echo = lab.submit(count=200, collect=True)
    worker.work(lambda: is_over(lab, echo))
    assert lab.result(echo) == {"count": 200, "sum": 19900, "values": list(range(200))}
    factors = lab.submit("FACTORIZATION", number=NUMBER)
    worker.work(lambda: is_over(lab, factors))
    assert lab.result(factors)["factors"] == FACTORS
    assert frames(worker, "refused") == []
    (row,) = lab.task(echo)["contributions"]
    assert (row["worker"]["name"], row["subtasks"]) == ("foreign", 200)


def test_it_lives_on_echoes_and_keeps_its_lease_by_heartbeats(
    lab: Lab, worker: ForeignWorker
) -> None:
    task = lab.submit(count=1)
    worker.work(lambda: worker.held, compute=False)
    lease_seconds = worker.welcome["lease_seconds"]
    enough = 3 * lease_seconds / worker.welcome["heartbeat_seconds"]
    worker.work(lambda: len(frames(worker, "echo")) > enough, compute=False)
    worker.work(lambda: is_over(lab, task))
    (row,) = lab.task(task)["contributions"]
    kept = row["lost"] == 0
    assert kept or longest_pause(worker) > lease_seconds / 2, "unless this machine was busy"
    said = {frame["echo"] for frame in frames(worker, "echo")}
    assert said <= {f"{at:.3f}" for at in worker.beats}


def longest_pause(worker: ForeignWorker) -> float:
    """Seconds between two of its heartbeats."""
    return max(later - at for at, later in pairwise(worker.beats))


def test_a_cut_line_costs_it_no_work(lab: Lab, worker: ForeignWorker) -> None:
    """The lease is lost with the connection, but its result counts: nobody else was faster."""
    task = lab.submit(count=3, collect=True)
    worker.work(lambda: worker.held, compute=False)
    (lease,) = worker.held
    first = worker.welcome
    worker.cut()
    worker.work(lambda: worker.welcome is not first, compute=False)
    assert worker.welcome["leases"] == [lease]
    worker.work(lambda: is_over(lab, task))
    assert any(frame["lease"] == lease for frame in frames(worker, "accepted"))
    assert lab.result(task)["values"] == [0, 1, 2]


def test_a_result_that_was_not_answered_is_sent_again(lab: Lab, worker: ForeignWorker) -> None:
    task = lab.submit(count=1)
    worker.work(lambda: worker.held, compute=False)
    (held,) = worker.held.values()
    worker.compute_one()
    assert held.unanswered
    worker.cut()  # whether the server has read it, nobody knows
    worker.work(lambda: not worker.held or not held.unanswered)
    worker.work(lambda: is_over(lab, task))
    assert lab.result(task) == {"count": 1, "sum": 0}


def test_of_a_refused_result_it_sends_what_is_open(lab: Lab, worker: ForeignWorker) -> None:
    task = lab.submit(count=5, collect=True)
    worker.also_named = [1_000_000]
    worker.work(lambda: is_over(lab, task))
    (refused,) = frames(worker, "refused")
    assert refused["reason"] == "not_in_lease"
    assert refused["open"] == frames(worker, "lease")[0]["subtasks"]
    assert frames(worker, "accepted")[0]["subtasks"] == refused["open"]
    assert lab.result(task)["values"] == [0, 1, 2, 3, 4]


def test_it_stops_what_is_cancelled_and_takes_other_work(lab: Lab, worker: ForeignWorker) -> None:
    unwanted = lab.submit(count=5)
    worker.work(lambda: worker.held, compute=False)
    (lease,) = worker.held
    assert lab.api[0].post(f"tasks/{unwanted}/cancel/").status_code == 200
    worker.work(lambda: not worker.held, compute=False)
    (cancel,) = frames(worker, "cancel")
    assert (cancel["leases"], cancel["reason"]) == ([lease], "cancelled")
    wanted = lab.submit(count=2)
    worker.work(lambda: is_over(lab, wanted))
    assert lab.task(wanted)["status"] == "succeeded"
