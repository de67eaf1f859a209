"""A worker's life: killed, stopped, asleep, cut off, its disk full, its token gone, its clock
wrong.

Real processes and sockets; the server's side does what the test says. `test_worker.py` beside this
one has the rest.
"""

from __future__ import annotations

import os
import queue
import resource
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from firmlight_client import protocol
from firmlight_client.auth.login_file import Login, LoginFile
from firmlight_client.auth.token_refresh import another_token
from tests.client.web_peer import WebPeer
from tests.client.worker_peer import Line, Peer, WorkerProcess
from tests.support.cli import firmlight

Start = Callable[..., WorkerProcess]
NAME = ("--name", "attic")


def ready(peer: Peer, *, leases: tuple[str, ...] = ()) -> Line:
    """The next connection, welcomed and ready."""
    line = peer.line()
    line.welcome(leases)
    return line


def idle(peer: Peer) -> Line:
    line = ready(peer)
    assert line.expect(protocol.Ready).slots == 1
    return line


def home() -> Path:
    return Path(os.environ["FIRMLIGHT_HOME"])


def spooled() -> list[Path]:
    return list(home().glob("spool/*/*/*.result"))


def values(result: protocol.Result) -> list[object]:
    return sorted(msgspec.msgpack.decode(result.partial))


def die_with_a_result(peer: Peer, start_worker: Start) -> protocol.Result:
    """A worker computes two subtasks, sends what they gave, and is killed before anybody has taken
    it.
    """
    worker = start_worker(*NAME)
    line = idle(peer)
    line.lease(["give", 1], ["give", 2])
    sent = line.expect(protocol.Result)
    worker.signal(signal.SIGKILL)
    worker.exit_code()
    return sent


def test_a_result_survives_the_death_of_its_worker(peer: Peer, start_worker: Start) -> None:
    sent = die_with_a_result(peer, start_worker)
    assert len(spooled()) == 1
    assert (
        spooled()[0].stat().st_mode & 0o077 == 0 or spooled()[0].parent.stat().st_mode & 0o077 == 0
    )

    second = start_worker(*NAME)
    line = peer.line()
    assert line.welcome(["L1"]).leases == ["L1"]
    again = line.expect(protocol.Result)
    assert (again.subtasks, values(again)) == (sent.subtasks, [1, 2])
    line.accept(again)
    line.expect_heartbeats([])
    second.signal(signal.SIGTERM)
    assert second.exit_code() == 0
    assert "1 result of an earlier run to deliver" in second.words()
    assert not spooled()


def test_what_the_server_took_meanwhile_is_forgotten(peer: Peer, start_worker: Start) -> None:
    die_with_a_result(peer, start_worker)
    second = start_worker(*NAME)
    ready(peer).expect(protocol.Ready)
    second.signal(signal.SIGTERM)
    assert second.exit_code() == 0
    assert not spooled()


def test_of_what_others_did_in_part_the_rest_is_given_back(peer: Peer, start_worker: Start) -> None:
    die_with_a_result(peer, start_worker)
    start_worker(*NAME)
    line = ready(peer, leases=("L1",))
    line.expect(protocol.Result)
    line.send(protocol.Refused(lease="L1", reason="done_by_another", open=[101]))
    assert line.expect(protocol.Release).subtasks == [
        101
    ]  # one partial was kept for both, not each its own


def test_a_server_that_is_away_for_long_gets_everything_in_the_end(
    peer: Peer, start_worker: Start
) -> None:
    port = peer.port
    start_worker(*NAME)
    line = idle(peer)
    line.lease(["sleep", 0.3], ["give", 1])
    line.expect_heartbeats(["L1"])
    peer.server.shutdown()
    peer.thread.join()
    deadline = time.monotonic() + 10
    while not spooled():  # computed while nobody listens
        assert time.monotonic() < deadline
        time.sleep(0.02)
    time.sleep(1.5)  # several tries in vain
    with Peer(port) as back:
        line = ready(back, leases=("L1",))
        result = line.expect(protocol.Result)
        line.accept(result)
        assert len(result.subtasks) == 2
        line.expect_heartbeats([])
        assert not spooled()


