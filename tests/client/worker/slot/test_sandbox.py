"""What a task can get at on the machine that runs it: next to nothing."""

from __future__ import annotations

import asyncio
import ctypes
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
from firmlight_client.worker.slot import readable, wire
from firmlight_client.worker.slot.events import Death
from firmlight_client.worker.slot.landlock import SCOPE_VERSION, Landlock
from firmlight_client.worker.slot.sandbox import may_hide, owners_home
from firmlight_client.worker.slot.slot_options import SlotOptions
from tests.client.worker.slot.test_child import Driver, driving
from tests.client.worker_peer import WorkerProcess

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="these limits are Linux's")
USUAL, CONNECTED = SlotOptions(), SlotOptions(network=True)


def in_a_slot(
    *actions: list[Any],
    options: SlotOptions = USUAL,
    hidden: Path | None = None,
    kind: str = "ODD",
    failed: str = "",
) -> list[Any]:
    """What these actions bring, one after another in one slot; a failure as its words."""

    async def scenario() -> list[Any]:
        async with driving(failed, options=options, hidden=hidden) as driver:
            return [await one(driver, action, options, kind) for action in actions]

    return asyncio.run(scenario())


async def one(driver: Driver, action: list[Any], options: SlotOptions, kind: str) -> Any:
    events, whole = await driver.run(action, kind=kind, options=options)
    (raised, *_) = [*(event for event in events if isinstance(event, wire.Raised | Death)), None]
    return f"{raised.error}: {raised.message}" if raised else whole[0]


def has_sandbox() -> bool:
    async def scenario() -> bool:
        async with driving() as driver:
            return not driver.slot.fence.files

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


@pytest.fixture
def private(tmp_path: Path) -> Iterator[Path]:
    """A folder of the owner's: a key, and the socket of a program that does what it is told."""
    (tmp_path / "key").write_text("secret")
    (tmp_path / "folder").mkdir()
    with socket.socket(socket.AF_UNIX) as agent:
        agent.bind(str(tmp_path / "agent"))
        agent.listen()
        yield tmp_path


def attacks(folder: Path) -> dict[str, list[str]]:
    """What a task may try on a folder of the owner's."""
    return {
        "read": ["read", str(folder / "key")],
        "list": ["list", str(folder)],
        "overwrite": ["write", str(folder / "key")],
        "add": ["write", str(folder / "new")],
        "make": ["make", str(folder / "new")],
        "remove": ["remove", str(folder / "key")],
        "mode": ["mode", str(folder / "key")],
        "talk": ["talk", str(folder / "agent")],
    }


def outcomes(folder: Path, **how: Any) -> dict[str, str]:
    tried = attacks(folder)
    found = in_a_slot(*(["attempt", words] for words in tried.values()), **how)
    return dict(zip(tried, found, strict=True))


@pytest.mark.usefixtures("sandbox")
@pytest.mark.parametrize("options", [SlotOptions(), CONNECTED])
def test_the_owners_files_are_not_there(private: Path, options: SlotOptions) -> None:
    found = outcomes(private, options=options)
    assert found.pop("make") in ("ENOENT", "EROFS")
    assert set(found.values()) == {"ENOENT"}
    assert sorted(path.name for path in private.iterdir()) == ["agent", "folder", "key"]


@pytest.mark.usefixtures("sandbox")
@pytest.mark.parametrize("options", [SlotOptions(), CONNECTED])
def test_the_folder_with_the_tokens_is_empty_to_it(private: Path, options: SlotOptions) -> None:
    assert in_a_slot(["listing", str(private)], options=options, hidden=private) == [[]]
    assert (private / "key").read_text() == "secret"


@pytest.mark.usefixtures("sandbox")
def test_the_home_holds_nothing_but_what_python_needs() -> None:
    (home,) = owners_home()
    needed = {path for each in readable.of_python() for path in (each, each.resolve())}
    to_python = {path.relative_to(home).parts[0] for path in needed if path.is_relative_to(home)}
    (found,) = in_a_slot(["listing", str(home)])
    assert set(found) <= to_python


@pytest.mark.usefixtures("sandbox")
def test_nothing_but_its_own_folders_can_be_written() -> None:
    named = ["/", "/usr", "/etc", "/var/tmp", sys.prefix, *map(str, owners_home())]
    places = [place for place in named if not Path(place).is_relative_to("/tmp")]
    found = in_a_slot(*(["attempt", ["write", f"{place}/firmlight-test"]] for place in places))
    assert dict(zip(places, found, strict=True)) == dict.fromkeys(places, "EROFS")
    assert in_a_slot(["attempt", ["write", "result"]]) == ["done"]


