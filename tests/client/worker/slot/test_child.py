"""One slot, as a real process: it computes, and survives or reports whatever a kind does."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest

from firmlight_client.worker.slot import wire
from firmlight_client.worker.slot.child import MESSAGE_CHARS_MAX, TRACEBACK_CHARS_MAX
from firmlight_client.worker.slot.events import Broken, Death, SlotEvent
from firmlight_client.worker.slot.processes import SlotProcess, remove_empty_folders

ROOM = 100_000
SLACK_SECONDS = 2.0  # of a busy machine


class Driver:
    """A slot and the row of its events."""

    def __init__(self, **options: Any) -> None:
        self.events: asyncio.Queue[SlotEvent] = asyncio.Queue()
        self.slot = SlotProcess(0, lambda number, event: self.events.put_nowait(event), **options)

    async def next(self, kind: type[Any]) -> Any:
        event = await asyncio.wait_for(self.events.get(), 20)
        assert isinstance(event, kind), event
        return event

    def start(
        self,
        *payloads: Any,
        kind: str = "ODD",
        before: Any = (),
        seconds_max: float = 20.0,
        **how: Any,
    ) -> None:
        encoded = [msgspec.msgpack.encode(payload) for payload in payloads]
        run = wire.Run(1, kind, encoded, [msgspec.msgpack.encode(b) for b in before], ROOM)
        self.slot.start(run, seconds_max, **how)

    async def run(self, *payloads: Any, **options: Any) -> tuple[list[SlotEvent], Any]:
        """All that a run reports, and what it folded its partials into."""
        self.start(*payloads, **options)
        events: list[SlotEvent] = []
        while not isinstance(
            event := await asyncio.wait_for(self.events.get(), 20), wire.Finished | Death
        ):
            events.append(event)
        whole = (
            isinstance(event, wire.Finished)
            and event.partial
            and msgspec.msgpack.decode(event.partial)
        )
        return [*events, event], whole


@asynccontextmanager
async def driving(failed: str = "", **options: Any) -> AsyncIterator[Driver]:
    """`failed`: as if its sandbox could not be made before, for this reason."""
    driver = Driver(**options)
    driver.slot.failed = failed
    living = asyncio.create_task(driver.slot.run())
    await driver.next(wire.Started)
    try:
        yield driver
    finally:
        driver.slot.close()
        await living


def test_partials_come_in_order_and_the_whole_at_the_end() -> None:
    async def scenario() -> None:
        async with driving() as driver:
            (batch, end), whole = await driver.run(*(["give", i] for i in range(500)))
            assert isinstance(batch, wire.Batch)
            assert isinstance(end, wire.Finished)
            assert [msgspec.msgpack.decode(partial) for partial in batch.partials] == [
                [i] for i in range(500)
            ]
            assert len(batch.seconds) == 500
            assert sorted(whole) == list(range(500))
            assert not end.decided

    asyncio.run(scenario())


def test_what_was_computed_before_is_folded_in() -> None:
    async def scenario() -> None:
        async with driving() as driver:
            assert sorted((await driver.run(["give", 3], before=[[1], [2]]))[1]) == [1, 2, 3]
            assert sorted((await driver.run(before=[[1], [2]]))[1]) == [1, 2]

    asyncio.run(scenario())


def test_a_slow_run_reports_what_it_has_before_the_next_subtask_starts() -> None:
    async def scenario() -> None:
        async with driving() as driver:
            driver.start(["give", 1], ["sleep", 0.05], ["sleep", 0.05], ["sleep", 30])
            reported = 0
            while reported < 3:
                batch = await driver.next(wire.Batch)
                assert batch.first == reported
                reported += len(batch.partials)

    asyncio.run(scenario())


def test_failures_of_a_subtask_are_reported_and_the_run_goes_on() -> None:
    async def scenario() -> None:
        async with driving() as driver:
            events, whole = await driver.run(
                ["raises", "no good"],
                ["give", 1],
                ["exit", 3],
                ["unsendable", 0],
                ["large", ROOM],
                ["unspeakable", 0],
            )
            failures = {event.position: event for event in events if isinstance(event, wire.Raised)}
            names = [failures[position].error for position in (0, 2, 3, 4, 5)]
            assert names == ["ValueError", "SystemExit", "TypeError", "too_large", "Mute"]
            assert failures[0].message == "no good"
            assert (failures[4].message, failures[4].traceback) == (
                f"its partial has {ROOM + 6} bytes, more than {ROOM}",
                "",
            )
            assert "raise ValueError(message)\nValueError: no good" in failures[0].traceback
            assert whole == [1]

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("action", "line", "end"),
    [
        (["raises", "long " * 20_000], "raise ValueError(message)\n", "…"),
        (
            ["overflow", 0],
            "return self.overflow(depth + 1)\n",
            "RecursionError: maximum recursion depth exceeded",
        ),
        (["exit", 3], "sys.exit(code)\n", "SystemExit: 3"),
        (["unspeakable", 0], "raise Mute\n", "<exception str() failed>"),
    ],
    ids=["raises", "overflow", "exit", "unspeakable"],
)
def test_the_kinds_own_lines_close_a_traceback_however_long_it_is(
    action: list[Any], line: str, end: str
) -> None:
    async def scenario() -> None:
        async with driving() as driver:
            (failure, _), _ = await driver.run(action)
            assert line in failure.traceback
            assert end in failure.traceback.splitlines()[-1]
            assert len(failure.traceback) <= TRACEBACK_CHARS_MAX
            assert len(failure.message) <= MESSAGE_CHARS_MAX

    asyncio.run(scenario())


def test_printing_reading_and_secrets_of_the_parent_lead_nowhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FIRMLIGHT_TOKEN", "secret")

    async def scenario() -> None:
        async with driving() as driver:
            _, whole = await driver.run(["shout", "noise"], ["read_stdin", 0], ["environment", 0])
            assert whole[:2] == ["said", ""]
            assert "FIRMLIGHT_TOKEN" not in whole[2]

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("action", "words"), [(["segfault", 0], "killed by signal 11"), (["leave", 7], "exit code 7")]
)
def test_a_crash_names_its_subtask_and_a_fresh_process_takes_over(
    action: list[Any], words: str
) -> None:
    async def scenario() -> None:
        async with driving() as driver:
            events, _ = await driver.run(["give", 1], ["give", 2], action, ["give", 3])
            death = events[-1]
            assert isinstance(death, Death)
            assert (death.error, death.position) == ("crashed", 2)
            assert words in death.message
            assert ("in segfault" in death.traceback) == (action[0] == "segfault")
            await driver.next(wire.Started)
            assert (await driver.run(["give", 4]))[1] == [4]

    asyncio.run(scenario())


def test_a_subtask_that_takes_too_long_is_killed_with_what_it_started() -> None:
    async def scenario() -> None:
        async with driving() as driver:
            running = asyncio.create_task(
                driver.run(["sleep", 0.6], ["sleep", 0.6], ["descend", 60], seconds_max=1.0)
            )
            assert driver.slot.process
            slot = psutil.Process(driver.slot.process.pid)
            while not (found := slot.children()):  # noqa: ASYNC110  nobody says when it has started
                await asyncio.sleep(0.01)
            children.extend(child.pid for child in found)
            events, _ = await running
            death = events[-1]
            assert isinstance(death, Death)
            assert (death.error, death.position, death.traceback) == ("timed_out", 2, "")
            assert death.message.startswith("it took more than 1")

    children: list[int] = []
    asyncio.run(scenario())
    _wait_for_death(children[0], SLACK_SECONDS)


def test_a_fold_that_kills_its_process_is_nobodys_subtask() -> None:
    async def scenario() -> None:
        async with driving() as driver:
            events, _ = await driver.run(["give", 1], ["give", 2], kind="STUBBORN")
            batch, death = events
            assert isinstance(batch, wire.Batch)
            assert isinstance(death, Death)
            assert (len(batch.partials), death.position) == (2, wire.COMBINING)

    asyncio.run(scenario())


def test_a_combination_that_raises_or_grows_too_large_is_reported() -> None:
    async def scenario() -> None:
        async with driving() as driver:
            events, _ = await driver.run(["give", 1], ["give", 2], kind="BROKEN")
            assert events[-1] == wire.Finished(1, None, False, "ArithmeticError")
            events, _ = await driver.run(["large", ROOM - 100], ["large", ROOM - 100])
            assert events[-1] == wire.Finished(1, None, False, "too_large")

    asyncio.run(scenario())


def test_what_does_not_fit_the_kinds_partial_is_a_failure_here_and_never_sent() -> None:
    async def scenario() -> None:
        async with driving() as driver:
            events, whole = await driver.run(["give", 1], ["give", 101], ["give", 3], kind="TYPED")
            (raised,) = (event for event in events if isinstance(event, wire.Raised))
            assert (raised.position, raised.error) == (1, "BadPartial")
            why = "what it computed does not fit its kind's Partial"
            assert raised.message == f"{why}: Expected `int` <= 100 - at `$[0]`"
            assert whole == [1, 3]

    asyncio.run(scenario())


def test_what_fits_only_in_parts_is_sent_in_parts() -> None:
    async def scenario() -> None:
        async with driving() as driver:
            events, _ = await driver.run(*(["give", n] for n in range(4)), kind="TYPED")
            assert events[-1] == wire.Finished(1, None, False, wire.TOO_LARGE)

    asyncio.run(scenario())


def test_generic_limits_hold_for_a_kind_without_a_partial() -> None:
    async def scenario() -> None:
        async with driving() as driver:
            events, whole = await driver.run(["give", {"a": [1]}], ["give", {"1": _nested(32)}])
            (raised,) = (event for event in events if isinstance(event, wire.Raised))
            assert (raised.position, raised.error) == (1, "BadPartial")
            assert "nested deeper than 32" in raised.message
            assert whole == [{"a": [1]}]

    asyncio.run(scenario())


def test_a_partial_that_decides_the_task_ends_the_run() -> None:
    async def scenario() -> None:
        async with driving() as driver:
            events, whole = await driver.run(["give", 1], ["give", "decided"], ["sleep", 30])
            end = events[-1]
            assert isinstance(end, wire.Finished)
            assert end.decided
            assert whole == [1, "decided"]

    asyncio.run(scenario())


def test_a_cancelled_run_ends_between_subtasks_and_keeps_its_process() -> None:
    async def scenario() -> None:
        async with driving() as driver:
            process = driver.slot.process
            driver.start(*(["sleep", 0.01] for _ in range(1000)))
            await driver.next(wire.Batch)
            driver.slot.quit(1)
            while not isinstance(event := await driver.events.get(), wire.Finished):
                assert isinstance(event, wire.Batch)
            assert event.partial is None
            assert driver.slot.process is process

    asyncio.run(scenario())


def test_a_cancelled_run_that_does_not_listen_is_killed() -> None:
    async def scenario() -> None:
        async with driving() as driver:
            driver.start(["sleep", 60])
            driver.slot.quit(1)
            await driver.next(Death)
            await driver.next(wire.Started)

    asyncio.run(scenario())


def test_slots_that_cannot_start_say_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "msgspec.py").write_text("raise RuntimeError('this installation is damaged')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    async def scenario() -> None:
        driver = Driver()
        living = asyncio.create_task(driver.slot.run())
        broken = await driver.next(Broken)
        assert "this installation is damaged" in broken.message
        await living

    asyncio.run(scenario())


def test_a_slot_may_be_closed_while_it_starts() -> None:
    async def scenario() -> None:
        driver = Driver()
        living = asyncio.create_task(driver.slot.run())
        while not hasattr(driver.slot, "current"):  # noqa: ASYNC110  the last thing before the process
            await asyncio.sleep(0.001)
        driver.slot.close()
        await asyncio.wait_for(living, 5)
        assert driver.slot.process
        assert driver.slot.process.returncode is not None

    asyncio.run(scenario())


PARENT = """
import asyncio, sys
from firmlight_client.worker.slot import wire
from firmlight_client.worker.slot.processes import SlotProcess
import msgspec

