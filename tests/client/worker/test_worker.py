"""A real `firmlight work` and a server's side that does what the test tells it."""

from __future__ import annotations

import queue
import re
import signal
import sys
import time
from collections.abc import Callable

import msgspec
import psutil
import pytest

from firmlight_client import protocol
from tests.client.worker_peer import HEARTBEAT_SECONDS, Line, Peer, WorkerProcess

Start = Callable[..., WorkerProcess]


@pytest.fixture
def line(peer: Peer, start_worker: Start) -> Line:
    """A worker of one slot that was welcomed and is ready."""
    start_worker()
    line = peer.line()
    line.welcome()
    assert line.expect(protocol.Ready).slots == 1
    return line


def settle(line: Line, result: protocol.Result) -> list[object]:
    line.accept(result)
    return msgspec.msgpack.decode(result.partial)


def test_a_worker_says_who_it_is(peer: Peer, start_worker: Start) -> None:
    start_worker("--slots", "2", "--name", "attic", "--group", "Lab Seven")
    hello = peer.line().welcome()
    assert (hello.name, hello.slots, hello.groups, hello.leases) == ("attic", 2, ["Lab Seven"], [])
    assert hello.kinds["ODD"] == "1"
    assert {"FACTORIZATION", "MEAN", "CRAWLER", "ECHO"} <= hello.kinds.keys()


def test_a_lease_comes_back_as_one_result_that_asks_for_the_next(line: Line) -> None:
    line.lease(*(["give", i] for i in range(1000)))
    result = line.expect(protocol.Result)
    assert result.subtasks == list(range(100, 1100))
    assert (result.ready, result.decided) == (1, False)
    assert sorted(settle(line, result)) == list(range(1000))
    line.lease(["give", "decided"], lease="L2")
    result = line.expect(protocol.Result)
    assert (result.lease, result.decided) == ("L2", True)
    assert settle(line, result) == ["decided"]


def test_failures_and_crashes_cost_only_their_own_subtasks(line: Line) -> None:
    line.lease(
        ["give", 1],
        ["raises", "no"],
        ["segfault", 0],
        ["give", 2],
        ["sleep", 20],
        ["give", 3],
        seconds_max=1.0,
    )
    failures = [line.expect(protocol.Failure) for _ in range(3)]
    reported = [(failure.subtask, failure.error, failure.ready) for failure in failures]
    assert reported == [(101, "ValueError", 0), (102, "crashed", 0), (104, "timed_out", 0)]
    assert failures[0].message == "no"
    assert failures[0].traceback.endswith("raise ValueError(message)\nValueError: no\n")
    assert failures[1].message == "killed by signal 11 (SIGSEGV)"
    assert "in segfault" in failures[1].traceback
    assert failures[2].traceback == ""
    result = line.expect(protocol.Result)
    assert sorted(result.subtasks) == [100, 103, 105]
    assert sorted(settle(line, result)) == [1, 2, 3]  # type: ignore[type-var]


def test_heartbeats_flow_while_it_computes_and_name_what_it_holds(line: Line) -> None:
    line.lease(["sleep", 5 * HEARTBEAT_SECONDS])
    line.expect_heartbeats(["L1"], times=3)
    line.accept(line.expect(protocol.Result))
    line.expect_heartbeats([])


def test_a_broken_line_costs_neither_the_lease_nor_the_result(peer: Peer, line: Line) -> None:
    line.lease(["sleep", 1.0], ["give", 1])
    time.sleep(0.1)
    line.cut()
    second = peer.line()
    assert second.welcome(leases=["L1"]).leases == ["L1"]
    second.close(protocol.CLOSE_RESTARTING)
    third = peer.line()
    assert third.welcome(leases=["L1"]).leases == ["L1"]
    result = third.expect(protocol.Result)
    third.cut()  # the result may have arrived or not: it is sent again
    fourth = peer.line()
    assert fourth.welcome(leases=["L1"]).leases == ["L1"]
    again = fourth.expect(protocol.Result)
    assert (again.subtasks, again.partial) == (result.subtasks, result.partial)
    settle(fourth, again)


