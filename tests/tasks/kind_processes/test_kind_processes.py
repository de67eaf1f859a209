"""Code of kinds in child processes: what comes back, what is limited, and whom it may hold up."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from pytest_django import Settings

from core.errors import Busy
from firmlight_client import kinds
from tasks.kind_processes import calls, pool, process, wire
from tasks.kind_processes.environment import ROOT
from tasks.kind_processes.outcomes import (
    Crashed,
    KindChanged,
    KindRaised,
    NotWanted,
    OutOfMemory,
    RuleViolated,
    TimedOut,
)
from tasks.kind_processes.watch import Limits
from tests.support.patient import until

Hard = kinds.Kind
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="no other system keeps this limit")


def acts(**stages: str) -> dict[str, Any]:
    return {"acts": stages}


def packed(**params: Any) -> bytes:
    return msgspec.msgpack.encode(params)


def process_of(kind: Hard) -> int:
    """Which process answers now."""
    with pytest.raises(kinds.ParamsError) as caught:
        calls.load(kind, acts(load="look"))
    return caught.value.process  # type: ignore[attr-defined,no-any-return]


def is_gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


# What comes back


def test_params_come_back_packed(hard: Hard) -> None:
    echo = kinds.get("ECHO")
    assert msgspec.msgpack.decode(calls.load(echo, {"count": 7}), type=echo.Params).count == 7
    number = calls.load(kinds.get("FACTORIZATION"), {"number": 10**39 + 1})
    assert msgspec.msgpack.decode(number) == {"number": str(10**39 + 1)}


def test_a_file_is_read_and_what_was_left_out_is_named() -> None:
    skipped: list[str] = []
    file = SimpleUploadedFile("a.csv", b"width\n1\n2\nna\n")
    counted = calls.preview(kinds.get("MEAN"), {}, file)
    calls.load(kinds.get("MEAN"), {}, file, skipped=skipped)
    assert skipped == counted.skipped and len(skipped) == 2
    assert ("Numbers", "2") in [tuple(row) for row in counted.summary]


def test_the_kinds_own_refusal_comes_back_whole(hard: Hard) -> None:
    with pytest.raises(kinds.ParamsError, match="which of the two") as caught:
        calls.load(hard, acts(load="refuse"))
    assert (caught.value.field, caught.value.message) == ("column", "which of the two?")
    assert caught.value.choices == ["a", "b"]  # type: ignore[attr-defined]


def test_another_exception_comes_back_with_its_class_and_its_stage(hard: Hard) -> None:
    with pytest.raises(KindRaised, match="nothing there") as caught:
        calls.conclude(
            hard,
            [packed_partial(), packed_partial()],
            packed(**acts(finish="raise nothing there")),
            subtasks=[[0, 1], [1, 1]],
            check_decided=False,
        )
    assert (caught.value.name, caught.value.stage) == ("ZeroDivisionError", "finish")
    assert (
        "def raises" not in caught.value.traceback and "ZeroDivisionError" in caught.value.traceback
    )


def packed_partial(number: int = 1, *acts: str) -> bytes:
    return msgspec.msgpack.encode([number, *(acts or [""])])


def test_partials_become_the_result(hard: Hard) -> None:
    result, wrong = calls.conclude(
        hard,
        [packed_partial(2), packed_partial(3)],
        packed(),
        subtasks=[[0, 1], [1, 1]],
        check_decided=False,
        incomplete={"of": 9},
    )
    assert result
    assert not wrong
    assert msgspec.json.decode(result).items() >= {"count": 5, "incomplete": {"of": 9}}.items()
    undecided = calls.conclude(
        hard, [packed_partial()], packed(), subtasks=[[0, 1]], check_decided=True
    )
    assert undecided == (None, {}), "it says it is not decided"


def test_a_result_beyond_the_limit_is_not_even_sent(hard: Hard, settings: Settings) -> None:
    settings.RESULT_BYTES_MAX = 5
    with pytest.raises(RuleViolated, match="at most 5"):
        calls.conclude(hard, [packed_partial()], packed(), subtasks=[[0, 1]], check_decided=False)


def test_more_words_than_anybody_reads_are_not_even_read(
    hard: Hard, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = process_of(hard)
    monkeypatch.setattr(wire, "HEAD_BYTES_MAX", 100)
    with pytest.raises(RuleViolated, match="bytes"):
        calls.load(hard, {"acts": {"load": "look"}})
    assert is_gone(before)


def test_a_refusal_ends_no_process_and_words_of_a_kind_reach_nobody(hard: Hard) -> None:
    before = process_of(hard)
    for act in ("refuse", "raise x", "exit 3"):
        with pytest.raises((kinds.ParamsError, KindRaised)):
            calls.load(hard, acts(load=act))
    calls.load(hard, acts(load="shout x"))
    assert process_of(hard) == before


def test_a_child_of_another_version_refuses(hard: Hard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(hard), "version", "2")
    with pytest.raises(KindChanged):
        calls.load(hard, {})


def test_an_event_loop_may_ask(hard: Hard) -> None:
    async def ask() -> Any:
        data = packed(acts={}, count=2)
        return await calls.ask_async("typed", hard, None, [data], limits=Limits(5, 5))

    value, _ = asyncio.run(ask())
    assert value["count"] == 2


# Limits


def test_a_call_that_takes_too_long_is_ended_and_the_next_is_served(
    hard: Hard, settings: Settings
) -> None:
    settings.LOAD_SECONDS_MAX = 0.3
    before = process_of(hard)
    with pytest.raises(TimedOut, match=r"more than 0\.3 s") as caught:
        calls.load(hard, acts(load="sleep 60"))
    assert not caught.value.lasting, "the machine may have been busy"
    settings.LOAD_SECONDS_MAX = 20
    assert process_of(hard) != before
    assert is_gone(before)


def test_processor_time_is_limited_even_where_nobody_watches_the_clock(
    hard: Hard, settings: Settings
) -> None:
    settings.LOAD_PROCESSOR_SECONDS_MAX = 0.5
    with pytest.raises(TimedOut, match="computed") as caught:
        calls.load(hard, acts(load="spin"))
    assert caught.value.lasting


def test_processor_time_is_counted_for_each_call_anew(hard: Hard, settings: Settings) -> None:
    settings.LOAD_PROCESSOR_SECONDS_MAX = 3
    for _ in range(3):
        with pytest.raises(kinds.ParamsError):
            calls.load(kinds.get("ECHO"), {"count": 0})
    before = process_of(hard)
    for _ in range(50):
        calls.load(hard, {})
    assert process_of(hard) == before


@LINUX
def test_memory_is_limited(hard: Hard, settings: Settings) -> None:
    settings.KIND_MEMORY_MIB = 256
    pool.forget()
    before = process_of(hard)
    with pytest.raises(OutOfMemory, match="256 MiB"):
        calls.load(hard, acts(load="eat"))
    assert process_of(hard) != before, "it keeps what it ate"


@LINUX
def test_a_child_whose_memory_stays_full_is_replaced(hard: Hard, settings: Settings) -> None:
    settings.KIND_MEMORY_MIB = 256
    pool.forget()
    before = process_of(hard)
    calls.load(hard, acts(load="stuff"))
    assert process_of(hard) != before


def test_a_child_that_has_served_many_calls_is_replaced(hard: Hard, settings: Settings) -> None:
    settings.KIND_CALLS_MAX = 2
    assert len({process_of(hard) for _ in range(4)}) == 2


@pytest.mark.parametrize(("act", "how"), [("crash", "SIGSEGV"), ("leave 3", "exit code 3")])
def test_a_crash_is_distinguished_from_a_failure(hard: Hard, act: str, how: str) -> None:
    with pytest.raises(Crashed, match=how) as caught:
        calls.load(hard, acts(load=act))
    assert not caught.value.lasting
    calls.load(hard, {})


def test_a_child_that_lives_on_without_its_pipe_is_ended(hard: Hard) -> None:
    began, before = time.monotonic(), process_of(hard)
    with pytest.raises(Crashed, match="closed its pipe"):
        calls.load(hard, acts(load="fall_silent"))
    assert time.monotonic() - began < 15
    assert is_gone(before)


def test_what_a_call_leaves_in_temporary_files_goes(hard: Hard) -> None:
    calls.load(hard, acts(load="litter of-another-user"))
    with pytest.raises(kinds.ParamsError) as caught:
        calls.load(hard, acts(load="look"))
    assert caught.value.temporary == []  # type: ignore[attr-defined]


def test_what_a_kind_started_ends_with_it(hard: Hard, settings: Settings, tmp_path: Path) -> None:
    settings.LOAD_SECONDS_MAX = 2
    with pytest.raises(TimedOut):
        calls.load(hard, acts(load=f"descend {tmp_path / 'notes'}"))
    until(lambda: all(is_gone(int(pid)) for pid in (tmp_path / "notes").read_text().split()))


def test_a_call_that_is_no_longer_wanted_ends(hard: Hard) -> None:
    began, asked = time.monotonic(), []

    def wanted() -> bool:
        asked.append(1)
        return len(asked) < 2

    with pytest.raises(NotWanted):
        calls.conclude(
            hard,
            [packed_partial()],
            packed(**acts(finish="sleep 60")),
            subtasks=[[0, 1]],
            check_decided=False,
            wanted=wanted,
        )
    assert time.monotonic() - began < 20


# Streams


def test_a_split_waits_for_its_reader(hard: Hard, tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    params = packed(count=200, payload_bytes=2**20, notes=str(notes))
    batches = calls.split(hard, params)
    total = len(next(batches).payloads)
    until(lambda: _stands_still(notes))
    assert notes.stat().st_size < 50, "it has run far ahead"
    total += sum(len(batch.payloads) for batch in batches)
    assert total == 200


def _stands_still(file: Path) -> bool:
    before = file.stat().st_size
    time.sleep(0.3)
    return file.stat().st_size == before


def test_a_split_that_nobody_hears_to_its_end_ends(hard: Hard, settings: Settings) -> None:
    settings.SPLIT_BATCH_FIRST = 1
    before = process_of(hard)
    batches = calls.split(hard, packed(count=1000, payload_bytes=2**20))
    next(batches)
    batches.close()
    assert is_gone(before)
    calls.load(hard, {})


def test_a_preview_stops_counting_in_the_middle_of_a_batch(hard: Hard, settings: Settings) -> None:
    settings.LOAD_SECONDS_MAX, settings.PREVIEW_SECONDS_MAX = 3, 0.5
    counted = calls.preview(hard, {"count": 60, "acts": {"split": "sleep 0.2"}})
    assert not counted.exact
    assert 1 <= counted.subtasks < 20


def test_a_split_without_end_is_ended(hard: Hard, settings: Settings) -> None:
    settings.SPLIT_SECONDS_MAX = 0.5
    with pytest.raises(TimedOut):
        list(calls.split(hard, packed(count=2, acts={"split": "sleep 60"})))


# Whom it holds up


def test_one_users_slow_input_holds_up_nobody_else(hard: Hard, settings: Settings) -> None:
    settings.LOAD_SECONDS_MAX = 3
    slow = threading.Thread(target=_load_slowly, args=(hard, "alice"))
    slow.start()
    until(lambda: "alice" in pool.children().owners)
    calls.load(hard, {}, owner="bob")  # type: ignore[arg-type]
    with pytest.raises(Busy):
        calls.load(hard, {}, owner="alice")  # type: ignore[arg-type]
    assert slow.is_alive(), "others were served meanwhile"
    slow.join()
    calls.load(hard, {}, owner="alice")  # type: ignore[arg-type]


def _load_slowly(kind: Hard, owner: Any) -> None:
    with pytest.raises(TimedOut):
        calls.load(kind, acts(load="sleep 60"), owner=owner)


def test_large_inputs_leave_a_child_to_the_others(
    hard: Hard, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.KIND_PROCESSES_MAX, settings.LOAD_SECONDS_MAX, settings.KIND_WAIT_SECONDS_MAX = (
        2,
        3,
        0.3,
    )
    pool.forget()
    monkeypatch.setattr(calls, "HEAVY_BYTES", 0)
    slow = threading.Thread(target=_load_slowly, args=(hard, "alice"))
    slow.start()
    until(lambda: pool.children().heavy == 1)
    with pytest.raises(Busy):
        calls.load(hard, {}, owner="bob")  # type: ignore[arg-type]
    monkeypatch.setattr(calls, "HEAVY_BYTES", 1000)
    calls.load(hard, {}, owner="bob")  # type: ignore[arg-type]
    slow.join()


def test_a_caller_that_finds_no_free_child_is_refused_soon(hard: Hard, settings: Settings) -> None:
    settings.KIND_PROCESSES_MAX, settings.KIND_WAIT_SECONDS_MAX, settings.LOAD_SECONDS_MAX = (
        1,
        0.2,
        3,
    )
    pool.forget()
    slow = threading.Thread(target=_load_slowly, args=(hard, "alice"))
    slow.start()
    until(lambda: bool(pool.children().owners))
    with pytest.raises(Busy):
        calls.load(hard, {}, owner="bob")  # type: ignore[arg-type]
    slow.join()


def test_callers_are_refused_if_no_child_can_be_started(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def cannot(self: process.Process) -> Any:
        raise BlockingIOError("no more processes")

    settings.KIND_WAIT_SECONDS_MAX = 0.3
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(process.tempfile, "tempdir", None)
    monkeypatch.setattr(process.Process, "_spawn", cannot)
    pool.forget()
    with pytest.raises(Busy):
        calls.load(kinds.get("ECHO"), {"count": 1})
    pool.forget()
    assert not list(tmp_path.iterdir())


def test_concurrent_calls_get_their_own_answers_from_a_bounded_number(settings: Settings) -> None:
    settings.KIND_PROCESSES_MAX = 3
    pool.forget()
    echo = kinds.get("ECHO")

    def count(number: int) -> int:
        return int(msgspec.msgpack.decode(calls.load(echo, {"count": number}))["count"])

    with ThreadPoolExecutor(10) as threads:
        assert list(threads.map(count, range(1, 200))) == list(range(1, 200))
    assert 1 <= pool.children().size <= 3


def test_children_that_nobody_needs_end_but_for_one(hard: Hard, settings: Settings) -> None:
    settings.KIND_IDLE_SECONDS = 0.2
    pool.forget()
    with ThreadPoolExecutor(3) as threads:
        list(threads.map(lambda _: calls.load(hard, acts(load="sleep 0.5")), range(3)))
    assert pool.children().size > 1
    until(lambda: pool.children().size == 1)
    calls.load(hard, {})


# What a child has, and how long it lives


def test_a_child_has_no_secret_no_socket_and_no_server(
    hard: Hard, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool.forget()
    with pytest.raises(kinds.ParamsError) as caught:
        calls.load(hard, acts(load="look"))
    given: Any = caught.value
    assert not {"SECRET_KEY", "DATABASE_URL", "REDIS_URL"} & given.environment.keys()
    assert os.environ["SECRET_KEY"] not in given.environment.values()
    assert not [name for name in given.open_files if "socket" in name or "sqlite" in name]
    assert not {"django", "core", "redis", "celery", "firmlight", "channels"} & set(given.modules)
    assert given.nice == min(19, os.getpriority(os.PRIO_PROCESS, 0) + 3)


PARENT = """
import django, sys, threading, time
django.setup()
from firmlight_client import kinds
from tasks.kind_processes import calls
kind = kinds.get("HARD")
calls.load(kind, {})
for act in sys.argv[1:]:
    threading.Thread(target=calls.load, args=(kind, {"acts": {"load": act}}), daemon=True).start()