def test_two_workers_of_one_name_keep_apart(peer: Peer, start_worker: Start) -> None:
    workers = [start_worker(*NAME) for _ in range(2)]
    lines = [ready(peer) for _ in workers]
    for number, line in enumerate(lines):
        line.expect(protocol.Ready)
        line.lease(["give", number], lease=f"L{number}")
    results = [line.expect(protocol.Result) for line in lines]
    assert [values(result) for result in results] == [[0], [1]]
    assert len({path.parent for path in spooled()}) == 2
    for worker in workers:
        worker.signal(signal.SIGKILL)
        worker.exit_code()
    start_worker(*NAME)
    assert sorted(peer.line().welcome().leases) == ["L0", "L1"]


def no_room() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))


def test_with_a_full_disk_results_are_delivered_all_the_same(
    peer: Peer, start_worker: Start
) -> None:
    worker = start_worker(*NAME, before=no_room)
    line = idle(peer)
    line.lease(["large", 10_000])
    result = line.expect(protocol.Result)
    assert not list(home().glob("spool/*/*/*.*"))
    line.accept(result)
    line.lease(["give", 1], lease="L2")
    line.accept(line.expect(protocol.Result))
    worker.signal(signal.SIGTERM)
    assert worker.exit_code() == 0
    words = worker.words()
    assert words.count("results cannot be put on disk") == 1
    assert "File too large" in words


def test_a_home_that_cannot_be_written_stops_nothing(peer: Peer, start_worker: Start) -> None:
    home().mkdir()
    (home() / "spool").write_text("no folder")
    start_worker(*NAME)
    line = idle(peer)
    line.lease(["give", 1])
    assert values(line.expect(protocol.Result)) == [1]


def test_a_torn_file_is_dropped(peer: Peer, start_worker: Start) -> None:
    first = start_worker(*NAME)
    line = idle(peer)
    line.lease(["give", 1])
    line.expect(protocol.Result)
    first.signal(signal.SIGKILL)
    first.exit_code()
    (file,) = spooled()
    file.write_bytes(file.read_bytes()[:-5])
    start_worker(*NAME)
    assert peer.line().welcome().leases == []
    assert not spooled()


def test_a_machine_that_sleeps_comes_back_for_its_work(peer: Peer, start_worker: Start) -> None:
    worker = start_worker(*NAME)
    line = idle(peer)
    line.lease(["sleep", 0.5], ["give", 1])
    line.expect_heartbeats(["L1"])
    worker.signal(signal.SIGSTOP)
    line.cut()
    time.sleep(1.0)
    worker.signal(signal.SIGCONT)
    line = ready(peer, leases=("L1",))
    assert len(line.expect(protocol.Result).subtasks) == 2


CLOCK = "import time\nreal = time.time\ntime.time = lambda: real() {shift}\n"


@pytest.mark.parametrize("shift", ["+ 86400", "- 86400"])
def test_a_clock_that_is_wrong_by_a_day_changes_nothing(
    peer: Peer, start_worker: Start, tmp_path: Path, shift: str
) -> None:
    (tmp_path / "sitecustomize.py").write_text(CLOCK.format(shift=shift))
    start_worker(*NAME, env={"PYTHONPATH": f"{tmp_path}:{os.environ['PYTHONPATH']}"})
    line = idle(peer)
    line.lease(["give", 1])
    line.accept(line.expect(protocol.Result))
    line.expect_heartbeats([], times=2)


def log_in(url: str, **tokens: str) -> None:
    LoginFile(home()).save(Login(url=url, username="alice", **tokens))


def test_a_revoked_token_ends_it_with_one_clear_line(peer: Peer, start_worker: Start) -> None:
    home().mkdir()
    log_in(peer.url, worker_token="right")
    worker = start_worker(*NAME, token="")
    line = idle(peer)
    line.send(protocol.Error(code="bad_token", message="This token is no longer valid."))
    line.close(protocol.CLOSE_BAD_TOKEN)
    assert worker.exit_code() == 3
    assert worker.words().count("This token is no longer valid.") == 1