def test_what_the_server_no_longer_knows_is_dropped(peer: Peer, line: Line) -> None:
    line.lease(["sleep", 60])
    time.sleep(0.1)
    line.close(protocol.CLOSE_RESTARTING)
    second = peer.line()
    assert second.welcome(leases=[]).leases == ["L1"]
    assert second.expect(protocol.Ready).slots == 1
    second.expect_heartbeats([])


def test_a_refused_result_is_combined_again_without_what_others_did(line: Line) -> None:
    line.lease(*(["give", i] for i in range(6)))
    first = line.expect(protocol.Result)
    line.send(protocol.Refused(lease="L1", reason="done_by_another", open=[101, 104, 999]))
    second = line.expect(protocol.Result)
    assert second.subtasks == [101, 104]
    assert second.seconds < first.seconds
    assert sorted(settle(line, second)) == [1, 4]  # type: ignore[type-var]


def test_a_result_that_is_too_large_together_is_sent_in_parts(line: Line) -> None:
    line.lease(*(["give", i] for i in range(4)))
    line.expect(protocol.Result)
    line.send(protocol.Refused(lease="L1", reason="too_large", open=[100, 101, 102, 103]))
    parts = [line.expect(protocol.Result) for _ in range(2)]
    assert [part.subtasks for part in parts] == [[100, 101], [102, 103]]
    line.accept(parts[0])
    line.send(protocol.Refused(lease="L1", reason="too_large", open=[102, 103]))
    line.accept(line.expect(protocol.Result))
    line.expect(protocol.Result)
    line.send(protocol.Refused(lease="L1", reason="too_large", open=[103]))
    assert line.expect(protocol.Failure).error == "too_large"


def test_a_kind_that_cannot_combine_still_delivers_each_partial(line: Line) -> None:
    for number, kind in enumerate(["BROKEN", "STUBBORN"]):
        line.lease(["give", 1], ["give", 2], kind=kind, lease=f"L{number}")
        results = [line.expect(protocol.Result) for _ in range(2)]
        assert [settle(line, result) for result in results] == [[1], [2]]
        assert number or results[-1].ready == 1


@pytest.mark.parametrize("busy", ["sleep", "hold_the_lock"])
def test_a_cancelled_lease_frees_its_slot_within_a_second(
    peer: Peer, start_worker: Start, busy: str
) -> None:
    worker = start_worker()
    line = peer.line()
    line.welcome()
    line.expect(protocol.Ready)
    line.lease([busy, 60], ["give", 1])
    line.expect_heartbeats(["L1"], times=2)
    (slot,) = psutil.Process(worker.process.pid).children()
    line.send(protocol.Cancel(leases=["L1", "never heard of"], reason="cancelled"))
    psutil.wait_procs([slot], timeout=1.0)
    assert not slot.is_running()
    assert line.expect(protocol.Ready).slots == 1
    line.lease(["give", 2], lease="L2")
    assert settle(line, line.expect(protocol.Result)) == [2]


def test_sigterm_drains(peer: Peer, start_worker: Start) -> None:
    worker = start_worker()
    line = peer.line()
    line.welcome()
    line.expect(protocol.Ready)
    line.lease(["sleep", 0.5], ["give", 1])
    line.lease(["give", 2], lease="L2")  # more than it asked for: it waits for the slot
    time.sleep(0.2)
    worker.signal(signal.SIGTERM)
    release = line.expect(protocol.Release)
    assert (release.lease, release.subtasks) == ("L2", [100])
    line.accept(release)
    result = line.expect(protocol.Result)
    assert (result.subtasks, result.ready) == ([100, 101], 0)
    line.accept(result)
    line.expect(protocol.Bye)
    line.close(1000)
    assert worker.exit_code() == 0
    assert "finishing 2 leases" in worker.words()
    assert not list(worker.slots_folder.iterdir())


def test_the_server_may_ask_it_to_drain(peer: Peer, start_worker: Start) -> None:
    worker = start_worker()
    line = peer.line()
    line.welcome()
    line.expect(protocol.Ready)
    line.send(protocol.Drain(reason="its owner removed it"))
    line.expect(protocol.Bye)
    assert worker.exit_code() == 0
    assert "its owner removed it" in worker.words()