print("ready", flush=True)
time.sleep(60)
"""


def test_a_child_is_killed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The number of one that is gone may be another process's by now."""
    child = process.Process(memory_mib=0)
    killed: list[int] = []
    real = os.killpg
    monkeypatch.setattr(os, "killpg", lambda pid, how: (killed.append(pid), real(pid, how)))
    child.kill()
    child.kill()
    assert killed == [child.popen.pid]
    assert not child.folder.exists()


def test_children_end_with_a_parent_that_was_killed(hard: Hard, tmp_path: Path) -> None:
    """Idle, asleep, at work, with a process of their own, and deaf in foreign code that holds the
    interpreter.
    """
    notes = tmp_path / "notes"
    acts = [
        "sleep 60",
        "spin",
        f"descend {notes}",
        *(["hold 60"] if sys.platform == "linux" else []),
    ]
    environment = {**os.environ, "KIND_PROCESSES_MAX": "5", "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-c", PARENT, *acts]
    parent = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment)
    try:
        assert parent.stdout and parent.stdout.readline() == "ready\n"
        until(lambda: notes.exists() and notes.read_text().endswith("\n"))
        until(lambda: len(psutil.Process(parent.pid).children()) >= len(acts))
        time.sleep(0.5)  # what sleeps shows nothing
        family = psutil.Process(parent.pid).children(recursive=True)
        assert len(family) > len(acts), "the process that a kind started is among them"
        parent.send_signal(signal.SIGKILL)
        until(lambda: all(is_gone(process.pid) for process in family))
        left = list(tmp_path.glob("firmlight-kind-*"))
        assert len(left) <= 1, "all that could still run Python have removed their folders"
    finally:
        parent.kill()
        parent.communicate()
