"""A member who leaves a group or deletes the account takes the computers along; the work goes on
elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable

from firmlight_client import protocol
from tests.system.lab import PASSWORD, Lab
from tests.system.peer import Peer

Connect = Callable[..., Peer]


def test_what_a_leaving_members_worker_held_goes_to_others(lab: Lab, peer: Connect) -> None:
    task = lab.submit(count=3, collect=True)
    leaver, stayer = peer("anna", person=1), peer("ben", person=2)
    held = leaver.lease()
    assert lab.api[1].post(f"groups/{lab.group}/leave/").status_code == 204
    lab.until(lambda: lab.task(task)["counts"], lambda counts: counts["waiting"] == 3)
    stayer.work(3)
    assert lab.wait(task)["status"] == "succeeded"
    assert lab.result(task)["values"] == [0, 1, 2]
    assert leaver.expect(protocol.Cancel).leases == [held.lease]
    leaver.complete(held)
    ended = "unknown_lease"  # the leases of a task end with it, a little after its result is there
    assert leaver.expect(protocol.Refused).reason in ("not_a_member", ended)
    lab.submit(count=1)
    leaver.ready()
    assert leaver.hears_nothing()


def test_the_tasks_of_who_leaves_are_cancelled_and_their_workers_told(
    lab: Lab, peer: Connect
) -> None:
    task = lab.submit(count=2, person=1)
    worker = peer("ben", person=2)
    lease = worker.lease()
    assert lab.api[0].delete(f"groups/{lab.group}/members/{who(lab, 1)}/").status_code == 204
    cancel = worker.expect(protocol.Cancel)
    assert (cancel.leases, cancel.reason) == ([lease.lease], "cancelled")
    assert lab.task(task)["status"] == "cancelled"


def test_a_group_that_is_deleted_stops_its_workers(lab: Lab, peer: Connect) -> None:
    task = lab.submit(count=2, person=1)
    worker = peer("ben", person=2)
    lease = worker.lease()
    assert lab.api[0].delete(f"groups/{lab.group}/").status_code == 204
    assert worker.expect(protocol.Cancel).leases == [lease.lease]
    assert lab.api[1].get(f"tasks/{task}/").status_code == 404
    codes = {note["code"] for note in lab.api[1].get("notifications/").json()["results"]}
    assert codes == {"invited", "group_deleted", "task_cancelled"}


def test_the_workers_of_a_deleted_account_are_turned_away(lab: Lab, peer: Connect) -> None:
    task = lab.submit(count=1, collect=True)
    gone, stayer = peer("anna", person=1), peer("ben", person=2)
    gone.lease()
    answer = lab.api[1].request("DELETE", "users/me/", json={"password": PASSWORD})
    assert answer.status_code == 204, answer.text
    assert gone.closed_with()[0] == protocol.CLOSE_BAD_TOKEN
    stayer.work(1)
    assert lab.wait(task)["status"] == "succeeded"
    assert lab.api[1].get("users/me/").status_code == 401


def who(lab: Lab, person: int) -> str:
    return lab.api[person].get("users/me/").json()["id"]
