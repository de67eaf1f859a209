"""What a task can get at on the machine that runs it: next to nothing."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest

from firmlight_client import protocol
from firmlight_client.limits import CPU_SLACK_SECONDS, FILE_MIB, OPEN_FILES
from firmlight_client.worker.slot import wire
from firmlight_client.worker.slot.events import Death
from firmlight_client.worker.slot.sandbox import may_hide
from firmlight_client.worker.slot.slot_options import SlotOptions
from tests.client.worker.slot.test_child import Driver, driving
from tests.client.worker_peer import WorkerProcess

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="these limits are Linux's")
USUAL, CONNECTED = SlotOptions(), SlotOptions(network=True)


def in_a_slot(
    *actions: list[Any], options: SlotOptions = USUAL, hidden: Path | None = None, kind: str = "ODD"
) -> list[Any]:
    """What these actions bring, one after another in one slot; a failure as its words."""

    async def scenario() -> list[Any]:
        async with driving(options=options, hidden=hidden) as driver:
            return [await one(driver, action, options, kind) for action in actions]

    return asyncio.run(scenario())


async def one(driver: Driver, action: list[Any], options: SlotOptions, kind: str) -> Any:
    events, whole = await driver.run(action, kind=kind, options=options)
    (raised, *_) = [*(event for event in events if isinstance(event, wire.Raised | Death)), None]
    return f"{raised.error}: {raised.message}" if raised else whole[0]


def has_sandbox() -> bool:
    async def scenario() -> bool:
        async with driving() as driver:
            return not driver.slot.no_sandbox

    return asyncio.run(scenario())


@pytest.fixture(scope="module")
def sandbox() -> None:
    if not has_sandbox():
        pytest.skip("this system allows no namespaces")


@pytest.fixture
def server() -> Iterator[int]:
    """The port of somebody on this machine who listens."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


def test_only_its_own_pipes_are_open() -> None:
    with open(os.devnull) as ours:
        os.set_inheritable(ours.fileno(), True)
        (found,) = in_a_slot(["descriptors", 0])
    files = {name for name in found if name.startswith("/") and not name.startswith("/dev/null")}
    assert {Path(name).name for name in files} <= {"errors.txt", "current"}
    assert not any("socket" in name for name in found)


def test_nothing_of_the_environment_comes_along(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    (found,) = in_a_slot(["environment", 0])
    assert "secret" not in found.values()
    assert found["HOME"] == found["TMPDIR"] != os.environ.get("HOME")


def test_files_are_limited_and_nothing_stays() -> None:
    large, small, after, many = in_a_slot(
        ["write_file", ["large", FILE_MIB * 2**20 + 1]],
        ["write_file", ["small", 1]],
        ["write_file", ["again", 1]],
        ["open_many", OPEN_FILES],
    )
    assert "File too large" in large
    assert (small, after) == ([], [])
    assert "Too many open files" in many


def test_its_folder_goes_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert in_a_slot(["write_file", ["left", 100]]) == [[]]
    assert not list(tmp_path.glob("firmlight-slot-*"))


def test_it_steps_back_behind_what_people_run() -> None:
    assert in_a_slot(["niceness", 0], options=SlotOptions(nice=15)) == [15]


def test_processor_time_is_limited_even_if_nobody_watches_the_clock() -> None:
    (left,) = in_a_slot(["cpu_limit", 0])
    assert 30 < left <= 2 * 20 + CPU_SLACK_SECONDS + 1
    (burnt,) = in_a_slot(["burn", 1])
    assert burnt == "timed_out: several processors computed for longer than it may take"


@pytest.mark.usefixtures("sandbox")
def test_a_kind_that_needs_no_network_has_none(server: int) -> None:
    (found,) = in_a_slot(["connect", server])
    assert found == "OSError: Network is unreachable"
    assert in_a_slot(["connect", server], options=CONNECTED, kind="ROAMING") == ["reached"]


@pytest.mark.usefixtures("sandbox")
def test_a_slot_changes_its_options_with_the_work_and_reports_nothing(server: int) -> None:
    async def scenario() -> None:
        async with driving() as driver:
            pids = [await one(driver, ["process", 0], SlotOptions(), "ODD") for _ in range(2)]
            assert pids[0] == pids[1]
            assert await one(driver, ["connect", server], CONNECTED, "ROAMING") == "reached"
            assert await one(driver, ["connect", server], SlotOptions(), "ODD") != "reached"
            assert driver.events.empty()
            assert not psutil.pid_exists(pids[0])

    asyncio.run(scenario())


@pytest.mark.usefixtures("sandbox")
def test_a_job_that_is_cancelled_while_its_slot_changes_never_starts(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with driving() as driver:
            driver.start(["write_file", [str(tmp_path / "mark"), 1]], options=CONNECTED)
            driver.slot.quit(1)
            await driver.next(wire.Started)
            assert (await driver.run(["give", 4], options=CONNECTED))[1] == [4]
            assert not (tmp_path / "mark").exists()

    asyncio.run(scenario())


@pytest.mark.usefixtures("sandbox")
@pytest.mark.parametrize("options", [SlotOptions(), CONNECTED])
def test_the_folder_with_the_tokens_is_empty_to_it(tmp_path: Path, options: SlotOptions) -> None:
    (tmp_path / "credentials.json").write_text("secret")
    assert in_a_slot(["listing", str(tmp_path)], options=options, hidden=tmp_path) == [[]]
    assert in_a_slot(["listing", str(tmp_path)], options=options) == [["credentials.json"]]
    assert (tmp_path / "credentials.json").read_text() == "secret"


@pytest.mark.usefixtures("sandbox")
def test_in_its_sandbox_it_has_no_rights_to_leave_it() -> None:
    (found,) = in_a_slot(["rights", 0])
    assert found == ["0" * 16, "0" * 16, "1"]


def test_a_home_that_python_lies_in_is_not_hidden(tmp_path: Path) -> None:
    assert may_hide(tmp_path) == tmp_path
    assert may_hide(Path(sys.prefix)) is None
    assert may_hide(tmp_path / "nowhere") is None


def test_a_home_that_the_worker_makes_is_hidden_too(start_worker: Any, peer: Any) -> None:
    start_worker()
    line = peer.line()
    line.welcome()
    line.expect(protocol.Ready)
    line.lease(["listing", os.environ["FIRMLIGHT_HOME"]])
    assert Path(os.environ["FIRMLIGHT_HOME"], "spool").is_dir()
    assert msgspec.msgpack.decode(line.expect(protocol.Result).partial) == (
        [[]] if has_sandbox() else [["spool"]]
    )


def test_the_token_is_out_of_reach_of_other_processes(start_worker: Any, peer: Any) -> None:
    worker: WorkerProcess = start_worker()
    peer.line().welcome()
    environ = Path(f"/proc/{worker.process.pid}/environ")
    assert (environ.stat().st_uid, environ.stat().st_mode & 0o777) == (0, 0o400)
    assert "right" not in " ".join(psutil.Process(worker.process.pid).cmdline())
    worker.signal(signal.SIGTERM)
    assert worker.exit_code() == 0
    assert "right" not in worker.words()
