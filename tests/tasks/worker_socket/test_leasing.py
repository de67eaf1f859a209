"""Free slots are leased to, and no others, whatever changes while the queue is asked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest

from firmlight_client import protocol
from tasks.queue.answers import Granted, Leased
from tasks.queue.keys import new_lease_id
from tasks.socket_base import Socket
from tasks.worker_socket import leasing as module
from tasks.worker_socket.connection import Connection
from tasks.worker_socket.credit import Credit
from tasks.worker_socket.leased_kinds import LeasedKinds
from tasks.worker_socket.leasing import Leasing
from tests.tasks.worker_socket.test_connection import Recorder
from tests.tasks.worker_socket.test_session import LAB, MEAN, begun, duty


@pytest.fixture
def socket() -> Recorder:
    return Recorder()


@pytest.fixture
def leasing(socket: Recorder) -> Leasing:
    session = begun(duty=duty({LAB: "Lab"}))
    return Leasing(Connection(cast(Socket, socket)), session, Credit(), LeasedKinds())


Then = Callable[[Callable[[], Any]], None]


@pytest.fixture
def while_asked(monkeypatch: pytest.MonkeyPatch) -> Then:
    """while_asked(f): the queue has work without end, and calls `f` each time it is asked."""

    def install(happens: Callable[[], Any]) -> None:
        async def grant(group: str, **_: Any) -> Leased:
            happens()
            await asyncio.sleep(0)
            lease = new_lease_id(group)
            return Leased(Granted(lease, "task", MEAN, 1.0, [0], [b""]))

        monkeypatch.setattr(module.leasing, "lease", grant)

    return install


def leases(socket: Recorder) -> list[protocol.Lease]:
    return [frame for frame in socket.done if isinstance(frame, protocol.Lease)]


def test_each_free_slot_gets_a_lease(leasing: Leasing, socket: Recorder, while_asked: Then) -> None:
    while_asked(lambda: None)
    asyncio.run(leasing.refill(3, 0))
    sent = leases(socket)
    assert [lease.lease for lease in sent] == leasing.credit.under_way
    assert (len(sent), leasing.credit.free) == (3, 0)
    assert all(lease.group_name == "Lab" for lease in sent)
    assert all(leasing.leased_kinds.find(lease.lease) == MEAN for lease in sent)


def test_slots_that_are_withdrawn_while_the_queue_is_asked_get_nothing_more(
    leasing: Leasing, socket: Recorder, while_asked: Then
) -> None:
    while_asked(leasing.credit.withdraw)
    asyncio.run(asyncio.wait_for(leasing.refill(3, 0), 5))
    assert len(leases(socket)) == 1


def test_a_worker_that_is_suspended_meanwhile_gets_nothing_more(
    leasing: Leasing, socket: Recorder, while_asked: Then
) -> None:
    while_asked(lambda: setattr(leasing.session, "suspended", "It failed."))
    asyncio.run(asyncio.wait_for(leasing.refill(3, 0), 5))
    assert len(leases(socket)) == 1


def test_a_group_without_work_is_not_asked_again_with_every_frame(
    leasing: Leasing, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    async def nothing(group: str, **_: Any) -> Leased:
        asked.append(group)
        return Leased()

    async def flood() -> None:
        leasing._look_again = again.append  # type: ignore[method-assign]
        for _ in range(200):
            await leasing.refill(1, 0)

    again: list[float] = []
    monkeypatch.setattr(module.leasing, "lease", nothing)
    monkeypatch.setattr(module, "EMPTY_SECONDS", 60)
    asyncio.run(flood())
    assert asked == [LAB]
    assert again[-1] == 60  # it is not forgotten


def test_a_group_that_wakes_the_worker_is_asked_although_it_had_nothing(
    leasing: Leasing, socket: Recorder, while_asked: Then, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing(group: str, **_: Any) -> Leased:
        return Leased()

    async def wake() -> None:
        await leasing.refill(1, 0)
        while_asked(lambda: None)
        await leasing.fill(first=LAB)

    monkeypatch.setattr(module, "EMPTY_SECONDS", 60)
    monkeypatch.setattr(module.leasing, "lease", nothing)
    asyncio.run(wake())
    assert len(leases(socket)) == 1


def test_two_that_lease_together_fill_each_slot_once(
    leasing: Leasing, socket: Recorder, while_asked: Then
) -> None:
    while_asked(lambda: None)

    async def run() -> None:
        leasing.credit.offer(3, 0)
        await asyncio.gather(leasing.fill(), leasing.fill(first=LAB))

    asyncio.run(run())
    assert len(leases(socket)) == 3


def test_a_worker_that_rests_is_not_leased_to(
    leasing: Leasing, socket: Recorder, while_asked: Then
) -> None:
    while_asked(lambda: pytest.fail("the queue was asked"))
    leasing.session.rest({protocol.ALL_GROUPS: "in use"})
    asyncio.run(leasing.refill(3, 0))
    assert leases(socket) == []