@pytest.mark.usefixtures("sandbox")
def test_what_it_writes_to_tmp_is_gone_with_it(tmp_path: Path) -> None:
    mark = f"/tmp/{tmp_path.name}-{os.getpid()}"
    write, read = ["attempt", ["write", mark]], ["attempt", ["read", mark]]
    assert in_a_slot(write, read) == ["done", "done"]
    assert not Path(mark).exists()
    assert in_a_slot(read) == ["ENOENT"]


@pytest.mark.parametrize("failed", ["", "no namespaces here"])
def test_a_number_for_which_flint_wants_a_file_is_factored(failed: str) -> None:
    """It makes the file in /tmp, and aborts the process where it cannot."""

    async def scenario() -> Any:
        async with driving(failed) as driver:
            payload = ["100838095593318077623227274510379021", "complete"]
            return await driver.run(payload, kind="FACTORIZATION")

    events, whole = asyncio.run(scenario())
    assert whole == [["79510715575582439", 1], ["1268232776718780139", 1]], events


@pytest.mark.usefixtures("sandbox")
def test_a_temporary_folder_behind_a_link_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "disk")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "link"))

    async def scenario() -> None:
        async with driving() as driver:
            assert driver.slot.fence.is_whole
            assert await one(driver, ["attempt", ["write", "x"]], USUAL, "ODD") == "done"

    asyncio.run(scenario())


@pytest.fixture
def landlock() -> Landlock:
    found = Landlock(ctypes.CDLL(None, use_errno=True))
    if not found.version:
        pytest.skip("this kernel has no Landlock")
    return found


def test_without_namespaces_landlock_closes_the_owners_files(
    private: Path, server: int, landlock: Landlock
) -> None:
    """Two things stay open, as docs/reference/worker.md says: modes, and sockets that are files."""
    found = outcomes(private, failed="no namespaces here", hidden=private)
    assert {found.pop("mode"), found.pop("talk")} == {"done"}
    assert set(found.values()) == {"EACCES"}
    kept = ["attempt", ["write", "result"]]
    connect = ["connect", server]
    words, reached = in_a_slot(kept, connect, failed="no namespaces here")
    assert words == "done"
    assert reached == ("PermissionError: Permission denied" if landlock.closes_tcp else "reached")
    assert in_a_slot(connect, failed="none", options=CONNECTED, kind="ROAMING") == ["reached"]


@pytest.mark.parametrize("failed", ["", "no namespaces here"])
def test_no_signal_reaches_the_owners_programs(failed: str, landlock: Landlock) -> None:
    if landlock.version < SCOPE_VERSION:
        pytest.skip("this kernel's Landlock does not know signals")
    assert in_a_slot(["attempt", ["signal", str(os.getpid())]], failed=failed) == ["EPERM"]


NO_ROOM = """
from firmlight_client.worker.slot.new_root import NewRoot
def enter(*_, **__):
    raise OSError(28, "no room for another mount")
NewRoot.enter = enter
"""


@pytest.mark.usefixtures("sandbox")
def test_a_sandbox_that_cannot_be_made_is_said_and_the_next_best_is_used(
    start_worker: Any, peer: Any, tmp_path: Path, landlock: Landlock
) -> None:
    folder = tmp_path / "modules"
    folder.mkdir()
    (tmp_path / "key").write_text("secret")
    (folder / "sitecustomize.py").write_text(NO_ROOM)
    path = f"{folder}:{os.environ['PYTHONPATH']}"
    worker: WorkerProcess = start_worker(env={"PYTHONPATH": path})
    line = peer.line()
    line.welcome()
    line.expect(protocol.Ready)
    line.lease(["attempt", ["read", str(tmp_path / "key")]])
    result = line.expect(protocol.Result)
    assert msgspec.msgpack.decode(result.partial) == ["EACCES"]
    line.accept(result)
    worker.signal(signal.SIGTERM)
    assert worker.exit_code() == 0
    said = worker.words()
    assert "tasks that need no network are not kept from it: its sandbox cannot be made" in said
    assert "no room for another mount" in said


def test_a_python_in_the_owners_own_folder_does_not_open_all_of_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("bin", "lib", "share/keyrings"):
        (tmp_path / ".local" / name).mkdir(parents=True)
    monkeypatch.setattr(sys, "prefix", str(tmp_path / ".local"))
    found = [path for path in readable.of_python() if path.is_relative_to(tmp_path)]
    assert found == [tmp_path / ".local" / "bin", tmp_path / ".local" / "lib"]


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