def hear(number, event):
    if isinstance(event, wire.Started):
        payload = msgspec.msgpack.encode([sys.argv[1], 60])
        slot.start(wire.Run(1, "ODD", [payload], [], 1000), 60)
        print(slot.process.pid, flush=True)

slot = SlotProcess(0, hear)
asyncio.run(slot.run())
"""


@pytest.mark.parametrize(
    "busy",
    [
        "sleep",
        pytest.param(
            "hold_the_lock",
            marks=pytest.mark.skipif(
                sys.platform != "linux",
                reason="only Linux's kernel tells a process that its parent died",
            ),
        ),
    ],
)
def test_a_slot_does_not_outlive_a_parent_that_was_killed(
    busy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, busy], stdout=subprocess.PIPE, env=environment
    ) as parent:
        assert parent.stdout
        child = int(parent.stdout.readline())
        _until_busy(tmp_path)
        parent.send_signal(signal.SIGKILL)
        _wait_for_death(child, 1.0 + SLACK_SECONDS)
    if busy == "hold_the_lock":
        return
    for folder in tmp_path.glob("firmlight-slot-*"):  # a worker that starts later removes it
        assert list(folder.iterdir()) == []
        os.utime(folder, (0, 0))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    remove_empty_folders()
    assert list(tmp_path.iterdir()) == []


def _wait_for_death(process: int, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while _is_alive(process):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _is_alive(process: int) -> bool:
    """Dead it is also while nobody has asked for its exit code yet."""
    try:
        return psutil.Process(process).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _nested(levels: int) -> list[Any]:
    found: list[Any] = []
    for _ in range(levels - 1):
        found = [found]
    return found


def _until_busy(folder: Path) -> None:
    """Wait until the slot notes that it runs its first subtask."""
    (current,) = folder.glob("firmlight-slot-*/current")
    while int.from_bytes(current.read_bytes()[:8], "little", signed=True) != 0:
        time.sleep(0.01)