def test_a_worker_that_is_drained_finishes_what_it_holds_first(
    peer: Peer, start_worker: Start
) -> None:
    worker = start_worker("--slots", "2")
    line = peer.line()
    line.welcome()
    while line.expect(protocol.Ready).slots < 2:
        pass
    line.lease(["sleep", 0.5], ["give", 1])
    line.lease(["sleep", 1.0], lease="L2")
    line.expect_heartbeats(["L1", "L2"])
    line.send(protocol.Drain(reason="its owner asked for it"))
    for lease, subtasks in (("L1", [100, 101]), ("L2", [100])):
        result = line.expect(protocol.Result)
        assert (result.lease, result.subtasks, result.ready) == (lease, subtasks, 0)
        line.accept(result)
    line.expect(protocol.Bye)
    assert worker.exit_code() == 0
    assert "finishing 2 leases (ODD; ODD): its owner asked for it" in worker.words()


def test_a_suspended_worker_stays_connected_and_says_why(peer: Peer, start_worker: Start) -> None:
    worker = start_worker()
    line = peer.line()
    line.welcome()
    line.expect(protocol.Ready)
    line.send(
        protocol.Error(code="suspended", message="It failed on tasks of three people in a row.")
    )
    line.expect_heartbeats([], times=3)
    line.lease(["give", 1])
    settle(line, line.expect(protocol.Result))
    worker.signal(signal.SIGTERM)
    assert worker.exit_code() == 0
    words = worker.words()
    assert "the server says: It failed on tasks of three people in a row." in words
    assert "let back" in words


def test_a_worker_that_connected_too_often_comes_back_much_later(
    peer: Peer, start_worker: Start
) -> None:
    worker = start_worker()
    line = peer.line()
    line.expect(protocol.Hello)
    line.send(
        protocol.Error(code="too_many_connections", message="This worker connects too often.")
    )
    line.close(protocol.CLOSE_TOO_MANY)
    with pytest.raises(queue.Empty):
        peer.line(2.0)
    worker.signal(signal.SIGTERM)
    assert worker.exit_code() == 0
    assert re.search(r"This worker connects too often; trying again in [3-6]\d s", worker.words())


@pytest.mark.skipif(sys.platform != "linux", reason="no other system keeps the limit")
def test_who_needs_more_memory_than_a_slot_may_take_fails_alone(
    peer: Peer, start_worker: Start
) -> None:
    start_worker("--memory", "256")
    line = peer.line()
    line.welcome()
    line.expect(protocol.Ready)
    line.lease(["give", 1], ["eat", 1000], ["give", 2])
    failure = line.expect(protocol.Failure)
    assert (failure.subtask, failure.error, failure.message) == (
        101,
        "MemoryError",
        "it needed more than 256 MiB",
    )
    result = line.expect(protocol.Result)
    assert (result.subtasks, sorted(settle(line, result))) == ([100, 102], [1, 2])  # type: ignore[type-var]


def test_a_second_signal_stops_at_once(peer: Peer, start_worker: Start) -> None:
    worker = start_worker()
    line = peer.line()
    line.welcome()
    line.expect(protocol.Ready)
    line.lease(["sleep", 60])
    time.sleep(0.2)
    slots = psutil.Process(worker.process.pid).children()
    worker.signal(signal.SIGINT)
    line.expect_silence(0.2)
    worker.signal(signal.SIGINT)
    line.expect(protocol.Bye)
    assert worker.exit_code() == 1
    assert not any(slot.is_running() for slot in slots)


def test_a_bad_token_ends_it_with_one_clear_line(start_worker: Start) -> None:
    worker = start_worker(token="wrong")
    assert worker.exit_code() == 3
    words = worker.words()
    assert "stopped: This token is not known here." in words
    assert "Traceback" not in words
    assert "wrong" not in words


def test_it_waits_for_a_server_that_is_not_there_yet(start_worker: Start, peer: Peer) -> None:
    port = peer.port
    peer.server.shutdown()
    peer.thread.join()
    worker = start_worker()
    assert worker.process.stdout
    while "cannot be reached" not in worker.process.stdout.readline():
        pass
    with Peer(port) as late:
        late.line().welcome()
        worker.signal(signal.SIGTERM)
        assert worker.exit_code() == 0