def test_who_logs_in_again_need_not_start_his_worker_again(peer: Peer, start_worker: Start) -> None:
    home().mkdir()
    log_in(peer.url, worker_token="right")
    start_worker(*NAME, token="")
    line = idle(peer)
    line.lease(["sleep", 0.5])
    log_in(peer.url, worker_token="newer")
    peer.token = "newer"
    line.close(protocol.CLOSE_BAD_TOKEN)
    line = ready(peer, leases=("L1",))
    assert line.expect(protocol.Result)


def test_an_access_token_that_ran_out_is_renewed_once_for_all() -> None:
    with WebPeer() as web:
        home().mkdir()
        log_in(web.url, access="stale", refresh="refresh-0")
        fresh = another_token(web.url, "stale")
        assert fresh == LoginFile(home()).load().access != "stale"
        assert another_token(web.url, "stale") == fresh
        assert [path for _, path, _ in web.asked] == ["auth/refresh/"]
        assert another_token("http://127.0.0.1:9", "stale") == ""


def test_a_client_that_is_too_old_says_how_to_update(peer: Peer, start_worker: Start) -> None:
    worker = start_worker(*NAME)
    line = peer.line()
    line.expect(protocol.Hello)
    line.send(
        protocol.Error(
            code="client_too_old", message="Too old. Update: pip install --upgrade firmlight-client"
        )
    )
    line.close(protocol.CLOSE_BAD_VERSION)
    assert worker.exit_code() == 4
    assert worker.words().count("pip install --upgrade firmlight-client") == 1


def test_outside_its_hours_it_asks_for_nothing_and_says_why(
    peer: Peer, start_worker: Start
) -> None:
    home().mkdir()
    day = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")[(time.localtime().tm_wday + 3) % 7]
    (home() / "worker.toml").write_text(f'hours = ["{day}"]\n[groups.Friends]\nhours = []\n')
    worker = start_worker(*NAME)
    line = peer.line()
    hello = line.welcome(owner_groups={"G-Lab Seven": "Lab Seven", "G-Friends": "Friends"})
    assert hello.consent[protocol.ALL_GROUPS].hours == [day]
    said = line.expect(protocol.Ready)
    assert said.resting == {protocol.ALL_GROUPS: f"works at {day} only"}
    line.send(frame := lease_of("Lab Seven", "L1"))
    line.accept(released := line.expect(protocol.Release))
    assert released.lease == frame.lease
    line.send(lease_of("Friends", "L2"))
    line.accept(line.expect(protocol.Result))
    worker.signal(signal.SIGTERM)
    assert worker.exit_code() == 0
    assert f"nothing for other groups: works at {day} only" in worker.words()


def lease_of(group: str, lease: str) -> protocol.Lease:
    return protocol.Lease(
        lease=lease,
        task="T1",
        group=f"G-{group}",
        group_name=group,
        kind="ODD",
        subtasks=[100],
        payloads=[msgspec.msgpack.encode(["give", 1])],
        subtask_seconds_max=30,
    )


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_a_killed_worker_leaves_no_process(peer: Peer, start_worker: Start) -> None:
    import psutil

    worker = start_worker(*NAME)
    line = idle(peer)
    line.lease(["sleep", 60])
    line.expect_heartbeats(["L1"])
    slots = psutil.Process(worker.process.pid).children(recursive=True)
    worker.signal(signal.SIGKILL)
    gone, alive = psutil.wait_procs(slots, timeout=5)
    assert gone
    assert not alive
    with pytest.raises(queue.Empty):
        peer.lines.get(timeout=0.1)


def test_a_wrong_token_for_this_machine_does_not_end_the_worker_that_runs(
    start_worker: Start, peer: Peer
) -> None:
    file = LoginFile(home())
    with file.locked():
        file.save(Login(url=peer.url, username="alice", worker_token=peer.token))
    worker = start_worker(token="")
    line = peer.line()
    line.welcome()
    done = firmlight("login", peer.url, "--token-stdin", stdin="flw_mistyped\n")
    assert done.returncode == 1
    assert file.load().worker_token == peer.token
    line.cut()
    peer.line().welcome()
    worker.signal(signal.SIGTERM)
    assert worker.exit_code() == 0
