"""`/ws/worker/` as the contract says, frame by frame, on the real server."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Callable

import httpx
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed

from firmlight_client import protocol
from tests.system.lab import Lab
from tests.system.peer import Peer

Connect = Callable[..., Peer]


def alive(lab: Lab) -> bool:
    return httpx.get(f"{lab.url}/healthz").status_code == 200


def test_hello_is_answered_with_welcome(lab: Lab, peer: Connect) -> None:
    welcome = peer("laptop").welcome
    assert (welcome.name, welcome.heartbeat_seconds, welcome.lease_seconds) == ("laptop", 0.3, 1.5)
    assert len(welcome.groups) == 1
    assert welcome.frame_max_bytes == protocol.FRAME_MAX_BYTES


def test_a_lease_comes_and_its_result_is_accepted_once(lab: Lab, peer: Connect) -> None:
    task, worker = lab.submit(count=1, collect=True), peer()
    lease = worker.lease()
    assert (lease.task, lease.kind, lease.subtasks) == (task, "ECHO", [0])
    worker.complete(lease)
    assert worker.expect(protocol.Accepted).subtasks == [0]
    worker.complete(lease)
    refused = worker.expect(protocol.Refused)
    assert (refused.reason, refused.open) == ("unknown_lease", [])
    assert lab.wait(task)["status"] == "succeeded"
    assert lab.result(task) == {"count": 1, "sum": 0, "values": [0]}


def test_the_answer_to_a_result_carries_the_next_lease(lab: Lab, peer: Connect) -> None:
    lab.submit(count=2)
    worker = peer()
    worker.complete(worker.lease(), ready=1)
    assert worker.expect(protocol.Accepted)
    assert worker.expect(protocol.Lease).subtasks == [1]


def test_an_idle_worker_is_woken_when_work_comes(lab: Lab, peer: Connect) -> None:
    worker = peer()
    worker.ready()
    assert worker.hears_nothing()
    task = lab.submit(count=1)
    assert worker.expect(protocol.Lease, seconds=2).task == task


def test_somebody_elses_lease_is_unknown(lab: Lab, peer: Connect) -> None:
    lab.submit(count=2)
    lease = peer("anna").lease()
    thief = peer("ben", person=2)
    thief.complete(lease)
    assert thief.expect(protocol.Refused).reason == "unknown_lease"
    thief.send(protocol.Failure(lease=lease.lease, subtask=0, error="ValueError"))
    assert thief.expect(protocol.Refused).reason == "unknown_lease"
    thief.send(protocol.Release(lease=lease.lease, subtasks=[0]))
    assert thief.expect(protocol.Refused).reason == "unknown_lease"


@pytest.mark.parametrize(
    "name", ["nonsense", "a:b", "00000000-0000-0000-0000-000000000000:00", ":", "é" * 40]
)
def test_a_lease_that_never_was_is_unknown(lab: Lab, peer: Connect, name: str) -> None:
    worker = peer()
    worker.send(protocol.Result(lease=name, subtasks=[0], partial=b"", seconds=0))
    assert worker.expect(protocol.Refused).reason == "unknown_lease"


def test_subtasks_outside_the_lease_are_refused(lab: Lab, peer: Connect) -> None:
    lab.submit(count=5)
    worker = peer()
    lease = worker.lease()
    worker.complete(lease, subtasks=[lease.subtasks[0], 4])
    refused = worker.expect(protocol.Refused)
    assert (refused.reason, refused.open) == ("not_in_lease", lease.subtasks)


def test_a_partial_beyond_the_limit_is_refused_and_the_socket_stays(
    lab: Lab, peer: Connect
) -> None:
    task, worker = lab.submit(count=1), peer()
    lease = worker.lease()
    worker.complete(lease, partial=b"x" * (8 * 2**20 + 1))
    assert worker.expect(protocol.Refused).reason == "too_large"
    worker.complete(lease)
    assert worker.expect(protocol.Accepted)
    assert lab.wait(task)["status"] == "succeeded"


def test_released_work_goes_to_another(lab: Lab, peer: Connect) -> None:
    lab.submit(count=1)
    first, second = peer("anna"), peer("ben", person=2)
    lease = first.lease()
    second.ready()
    assert second.hears_nothing()
    first.send(protocol.Release(lease=lease.lease, subtasks=lease.subtasks))
    assert first.expect(protocol.Accepted)
    assert second.expect(protocol.Lease, seconds=2).subtasks == lease.subtasks


def test_a_failed_subtask_goes_to_another_worker_and_then_ends_the_task(
    lab: Lab, peer: Connect
) -> None:
    task = lab.submit(count=1)
    workers = [peer("anna"), peer("ben", person=2), peer("tower", person=2)]
    for worker in workers:
        lease = worker.lease()
        # It asks for nothing more: once both owners have failed it, either may get it again.
        worker.send(
            protocol.Failure(
                lease=lease.lease, subtask=0, error="ValueError", message="no such thing"
            )
        )
        assert worker.expect(protocol.Accepted)
    ended = lab.wait(task)
    assert ended["status"] == "failed"
    assert ended["error"]["message"] == "Subtask 0 failed permanently: ValueError: no such thing"
    assert sorted(row["failures"] for row in ended["contributions"]) == [1, 1, 1]


def test_a_closed_socket_hands_its_work_on_at_once(lab: Lab, peer: Connect) -> None:
    task = lab.submit(count=1)
    first, second = peer("anna"), peer("ben", person=2)
    lease = first.lease()
    second.ready()
    assert second.hears_nothing()
    began = time.monotonic()
    first.cut()
    again = second.expect(protocol.Lease, seconds=5)
    assert (again.task, again.subtasks) == (task, lease.subtasks)
    assert time.monotonic() - began < 1.4, "before the lease would have ended"


def test_a_worker_that_falls_silent_loses_its_lease_at_the_deadline(
    lab: Lab, peer: Connect
) -> None:
    lab.submit(count=1)
    silent, second = peer("anna"), peer("ben", person=2)
    lease = silent.lease()
    second.ready()
    assert second.beats_until_leased(5).subtasks == lease.subtasks


def test_a_heartbeat_keeps_the_lease_it_names(lab: Lab, peer: Connect) -> None:
    lab.submit(count=1)
    busy, second = peer("anna"), peer("ben", person=2)
    lease = busy.lease()
    second.ready()
    end = time.monotonic() + 3
    while time.monotonic() < end:
        busy.send(protocol.Heartbeat(leases=[lease.lease]))
        assert second.hears_nothing(0.3)
    busy.complete(lease)
    assert busy.expect(protocol.Accepted)


def test_a_lease_still_on_its_way_is_kept_by_heartbeats_that_cannot_name_it(
    lab: Lab, peer: Connect
) -> None:
    lab.submit(count=1)
    far, second = peer("anna"), peer("ben", person=2)
    lease = far.lease()
    second.ready()
    end = time.monotonic() + 3
    while time.monotonic() < end:
        far.send(protocol.Heartbeat(leases=[], received=0))
        assert second.hears_nothing(0.3)
    far.send(protocol.Heartbeat(leases=[], received=1))  # it has come, and it is not named
    assert second.beats_until_leased(5).subtasks == lease.subtasks


def test_a_late_result_counts_if_nobody_was_faster(lab: Lab, peer: Connect) -> None:
    task = lab.submit(count=1)
    late = peer("anna")
    lease = late.lease()
    lab.until(lambda: lab.task(task)["counts"], lambda counts: counts["waiting"] == 1)
    late.complete(lease)
    assert late.expect(protocol.Accepted)
    assert lab.wait(task)["status"] == "succeeded"


def test_a_heartbeat_for_work_nobody_wants_is_answered_with_cancel(lab: Lab, peer: Connect) -> None:
    worker = peer()
    worker.send(protocol.Heartbeat(leases=["nonsense"]))
    assert worker.expect(protocol.Cancel).leases == ["nonsense"]


def test_a_cancelled_task_stops_its_workers(lab: Lab, peer: Connect) -> None:
    task, worker = lab.submit(count=1), peer()
    lease = worker.lease()
    assert lab.api[0].post(f"tasks/{task}/cancel/").json()["status"] == "cancelled"
    assert worker.expect(protocol.Cancel, seconds=1).leases == [lease.lease]
    worker.complete(lease)
    assert worker.expect(protocol.Refused).open == []


def test_a_worker_that_comes_back_keeps_its_lease(lab: Lab, peer: Connect) -> None:
    task = lab.submit(count=1)
    before = peer("anna")
    lease = before.lease()
    after = peer("anna", leases=[lease.lease, "nonsense"])
    assert after.welcome.leases == [lease.lease]
    before.close()  # the half-dead connection ends only now: nothing of it may be requeued
    after.complete(lease)
    assert after.expect(protocol.Accepted)
    assert lab.wait(task)["contributions"][0]["subtasks"] == 1


def test_a_goodbye_gives_everything_back_at_once(lab: Lab, peer: Connect) -> None:
    lab.submit(count=1)
    leaver, stayer = peer("anna"), peer("ben", person=2)
    leaver.lease()
    stayer.ready()
    leaver.send(protocol.Bye())
    assert stayer.expect(protocol.Lease, seconds=1.4)


def test_kinds_of_another_version_are_not_leased(lab: Lab, peer: Connect) -> None:
    lab.submit(count=1)
    worker = peer(offered={"ECHO": "0", "UNHEARD_OF": "1"})
    assert worker.welcome.refused_kinds == {"ECHO": "1", "UNHEARD_OF": ""}
    worker.ready()
    assert worker.hears_nothing()


def test_two_workers_of_one_person_work_side_by_side(lab: Lab, peer: Connect) -> None:
    lab.submit(count=2)
    leases = {peer("laptop").lease().subtasks[0], peer("tower").lease().subtasks[0]}
    assert leases == {0, 1}


# What is wrong is answered, and the server stays up


def test_a_token_nobody_has_is_closed_with_4401(lab: Lab) -> None:
    for token in ("flw_" + "x" * 43, "nonsense", ""):
        code, frames = Peer(lab.url, token, "x", hello=False).closed_with()
        assert (code, frames[0].code) == (4401, "bad_token")


def test_a_revoked_token_ends_its_open_socket(lab: Lab, peer: Connect) -> None:
    worker = peer()
    (token,) = lab.api[1].get("worker-tokens/").json()["results"]
    assert lab.api[1].delete(f"worker-tokens/{token['id']}/").status_code == 204
    assert worker.closed_with()[0] == 4401


def test_another_subprotocol_is_closed_with_4426(lab: Lab) -> None:
    token = lab.worker_token(1)
    for offer in (None,):
        code, frames = Peer(lab.url, token, "x", hello=False, subprotocol=offer).closed_with()
        assert (code, frames[0].code) == (4426, "bad_version")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xc1",
        b"\x93\x01\x02",
        msgspec.msgpack.encode({"type": "teapot"}),
        msgspec.msgpack.encode({"type": "ready", "slots": -1}),
        msgspec.msgpack.encode({"type": "ready"}),
        msgspec.msgpack.encode({"type": "result", "lease": 5}),
        msgspec.msgpack.encode({"type": "welcome"}),
        "text, not bytes",
    ],
)
def test_a_malformed_frame_is_named_and_closed_with_4400(
    lab: Lab, peer: Connect, data: bytes | str
) -> None:
    worker = peer()
    worker.socket.send(data)
    code, frames = worker.closed_with()
    assert (code, frames[-1].code) == (4400, "malformed_frame")
    assert alive(lab)


def test_nothing_may_come_before_hello_and_no_second_one(lab: Lab, peer: Connect) -> None:
    early = peer(hello=False)
    early.ready()
    assert early.closed_with()[0] == 4400
    twice = peer()
    twice.send(protocol.Hello(name="x", slots=1, kinds={}, client_version="0"))
    assert twice.closed_with()[0] == 4400


def test_who_never_says_hello_is_shown_out(lab: Lab, peer: Connect) -> None:
    code, frames = peer(hello=False).closed_with()
    assert (code, frames[0].code) == (protocol.CLOSE_NO_HELLO, "no_hello")


def test_a_huge_frame_ends_its_own_connection_only(lab: Lab, peer: Connect) -> None:
    worker, other = peer("anna"), peer("ben", person=2)
    with pytest.raises(ConnectionClosed):
        worker.socket.send(os.urandom(protocol.FRAME_MAX_BYTES + 1))
        worker.receive()
    assert alive(lab)
    lab.submit(count=1)
    assert other.lease()


PLAIN = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text(max_size=20)
)
NESTED = st.recursive(
    PLAIN | st.binary(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=10,
)


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(data=st.binary(max_size=200) | NESTED.map(msgspec.msgpack.encode))
def test_whatever_comes_the_answer_is_an_error_or_nothing(
    lab: Lab, peer: Connect, data: bytes
) -> None:
    worker = peer("fuzzer", hello=False)
    worker.socket.send(data)
    code, frames = worker.closed_with()
    assert code == 4400
    assert isinstance(frames[-1], protocol.Error)


def test_a_lease_under_way_takes_one_of_the_slots_that_were_free(lab: Lab, peer: Connect) -> None:
    lab.submit(count=6)
    worker = peer(slots=2)
    worker.ready(1)
    worker.ready(2)  # said before the first lease has come
    leases = [
        worker.expect(protocol.Lease),
        worker.expect(protocol.Lease),
        worker.expect(protocol.Lease),
    ]
    assert len(leases) == 3, "a worker that does not count what it received is taken at its word"
    worker.send(protocol.Ready(slots=2, received=2))
    assert worker.expect(protocol.Lease)
    assert worker.hears_nothing()


def test_who_says_goodbye_and_hangs_up_at_once_is_not_shown_as_here(
    lab: Lab, peer: Connect
) -> None:
    """The server comes to the goodbye when nobody is there any more for its own."""
    leaver = peer()
    for _ in range(50):
        leaver.ready()
    leaver.send(protocol.Bye())
    with contextlib.suppress(OSError):  # it was quicker: then the goodbye is answered already
        leaver.socket.socket.shutdown(socket.SHUT_RDWR)
    began, asks = time.monotonic(), {"group": lab.group, "kind": "ECHO", "params": {"count": 1}}
    lab.until(
        lambda: lab.api[0].post("tasks/preview/", json=asks).json()["workers"],
        lambda here: not here,
    )
    assert time.monotonic() - began < 1.4, "it was not waited for"


def say(worker: Peer, tag: str, **fields: object) -> None:
    """As a worker in another language may write it: null where nothing is meant, no defaults."""
    worker.socket.send(msgspec.msgpack.encode({"type": tag, **fields}))


def test_a_result_that_does_not_say_what_is_free_leaves_the_credit_as_it_is(
    lab: Lab, peer: Connect
) -> None:
    lab.submit(count=1)
    worker = peer(slots=2)
    worker.ready(2)
    lease = worker.expect(protocol.Lease)  # one slot is free still
    partial = msgspec.msgpack.encode([1, lease.subtasks[0], []])
    result = {"lease": lease.lease, "subtasks": lease.subtasks, "partial": partial, "seconds": 0}
    say(worker, "result", **result)
    assert worker.expect(protocol.Accepted)
    lab.submit(count=2)
    lease = worker.expect(protocol.Lease)
    say(worker, "failure", lease=lease.lease, subtask=lease.subtasks[0], error="E", ready=None)
    assert worker.expect(protocol.Accepted)
    assert worker.hears_nothing(), "that was the last slot that was offered"
    worker.ready()
    assert worker.expect(protocol.Lease)


def test_a_hello_of_nulls_is_a_hello_of_defaults(lab: Lab, peer: Connect) -> None:
    worker = peer(hello=False)
    about = {"name": "foreign", "slots": 1, "kinds": {"ECHO": "1"}, "client_version": "0.1"}
    rules = dict.fromkeys(protocol.Consent.__struct_fields__)
    nothing = dict.fromkeys(("platform", "groups", "leases"))
    say(worker, "hello", **about, **nothing, consent={"*": rules})
    welcome = worker.expect(protocol.Welcome)
    assert (welcome.name, len(welcome.groups), welcome.refused_kinds) == ("foreign", 1, {})
    lab.submit(count=1)
    assert worker.lease()


def test_a_heartbeat_is_echoed_if_it_asks_for_it_and_in_its_turn(lab: Lab, peer: Connect) -> None:
    worker = peer()
    worker.send(protocol.Heartbeat(leases=[]))
    worker.send(protocol.Heartbeat(leases=[], echo="first"))
    worker.send(protocol.Heartbeat(leases=[], echo=""))
    assert worker.expect(protocol.Echo).echo == "first"
    assert worker.expect(protocol.Echo).echo == ""
    assert worker.hears_nothing()


def test_an_echo_that_is_too_long_is_malformed(lab: Lab, peer: Connect) -> None:
    worker = peer()
    worker.send(protocol.Heartbeat(leases=[], echo="x" * (protocol.ECHO_MAX + 1)))
    code, frames = worker.closed_with()
    assert (code, frames[-1].code) == (4400, "malformed_frame")
    assert "$.echo" in frames[-1].message
