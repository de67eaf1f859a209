"""Two web servers, two of each sort of jobs and two beats: whoever is on one sees what happens on
the other.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from firmlight_client import Client
from tests.support import faults
from tests.support.databases import fresh
from tests.support.proxy import Proxy
from tests.support.scaled import ScaledOut
from tests.support.systems import SHORT
from tests.support.worker import Worker
from tests.system.lab import PASSWORD, Lab

pytestmark = pytest.mark.storage


@pytest.fixture(scope="module")
def scaled(tmp_path_factory: pytest.TempPathFactory, static_root: str) -> Iterator[ScaledOut]:
    folder = tmp_path_factory.mktemp("scaled")
    with (
        fresh(folder) as database,
        ScaledOut(folder, env=SHORT | database | {"STATIC_ROOT": static_root}) as running,
    ):
        yield running


@pytest.mark.usefixtures("only_push")
def test_who_watches_at_one_web_sees_a_worker_of_the_other_and_that_one_may_die(
    scaled: ScaledOut, tmp_path: Path
) -> None:
    first, second = scaled.ports
    with (
        Lab(scaled.url) as lab,
        Proxy(second, first) as proxy,
        Client.login(lab.url, lab.names[0], PASSWORD) as user,
    ):
        worker = Worker(proxy.url, lab.worker_token(1), "machine", tmp_path / "machine")
        try:
            worker.hear("connected")
            task = user.submit("ECHO", group=lab.group, count=40, seconds=0.1, collect=True)
            seen = task.watch(timeout=60)
            while next(seen)["counts"]["done"] < 3:
                pass
            faults.kill_part(scaled, "web-2")
            assert [snapshot["status"] for snapshot in seen][-1] == "succeeded"
            assert task.result()["values"] == list(range(40))
        finally:
            worker.kill()


def test_a_web_that_stops_in_good_order_sends_its_workers_to_the_other_with_their_leases(
    scaled: ScaledOut, tmp_path: Path
) -> None:
    first, second = scaled.ports
    faults.until(lambda: "web-2" in scaled.pids())
    with Lab(scaled.url) as lab, Proxy(second, first) as proxy:
        worker = Worker(proxy.url, lab.worker_token(1), "machine", tmp_path / "machine")
        try:
            worker.hear("connected")
            task = lab.submit("ECHO", count=20, seconds=0.2)
            worker.hear("leased")
            scaled.stop_part("web-2")
            done = lab.wait(task)
            assert (done["status"], done["counts"]["failed"]) == ("succeeded", 0)
            lost = [
                row
                for row in lab.api[0].get(f"tasks/{task}/events/").json()["results"]
                if row["what"] == "lost"
            ]
            assert lost == [], "it kept its leases"
        finally:
            worker.kill()
            scaled.start_part("web-2")


def test_two_beats_sweep_no_more_than_one_does_harm(scaled: ScaledOut) -> None:
    """Both live and both fire; a task that nobody takes is split once and waits."""
    assert {"beat", "beat-2"} <= scaled.pids().keys()
    with Lab(scaled.url) as lab:
        task = lab.submit("ECHO", count=7)
        lab.wait(task, "running")
        found = lab.until(lambda: lab.task(task)["counts"], lambda counts: counts["total"] == 7)
        assert found == {"total": 7, "done": 0, "leased": 0, "waiting": 7, "failed": 0}
