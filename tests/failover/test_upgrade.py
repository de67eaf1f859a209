"""A newer release is started on the data of an older one, whose tasks run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
import redis

from embedded import ports
from embedded.problem import Problem
from embedded.system import System, ask
from tasks.data_format import FORMAT
from tasks.queue.formats import NOT_MOVED
from tasks.queue.keys import FORMAT_NOTED
from tests.support.old_release import BEFORE_FORMATS, BEFORE_PARTS, OldRelease, unpack
from tests.support.patient import PatientLab, until
from tests.support.systems import SHORT
from tests.support.worker import Worker

NEWER = FORMAT + 1
PARTS = ("web", "jobs", "jobs-long", "sweep", "beat")
COUNT, SECONDS = 60, 0.1
NUMBERS = list(range(20_000))


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


@pytest.mark.parametrize("commit", [BEFORE_FORMATS, BEFORE_PARTS])
def test_tasks_that_an_older_release_has_begun_end_right(
    commit: str, tmp_path: Path, static_root: str, stack: ExitStack
) -> None:
    var, port = tmp_path / "var", ports.free("127.0.0.1")
    source = unpack(commit, tmp_path / "source")
    with OldRelease(source, var, port, SHORT) as old:
        lab = stack.enter_context(PatientLab(old.url))
        for person in (0, 1):
            token = lab.worker_token(person)
            home = tmp_path / f"machine-{person}"
            worker = Worker(old.url, token, home.name, home, slots=2, env=old.client)
            stack.callback(worker.kill)
        begun = [lab.submit("ECHO", count=COUNT, seconds=SECONDS, collect=True) for _ in range(3)]
        mean = lab.submit("MEAN", numbers=NUMBERS)
        until(lambda: all(lab.task(task)["counts"]["done"] > 2 for task in begun))
        paused = lab.submit("ECHO", count=3, collect=True)
        assert lab.ask("POST", f"tasks/{paused}/pause/").is_success
    with System(var, port, env=SHORT | {"STATIC_ROOT": static_root}) as system:
        client = redis.Redis.from_url(system.redis_url)
        assert client.get(FORMAT_NOTED) == b"%d" % FORMAT
        assert left_behind(client) == []
        assert lab.ask("POST", f"tasks/{paused}/resume/").is_success
        for task in begun:
            lab.is_exact(task, COUNT)
        lab.is_exact(paused, 3)
        assert lab.wait(mean)["status"] == "succeeded"
        assert lab.result(mean)["count"] == len(NUMBERS)
        lab.is_exact(lab.submit("ECHO", count=5, collect=True), 5)


def test_a_system_ends_when_a_newer_release_has_been_there_and_does_not_start_again(
    tmp_path: Path, static_root: str
) -> None:
    env = SHORT | {"STATIC_ROOT": static_root, "FORMAT_CHECK_SECONDS": "2"}
    system = System(tmp_path / "var", env=env)
    with system:
        until(lambda: _ready(system).status_code == 200)  # beat too has begun, and swept once
        before = system.pids()
        redis.Redis.from_url(system.redis_url).set(FORMAT_NOTED, NEWER)
        ready = _ready(system)
        assert ready.status_code == 503
        assert f"have format {NEWER}" in ready.json()["checks"]["data_format"]["what"]
        for part in PARTS:
            until(lambda part=part: system.pids().get(part) != before[part])
        logs = [(system.home.log / f"{part}.log").read_text() for part in PARTS]
        assert ["data_of_a_newer_release" in log for log in logs] == [True] * len(PARTS)
        until(lambda: "Firmlight does not start" in (system.home.log / "web.log").read_text())
    with pytest.raises(Problem, match=f"have format {NEWER}"):
        system.start()


def _ready(system: System) -> httpx.Response:
    return ask(f"{system.url}/readyz")


def left_behind(client: redis.Redis) -> list[bytes]:
    """Keys where older releases had theirs, but for the warnings to their scripts."""
    names = [name for name in client.scan_iter(match="fl:{*}:*") if b"{metrics}" not in name]
    kept = [name for name in names if not NOT_MOVED.match(name.decode().partition("}:")[2])]
    return [name for name in kept if client.type(name) != b"string"]
