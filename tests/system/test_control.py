"""What people decide reaches running workers at once; and workers that are not to be trusted are
held off.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed

from firmlight_client import protocol
from tests.support.cli import firmlight
from tests.system.lab import PASSWORD, Lab
from tests.system.peer import Peer

Connect = Callable[..., Peer]


def test_pause_stops_a_running_worker_and_resume_wakes_it(lab: Lab, peer: Connect) -> None:
    task, worker = lab.submit(count=1), peer()
    lease = worker.lease()
    assert lab.api[0].post(f"tasks/{task}/pause/").json()["status"] == "paused"
    cancel = worker.expect(protocol.Cancel, seconds=1)
    assert (cancel.leases, cancel.reason) == ([lease.lease], "paused")
    worker.ready()
    assert worker.hears_nothing()
    assert lab.api[0].post(f"tasks/{task}/resume/").json()["status"] == "running"
    worker.complete(worker.expect(protocol.Lease, seconds=1))
    assert lab.wait(task)["status"] == "succeeded"


def test_a_worker_is_asked_to_drain_by_its_owner_alone(lab: Lab, peer: Connect) -> None:
    worker = peer("anna", person=1)
    assert lab.api[2].post(f"workers/{worker.welcome.worker}/drain/").status_code == 404
    assert lab.api[1].post(f"workers/{worker.welcome.worker}/drain/").status_code == 204
    assert worker.expect(protocol.Drain, seconds=1)


def fail_and_be_outdone(lab: Lab, worker: Peer, honest: dict[int, Peer]) -> None:
    """The worker of person 1 fails a task of each person, which somebody else's then does.

    What the submitter's own worker does accuses nobody.
    """
    for person in range(3):
        lab.submit(count=1, person=person)
        lease = worker.lease()
        worker.send(
            protocol.Failure(lease=lease.lease, subtask=0, error="OSError", message="disk full")
        )
        assert worker.expect(protocol.Accepted)
        other = honest[0 if person else 2]
        other.complete(other.lease())
        assert other.expect(protocol.Accepted)


def test_a_worker_that_fails_what_others_can_do_gets_nothing_until_its_owner_lets_it_back(
    lab: Lab, peer: Connect
) -> None:
    honest = {person: peer("able", person=person) for person in (0, 2)}
    worker = peer("anna", person=1)
    fail_and_be_outdone(lab, worker, honest)
    frame = worker.expect(protocol.Error)
    assert frame.code == "suspended"
    assert "It failed on tasks of 3 submitters in a row" in frame.message
    for other in honest.values():
        other.close()
    worker.ready()
    assert worker.hears_nothing()
    again = peer("anna", person=1)
    assert again.expect(protocol.Error).code == "suspended", "coming back does not help"
    shown = lab.task(lab.submit(count=1))
    assert shown["waiting_reason"] == "No worker of this group that accepts ECHO is online.", (
        "nobody waits for it"
    )
    notes = lab.api[1].get("notifications/").json()["results"]
    assert [note["code"] for note in notes].count("worker_suspended") == 1
    assert (
        lab.api[1]
        .patch(f"workers/{worker.welcome.worker}/", json={"suspended": False})
        .json()["suspended"]
        == ""
    )
    lab.submit(count=1)  # the other connection takes the first one
    again.ready()
    assert again.expect(protocol.Lease)


def test_a_member_who_fails_everything_under_two_names_is_suspended_with_both(
    lab: Lab, peer: Connect
) -> None:
    honest = {person: peer("able", person=person) for person in (0, 2)}
    names = [peer(name, person=1) for name in ("one", "two")]
    for person in range(3):
        lab.submit(count=1, person=person)
        for worker in names[person % 2 :]:
            lease = worker.lease()
            worker.send(
                protocol.Failure(lease=lease.lease, subtask=0, error="OSError", message="no")
            )
            assert worker.expect(protocol.Accepted)
        other = honest[0 if person else 2]
        other.complete(other.lease())
        assert other.expect(protocol.Accepted)
    heard = names[0].expect(protocol.Error)
    assert "Workers of this member failed on tasks of 3 submitters in a row" in heard.message
    third = peer("three", person=1)
    assert third.expect(protocol.Error).code == "suspended", "a new name does not help"


def test_who_connects_without_end_is_held_off(lab: Lab, peer: Connect) -> None:
    others = peer("ben", person=2)
    for _ in range(61):
        last = peer("anna", person=1, hello=False)
        last.cut()
    refused = peer("anna", person=1, hello=False)
    code, frames = refused.closed_with()
    assert code == protocol.CLOSE_TOO_MANY
    assert [frame.code for frame in frames] == ["too_many_connections"]
    lab.submit(count=1)
    assert others.lease(), "others do not notice"


def test_a_deadline_ends_a_task_that_nobody_takes(lab: Lab, peer: Connect) -> None:
    deadline = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
    body = {"group": lab.group, "kind": "ECHO", "params": {"count": 1}, "deadline": deadline}
    task = lab.api[0].post("tasks/", json=body).json()
    assert task["waiting_reason"] == "No worker of this group that accepts ECHO is online."
    ended = lab.wait(task["id"])
    assert (ended["status"], ended["error"]["code"]) == ("failed", "deadline_passed")


def test_the_last_subtask_of_a_slow_worker_is_run_again_by_a_fast_one(
    lab: Lab, peer: Connect
) -> None:
    task = lab.submit(count=30, collect=True)
    slow, fast = peer("anna", person=1), peer("ben", person=2)
    held = slow.lease()
    fast.ready()
    done = 0
    while done < 30:
        slow.send(protocol.Heartbeat(leases=[held.lease]))
        frame = fast.receive()
        if isinstance(frame, protocol.Lease):
            fast.complete(frame, ready=1)
        elif isinstance(frame, protocol.Accepted):
            done += len(frame.subtasks)
    assert slow.expect(protocol.Cancel).leases == [held.lease]
    ended = lab.wait(task)
    assert lab.result(task)["values"] == list(range(30))
    rows = {row["worker"]["name"]: row for row in ended["contributions"]}
    assert (rows["ben"]["subtasks"], rows["ben"]["copies"]) == (30, 1)
    assert rows["anna"]["wasted_seconds"] > 0


def test_leaving_a_group_stops_the_worker_at_once(lab: Lab, peer: Connect) -> None:
    lab.submit(count=1)
    worker = peer("anna", person=1)
    lease = worker.lease()
    assert lab.api[1].post(f"groups/{lab.group}/leave/").status_code == 204
    cancel = worker.expect(protocol.Cancel, seconds=5)
    assert (cancel.leases, cancel.reason) == ([lease.lease], "not_a_member")


def test_a_revoked_token_closes_its_socket(lab: Lab, peer: Connect) -> None:
    worker = peer("anna", person=1)
    (token,) = lab.api[1].get("worker-tokens/").json()["results"]
    assert lab.api[1].delete(f"worker-tokens/{token['id']}/").status_code == 204
    with pytest.raises(ConnectionClosed) as closed:
        while True:
            worker.receive(5)
    assert closed.value.rcvd and closed.value.rcvd.code == protocol.CLOSE_BAD_TOKEN


def test_the_command_line_pauses_resumes_and_lets_back(
    lab: Lab, peer: Connect, tmp_path: Path
) -> None:
    mine = {"FIRMLIGHT_HOME": str(tmp_path), "FIRMLIGHT_URL": lab.url, "FIRMLIGHT_TOKEN": ""}

    def cli(*words: str, text: str = "") -> str:
        done = firmlight(*words, stdin=text, **mine)
        assert done.returncode == 0, done.stderr
        return done.stdout

    cli("login", lab.url, "--username", lab.names[1], "--password-stdin", text=PASSWORD)
    task = json.loads(
        cli("submit", "ECHO", "--group", lab.group, "count=1", "--deadline", "1h", "--json")
    )
    assert task["deadline"]
    cli("pause", task["id"])
    assert "It is paused." in cli("status", task["id"])
    cli("resume", task["id"])
    assert lab.task(task["id"])["status"] == "running"
    worker = peer("anna's laptop", person=1)
    assert "anna's laptop" in cli("workers")
    cli("drain", "anna's laptop")
    assert worker.expect(protocol.Drain)
    cli("workers", "--let-back", "anna's laptop")
    cli("cancel", task["id"])
    assert lab.task(task["id"])["status"] == "cancelled"
