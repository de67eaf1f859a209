"""A liar among three owners with real workers is found, and the right result delivered."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from firmlight_client import kinds, protocol
from tests.support.worker import Worker
from tests.system.lab import Lab
from tests.system.peer import Peer

Connect = Callable[..., Peer]
MEAN = kinds.get("MEAN")
OFFERED = {"MEAN": MEAN.version}
# Beside numbers as large, what MEAN checks without computing cannot tell 1 from 2.
NUMBERS = [1e12, -1e12, 1.0, 1.0] * 8_000  # 16 subtasks
TRUTH = 0.5
SECONDS_MAX = 60.0


def lie(worker: Peer, lease: protocol.Lease, *, ready: int = 0) -> None:
    """A result that is plausible, and wrong."""
    partials = []
    for payload in lease.payloads:
        numbers = np.frombuffer(msgspec.msgpack.decode(payload), dtype="<f8").copy()
        numbers[2] = 2.0
        partials.append(MEAN.run(numbers.tobytes()))
    whole = kinds.combine_all(MEAN, partials)
    worker.complete(lease, ready=ready, partial=msgspec.msgpack.encode(whole))


def submit(lab: Lab, verify: str) -> str:
    """The id of the task."""
    body = {"group": lab.group, "kind": "MEAN", "params": {"numbers": NUMBERS}, "verify": verify}
    answer = lab.api[0].post("tasks/", json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def lie_until_over(worker: Peer, lab: Lab, task: str, *idle: Peer) -> None:
    """`idle` are online meanwhile."""
    worker.ready()
    end = time.monotonic() + SECONDS_MAX
    while lab.task(task)["status"] not in ("succeeded", "failed", "cancelled"):
        assert time.monotonic() < end
        for one in (worker, *idle):
            one.send(protocol.Heartbeat(leases=[]))
        with contextlib.suppress(TimeoutError):
            frame = worker.receive(0.2)
            if isinstance(frame, protocol.Lease):
                lie(worker, frame, ready=1)


@contextlib.contextmanager
def honest_workers(lab: Lab, home: Path) -> Iterator[None]:
    """Of the two who do not lie."""
    workers = [
        Worker(lab.url, lab.worker_token(person), f"honest{person}", home / str(person))
        for person in (0, 2)
    ]
    try:
        for worker in workers:
            worker.hear("connected")
        yield
    finally:
        for worker in workers:
            worker.stop()


def replaced(lab: Lab, task: str) -> dict[str, Any]:
    """The task when another result has taken the place of the one that was withdrawn."""
    end = time.monotonic() + SECONDS_MAX
    while True:
        found = lab.task(task)
        if found["withdrawn"] and found["status"] == "succeeded":
            return found
        assert time.monotonic() < end, found["verification"]
        time.sleep(0.1)


def deliver_a_lie(lab: Lab, peer: Connect) -> str:
    """A task whose result is a lie, and is being checked.

    It is only if the others count as online at its end: a busy machine may need another try.
    """
    idle = [peer(f"idle{person}", person=person, offered=OFFERED) for person in (0, 2)]
    end = time.monotonic() + SECONDS_MAX
    while True:
        task, liar = submit(lab, "auto"), peer("liar", person=1, offered=OFFERED)
        lie_until_over(liar, lab, task, *idle)
        liar.close()
        found = lab.task(task)
        assert found["status"] == "succeeded"
        if found["verification"]["how"] == "pending":
            return task
        assert time.monotonic() < end, found["verification"]


def events(lab: Lab, task: str) -> Iterator[dict[str, Any]]:
    """All of them, page by page."""
    address = f"tasks/{task}/events/"
    while address:
        page = lab.api[0].get(address).json()
        yield from page["results"]
        address = page["next"]


def test_a_liar_among_three_is_found_and_the_right_result_delivered(
    lab: Lab, peer: Connect, tmp_path: Path
) -> None:
    task = submit(lab, "all")  # all of it is checked, however slow this machine is
    liar = peer("liar", person=1, offered=OFFERED)
    for _ in range(2):
        lie(liar, liar.lease())
        liar.expect(protocol.Accepted)
    with honest_workers(lab, tmp_path):
        lie_until_over(liar, lab, task)
    found = lab.wait(task)
    assert found["status"] == "succeeded", found
    result = lab.result(task)
    assert (result["count"], result["mean"]) == (len(NUMBERS), TRUTH)
    checked = found["verification"]
    assert (checked["disagreements"], checked["reason"]) == (1, "")
    assert checked["checked_share"] == 1
    taken_out = [event for event in events(lab, task) if event["what"] == "taken_out"]
    assert {event["worker"]["name"] for event in taken_out} == {"liar"}
    assert sum(event["subtasks"] for event in taken_out) == checked["taken_out"]
    told = lab.api[1].get("notifications/").json()["results"]
    assert any("firmlight doctor --compute" in notice["text"] for notice in told)


def test_a_lie_that_was_delivered_is_withdrawn_and_the_right_result_takes_its_place(
    lab: Lab, peer: Connect, tmp_path: Path
) -> None:
    task = deliver_a_lie(lab, peer)
    assert lab.result(task)["mean"] != TRUTH
    with honest_workers(lab, tmp_path):
        found = replaced(lab, task)
    result = lab.result(task)
    assert (result["count"], result["mean"]) == (len(NUMBERS), TRUTH)
    checked = found["verification"]
    assert (checked["replaces"], checked["disagreements"]) == (True, 1)
    assert sum(row["subtasks"] for row in found["contributions"]) == found["counts"]["total"]
    happened = [event["what"] for event in events(lab, task)]
    assert happened[0] == "succeeded"
    assert happened.index("withdrawn") < happened.index("delivered"), "the latest comes first"
    told = [note["text"] for note in lab.api[0].get("notifications/").json()["results"]]
    assert any("is withdrawn" in text for text in told)
    assert any("replaces one that was withdrawn" in text for text in told)
