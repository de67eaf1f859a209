"""What a worker's owner agreed to, and when it rests: the server leases accordingly."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from firmlight_client import protocol
from tests.support.worker import Worker
from tests.system.lab import Lab
from tests.system.peer import Peer

Connect = Callable[..., Peer]
Consent = protocol.Consent
BATTERY = {protocol.ALL_GROUPS: "on battery"}


def preview(lab: Lab) -> dict[str, Any]:
    answer = lab.api[0].post(
        "tasks/preview/",
        json={"group": lab.group, "kind": "ECHO", "params": {"count": 3}, "title": "t"},
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


def worker_row(lab: Lab, name: str = "laptop") -> dict[str, Any]:
    return next(row for row in lab.api[1].get("workers/").json()["results"] if row["name"] == name)


@pytest.mark.parametrize(
    "agreed",
    [
        Consent(kinds=["MEAN"]),
        Consent(kinds=[]),
        Consent(slots=0),
        Consent(subtask_seconds_max=0.5),
    ],
)
def test_what_was_not_agreed_to_is_not_leased(lab: Lab, peer: Connect, agreed: Consent) -> None:
    worker = peer(consent={protocol.ALL_GROUPS: agreed})
    worker.ready()
    lab.submit(count=1)
    assert worker.hears_nothing(0.6)
    other = peer("tower", person=2)
    assert other.lease()


def test_an_agreement_for_a_group_comes_before_the_one_for_all(lab: Lab, peer: Connect) -> None:
    lab.submit(count=1)
    consent = {protocol.ALL_GROUPS: Consent(kinds=[]), lab.group: Consent(kinds=["ECHO"])}
    assert peer(consent=consent).lease()


def test_a_group_gets_no_more_slots_than_were_agreed_to(lab: Lab, peer: Connect) -> None:
    lab.submit(count=3)
    worker = peer(slots=3, consent={protocol.ALL_GROUPS: Consent(slots=1)})
    worker.ready(3)
    lease = worker.expect(protocol.Lease)
    assert worker.hears_nothing(0.5)
    worker.complete(lease, ready=3)
    assert worker.expect(protocol.Accepted)
    assert worker.expect(protocol.Lease)
    assert worker.hears_nothing(0.5)


def test_a_slot_that_had_to_wait_for_the_end_of_a_lease_is_filled_when_it_is_given_back(
    lab: Lab, peer: Connect
) -> None:
    """As at the end of a task that was decided: the result comes first, then what was left of the
    lease.
    """
    lab.submit(count=2)
    worker = peer(slots=2, consent={protocol.ALL_GROUPS: Consent(slots=1)})
    worker.ready(2)
    lease = worker.expect(protocol.Lease)
    assert worker.hears_nothing(0.5)
    worker.send(protocol.Release(lease=lease.lease, subtasks=lease.subtasks))
    assert worker.expect(protocol.Accepted)
    assert worker.expect(protocol.Lease, seconds=1)


def test_a_slot_that_had_to_wait_is_filled_when_the_task_is_cancelled(
    lab: Lab, peer: Connect
) -> None:
    first = lab.submit(count=1)
    worker = peer(slots=2, consent={protocol.ALL_GROUPS: Consent(slots=1)})
    worker.ready(2)
    assert worker.expect(protocol.Lease).task == first
    other = lab.submit(count=1)
    assert worker.hears_nothing(0.5)
    lab.api[0].post(f"tasks/{first}/cancel/")
    assert worker.expect(protocol.Cancel)
    assert worker.expect(protocol.Lease, seconds=1).task == other


def test_who_may_not_take_long_subtasks_does_not_keep_them_from_others(
    lab: Lab, peer: Connect
) -> None:
    short = peer("short", consent={protocol.ALL_GROUPS: Consent(subtask_seconds_max=0.5)})
    other = peer("tower", person=2)
    short.ready()
    time.sleep(0.2)  # it has been waiting longest: it is woken first
    other.ready()
    task = lab.submit(count=1)
    assert other.expect(protocol.Lease, seconds=2).task == task


def test_a_worker_that_rests_gets_nothing_and_says_why(lab: Lab, peer: Connect) -> None:
    worker = peer()
    worker.send(protocol.Ready(slots=1, resting=BATTERY))
    lab.submit(count=1)
    assert worker.hears_nothing(0.6)
    seen = preview(lab)
    assert seen["workers"] == []
    assert [(row["name"], row["resting"]) for row in seen["resting"]] == [("laptop", "on battery")]
    assert list(worker_row(lab)["resting"].values()) == ["on battery"]
    worker.send(protocol.Ready(slots=1, resting={}))
    assert worker.expect(protocol.Lease)
    # Others are told at most once a second.
    lab.until(lambda: worker_row(lab)["resting"], lambda resting: resting == {})
    assert [row["name"] for row in preview(lab)["workers"]] == ["laptop"]


def test_who_went_to_rest_while_waiting_is_not_woken_for_others(lab: Lab, peer: Connect) -> None:
    rests, other = peer("rests"), peer("tower", person=2)
    rests.ready()
    time.sleep(0.2)
    other.ready()
    rests.send(protocol.Ready(slots=0, resting=BATTERY))
    time.sleep(0.2)
    lab.submit(count=1)
    assert other.expect(protocol.Lease, seconds=2)


def test_what_it_held_when_it_went_to_rest_stays_its_own(lab: Lab, peer: Connect) -> None:
    task = lab.submit(count=1)
    worker = peer()
    lease = worker.lease()
    worker.send(protocol.Ready(slots=0, resting=BATTERY))
    worker.complete(lease)
    assert worker.expect(protocol.Accepted)
    assert lab.wait(task)["status"] == "succeeded"


def test_submitters_see_what_a_worker_does_not_do(lab: Lab, peer: Connect) -> None:
    elsewhere = lab.api[1].post("groups/", json={"name": f"elsewhere {lab.names[1][-10:]}"}).json()
    agreed = {
        protocol.ALL_GROUPS: Consent(slots=1, hours=["22:00-07:00"]),
        elsewhere["name"]: Consent(kinds=[]),
    }
    peer(consent=agreed)
    (row,) = preview(lab)["workers"]
    assert row["limits"] == ["at most 1 at a time", "at 22:00-07:00"]
    assert worker_row(lab)["consent"][elsewhere["id"]]["kinds"] == []


def test_a_worker_that_is_too_old_is_told_how_to_update(lab: Lab, peer: Connect) -> None:
    worker = peer(hello=False)
    worker.send(protocol.Hello(name="old", slots=1, kinds={"ECHO": "1"}, client_version="0.0.9"))
    error = worker.expect(protocol.Error)
    assert error.code == "client_too_old"
    assert error.message.startswith(
        "This client is 0.0.9; the server needs 0.1.0 or newer. Update: pip install"
    )
    with pytest.raises(ConnectionClosed) as closed:
        worker.receive()
    assert closed.value.rcvd
    assert closed.value.rcvd.code == protocol.CLOSE_BAD_VERSION


def test_a_real_worker_keeps_to_its_file_and_the_server_knows(lab: Lab, tmp_path: Path) -> None:
    name = lab.api[0].get(f"groups/{lab.group}/").json()["name"]
    (tmp_path / "worker.toml").write_text(
        f'kinds = []\n[groups."{name}"]\nkinds = ["ECHO"]\nslots = 1\n'
    )
    worker = Worker(lab.url, lab.worker_token(1), "attic", tmp_path, slots=2)
    try:
        worker.hear("connected")
        task = lab.submit(count=5)
        assert lab.wait(task)["status"] == "succeeded"
        (row,) = preview(lab)["workers"]
        assert (row["name"], row["limits"]) == ("attic", ["only ECHO", "at most 1 at a time"])
    finally:
        worker.stop()


def test_a_real_worker_outside_its_hours_rests_for_all_to_see(lab: Lab, tmp_path: Path) -> None:
    day = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")[(time.localtime().tm_wday + 3) % 7]
    (tmp_path / "worker.toml").write_text(f'hours = ["{day}"]\n')
    worker = Worker(lab.url, lab.worker_token(1), "attic", tmp_path)
    try:
        worker.hear("resting", all=True)
        worker.hear("connected")
        deadline = time.monotonic() + 10
        while not (seen := preview(lab))["resting"]:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert (seen["workers"], seen["resting"][0]["resting"]) == ([], f"works at {day} only")
    finally:
        worker.stop()
