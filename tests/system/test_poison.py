"""Poisoned partials through real sockets: the task is computed by others, and nothing of the server
suffers.
"""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Callable

import msgspec
import psutil
import pytest

from embedded.system import System
from firmlight_client import kinds, protocol
from tests.chaos.hostile import sends_poisoned_partials
from tests.support.patient import PatientLab
from tests.support.poison import OUT_OF_BOUNDS, POISONED, empty_maps
from tests.system.lab import Lab
from tests.system.peer import Peer

Connect = Callable[..., Peer]
NUMBER = 1000000007 * 1000000009
FACTORS = [["1000000007", 1], ["1000000009", 1]]
KINDS = {name: kind.version for name, kind in kinds.installed().items()}
MIB = 2**20


def poison(worker: Peer, partial: bytes, times: int = 1) -> None:
    """Lease and answer with this, so often, saying that it decides the task."""
    for _ in range(times):
        lease = worker.lease()
        worker.complete(lease, partial=partial, decided=True)
        refused = worker.expect(protocol.Refused)
        assert (refused.lease, refused.reason, refused.open) == (lease.lease, "bad_partial", [])


def honest_work(worker: Peer, lab: Lab, task: str) -> None:
    """Until the task is over."""
    worker.ready()
    end = time.monotonic() + 30
    while lab.task(task)["status"] not in ("succeeded", "failed", "cancelled"):
        assert time.monotonic() < end
        worker.send(protocol.Heartbeat(leases=[]))
        with contextlib.suppress(TimeoutError):
            frame = worker.receive(0.2)
            if isinstance(frame, protocol.Lease):
                kind = kinds.get(frame.kind)
                done = [kind.run(msgspec.msgpack.decode(payload)) for payload in frame.payloads]
                decided = kind.is_decided(kinds.combine_all(kind, done), None)
                worker.complete(frame, ready=1, decided=decided)


@pytest.mark.parametrize(
    "name", ["an exponent of 10^12", "a prime of 1000 digits", "another shape"]
)
def test_a_task_is_factored_by_another_owners_worker(lab: Lab, peer: Connect, name: str) -> None:
    task = lab.submit("FACTORIZATION", number=str(NUMBER))
    bad = peer("bad", person=1, offered=KINDS)
    poison(bad, OUT_OF_BOUNDS[name], times=2)
    assert lab.wait(task, "running")["counts"]["failed"] == 0
    good = peer("good", person=2, offered=KINDS)
    bad.ready()
    assert bad.hears_nothing(), "another owner's worker is here"
    honest_work(good, lab, task)
    assert lab.wait(task)["status"] == "succeeded"
    assert lab.result(task)["factors"] == FACTORS
    shown = lab.task(task)
    ours = {row["worker"]["name"]: row for row in shown["contributions"]}
    assert (ours["bad"]["subtasks"], ours["bad"]["failures"]) == (0, 2)
    texts = [event["text"] for event in lab.api[0].get(f"tasks/{task}/events/").json()["results"]]
    assert sum("bad sent a malformed result" in text for text in texts) == 2


def test_three_partials_of_8_mib_of_empty_maps_take_no_memory_of_web(
    system: System, lab: Lab, peer: Connect
) -> None:
    task = lab.submit("FACTORIZATION", number=str(NUMBER))
    bad = peer("bad", person=1, offered=KINDS)
    web = psutil.Process(system.pids()["web"])
    before = web.memory_info().rss
    most = 0
    for _ in range(3):
        poison(bad, empty_maps())
        most = max(most, web.memory_info().rss)
    assert most - before < 200 * MIB, "frames of 8 MiB pass through, but nothing is made of them"
    assert bad.expect(protocol.Error).code == "suspended"
    honest_work(peer("good", person=2, offered=KINDS), lab, task)
    assert lab.wait(task)["status"] == "succeeded"


def test_other_peoples_work_goes_on_meanwhile(lab: Lab, peer: Connect) -> None:
    """A reader in another group's task waits for nobody's poison to be looked at."""
    lab.submit("FACTORIZATION", number=str(NUMBER))
    bad = peer("bad", person=1, offered={"FACTORIZATION": KINDS["FACTORIZATION"]})
    good = peer("good", person=2)
    for partial in list(POISONED.values())[-3:]:
        lease = bad.lease()
        bad.complete(lease, partial=partial)
        task = lab.submit("ECHO", count=3)
        began = time.monotonic()
        good.work(3)
        assert lab.wait(task)["status"] == "succeeded"
        assert time.monotonic() - began < 10
        assert bad.expect(protocol.Refused).reason == "bad_partial"


def test_the_poisoner_of_the_chaos_fleet_is_refused_and_then_suspended(system: System) -> None:
    with PatientLab(system.url) as lab:
        task = lab.submit("ECHO", count=4)
        for number in range(4):
            sends_poisoned_partials(lab, OnePerson(number))
        with contextlib.closing(Peer(lab.url, lab.worker_token(0), "good")) as good:
            good.work(4)
        assert lab.wait(task)["status"] == "succeeded"
        (bad,) = lab.api[1].get("workers/").json()["results"]
        assert "malformed results" in bad["suspended"]


class OnePerson(random.Random):
    """Chance that is always the second of three people."""

    def randrange(self, *_: object) -> int:  # type: ignore[override]  # asked for people only
        return 1
