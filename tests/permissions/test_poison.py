"""Partials that are none: refused for good, counted against the owner, and never a failure of the
task.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from django.conf import settings as django_settings
from pytest_django import Settings

from accounts.models import Notification
from core.errors import Busy
from firmlight_client import kinds, protocol
from tasks.kind_processes import calls, pool
from tasks.kind_processes.outcomes import Crashed, KindStopped, OutOfMemory, TimedOut
from tasks.kind_processes.watch import Limits
from tasks.models import SubtaskFailure, Worker
from tasks.queue import lifecycle, task_log
from tasks.queue.progress import progress_of
from tasks.selectors import history
from tasks.services import workers
from tasks.services.finish import cancel_task
from tasks.worker_socket import partials
from tests.permissions import sockets
from tests.permissions.sockets import WORKER, Line, line
from tests.permissions.world import World
from tests.support.poison import POISONED, empty_maps

encode = msgspec.msgpack.encode
ECHO = encode([1, 0, []])


class End:
    """One worker's end of the socket."""

    def __init__(self, connection: Line) -> None:
        self.connection, self.received = connection, 0

    async def send(self, frame: protocol.Frame) -> None:
        await self.connection.send(protocol.encode(frame))

    async def hear(self, *tags: str) -> dict[str, Any]:
        """The next frame of these types."""
        while True:
            what, frame = await self.connection.hear()
            assert what == "frame", (what, frame)
            if frame["type"] in tags:
                return frame

    async def lease(self) -> dict[str, Any]:
        await self.send(protocol.Ready(slots=1))
        return await self.hear("lease")

    async def answer(self, lease: dict[str, Any], partial: bytes, **more: Any) -> dict[str, Any]:
        result = protocol.Result(
            lease=lease["lease"], subtasks=lease["subtasks"], partial=partial, seconds=0.1, **more
        )
        await self.send(result)
        return await self.hear("accepted", "refused")

    async def gets_nothing(self) -> bool:
        await self.send(protocol.Ready(slots=1))
        return (await self.connection.hear(sockets.SILENCE_SECONDS))[0] == "silence"


@asynccontextmanager
async def worker(
    world: World, who: str = "member", name: str = "tower", leases: list[str] | None = None
) -> AsyncIterator[End]:
    hello = protocol.Hello(
        name=name, slots=1, kinds={"ECHO": "1"}, client_version="0.1.0", leases=leases or []
    )
    async with line(WORKER, *sockets.worker_headers(world, who)) as connection:
        end = End(connection)
        await end.send(hello)
        await end.hear("welcome")
        yield end


@pytest.fixture(autouse=True)
def _no_children() -> Iterator[None]:
    yield
    pool.forget()


@pytest.fixture
def patient(settings: Settings) -> None:
    """Nobody is suspended here."""
    settings.BAD_PARTIALS_MAX = 10_000


@pytest.mark.usefixtures("patient")
def test_whatever_is_no_partial_is_refused_with_nothing_open_and_others_go_on(world: World) -> None:
    async def attack() -> list[str]:
        reasons = []
        async with worker(world) as bad:
            for poison in POISONED.values():
                lease = await bad.lease()
                refused = await bad.answer(lease, poison, decided=True)
                assert refused["open"] == []
                assert refused["message"]
                reasons.append(refused["reason"])
                again = await bad.answer(lease, ECHO)
                assert again["reason"] == "unknown_lease", "the lease is no longer its own"
        return reasons

    assert set(sockets.run(attack())) == {"bad_partial"}
    progress = progress_of(world.group.pk, world.task.pk).now()
    assert progress
    assert (progress.open, progress.leased, progress.failed, progress.done) == (5000, 0, 0, 0)
    assert not progress.complete, "whatever it claims to have decided"
    found = task_log.failures(world.group.pk, world.task.pk)
    assert len(found) == len(POISONED)
    assert {blame.error for blame in found} == {"bad_partial"}
    tower = Worker.objects.get(owner=world.people["member"], name="tower")
    assert {blame.worker for blame in found} == {str(tower.pk)}


@pytest.mark.parametrize("decides", [False, True])
def test_a_partial_decides_where_its_kind_decides_anything(
    world: World, monkeypatch: pytest.MonkeyPatch, decides: bool
) -> None:
    """Else each result could stop its task, and have all partials so far combined."""
    if decides:
        monkeypatch.setattr(type(kinds.get("ECHO")), "is_decided", lambda *_: False)

    async def claim() -> str:
        async with worker(world) as end:
            return str((await end.answer(await end.lease(), ECHO, decided=True))["type"])

    assert sockets.run(claim()) == "accepted"
    progress = progress_of(world.group.pk, world.task.pk).now()
    assert progress
    assert (progress.done, progress.complete) == (1, decides)


@pytest.mark.usefixtures("patient")
def test_the_task_is_for_another_owner_first(world: World) -> None:
    async def attack() -> None:
        async with (
            worker(world) as bad,
            worker(world, "owner") as honest,
            worker(world, name="new name") as same,
        ):
            await bad.answer(await bad.lease(), b"\xc1")
            assert await bad.gets_nothing()
            assert await same.gets_nothing()
            answer = await honest.answer(await honest.lease(), ECHO)
            assert answer["type"] == "accepted"

    sockets.run(attack())


def test_too_many_of_them_suspend_all_workers_of_their_owner_whatever_they_are_called(
    world: World,
) -> None:
    member = world.people["member"]

    async def attack() -> None:
        async with worker(world, name="beside") as beside, worker(world) as bad:
            for number in range(django_settings.BAD_PARTIALS_MAX):
                sender = bad if number % 2 else beside
                await sender.answer(await sender.lease(), b"\xc1")
                await sender.send(protocol.Ready(slots=0))
            for end in (bad, beside):
                said = await end.hear("error")
                assert said["code"] == "suspended"
                assert "3 malformed results within 24 hours" in said["message"]
                assert await end.gets_nothing()
        async with worker(world, name="brand new") as fresh:
            assert (await fresh.hear("error"))["code"] == "suspended"
            assert await fresh.gets_nothing()

    sockets.run(attack())
    sockets.run(_honest_work(world, "owner"))
    mine = Worker.objects.filter(owner=member)
    assert {one.name for one in mine} == {"tower", "beside", "brand new"}
    assert all(one.suspended for one in mine)
    (notice,) = Notification.objects.filter(user=member, code="worker_suspended")
    assert "let them back" in notice.text

    workers.let_back(mine.get(name="brand new"), by=member)
    assert not mine.exclude(suspended=None).exists(), "they were suspended together"
    sockets.run(_honest_work(world, "member", "one more name"))


async def _honest_work(world: World, who: str, name: str = "tower") -> None:
    async with worker(world, who, name) as end:
        answer = await end.answer(await end.lease(), ECHO)
        assert answer["type"] == "accepted"


def test_after_they_were_let_back_the_next_one_suspends_them(world: World) -> None:
    async def attack(times: int) -> None:
        async with worker(world) as bad:
            for _ in range(times):
                await bad.answer(await bad.lease(), b"\xc1")
            await bad.hear("error")

    sockets.run(attack(django_settings.BAD_PARTIALS_MAX))
    workers.let_back(Worker.objects.get(owner=world.people["member"]), by=world.people["member"])
    sockets.run(attack(1))


def test_one_that_failed_otherwise_is_let_back_alone(world: World) -> None:
    owner = world.people["owner"]
    other = Worker.objects.create(owner=owner, name="other")
    for one in (world.worker, other):
        workers.suspend(str(one.pk))
    workers.let_back(Worker.objects.get(pk=other.pk), by=owner)
    world.worker.refresh_from_db()
    assert world.worker.suspended


def test_a_moderators_block_outlives_it(world: World) -> None:
    blocked = Worker.objects.create(
        owner=world.people["member"], name="blocked", blocked=True, suspended_reason="No."
    )
    Worker.objects.filter(pk=blocked.pk).update(suspended=world.task.created)
    reasons = workers.suspend_all_of(world.people["member"].pk, str(blocked.pk), "Expected `array`")
    assert reasons == []
    blocked.refresh_from_db()
    assert blocked.suspended_reason == "No."


# Other versions


def test_a_partial_of_another_version_of_the_kind_is_no_offence(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It lay in a spool while the server was upgraded."""

    async def send_late() -> dict[str, Any]:
        async with worker(world) as end:
            lease = await end.lease()
            monkeypatch.setattr(kinds.get("ECHO"), "version", "2")
            return await end.answer(lease, encode({"of": "another version"}))

    refused = sockets.run(send_late())
    assert (refused["reason"], refused["open"]) == ("kind_changed", [])
    assert task_log.failures(world.group.pk, world.task.pk) == []
    progress = progress_of(world.group.pk, world.task.pk).now()
    assert progress
    assert (progress.leased, progress.failed, progress.open) == (0, 0, 5000)
    assert not Worker.objects.get(owner=world.people["member"]).suspended


def test_a_result_that_a_lost_connection_left_is_checked_as_well(world: World) -> None:
    async def come_back() -> list[str]:
        async with worker(world) as end:
            good, bad = await end.lease(), await end.lease()
        async with worker(world, leases=[good["lease"], bad["lease"]]) as end:
            accepted, refused = await end.answer(good, ECHO), await end.answer(bad, b"\xc1")
            unknown = await end.answer({**good, "lease": f"{world.group.pk}:none"}, b"\xc1")
            return [accepted["type"], refused["reason"], unknown["reason"]]

    assert sockets.run(come_back()) == ["accepted", "bad_partial", "unknown_lease"]


def test_of_a_task_that_was_cancelled_nothing_is_an_offence(world: World) -> None:
    async def send_late() -> str:
        async with worker(world) as end:
            lease = await end.lease()
            await lifecycle.close(world.group.pk, world.task.pk)
            return str((await end.answer(lease, b"\xc1"))["reason"])

    assert sockets.run(send_late()) == "unknown_lease"


# Large ones


def test_a_large_partial_is_looked_at_in_a_child_and_accepted(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kinds, "decode_partial", _never)  # not in this process
    partial = encode([1, 0, list(range(100_000))])
    assert len(partial) > django_settings.PARTIAL_INLINE_BYTES_MAX

    async def send() -> str:
        async with worker(world) as end:
            return str((await end.answer(await end.lease(), partial))["type"])

    assert sockets.run(send()) == "accepted"


def _never(*_: object) -> None:
    raise AssertionError("it was decoded on the event loop")


@pytest.mark.parametrize(
    ("fault", "answer"),
    [
        (OutOfMemory("It needed more than 1024 MiB."), "bad_partial"),
        (TimedOut("It took more than 5 s of processor time.", lasting=True), "bad_partial"),
        (TimedOut("It took more than 5 s.", lasting=False), "1012"),
        (Crashed("Its process died."), "1012"),
        (Busy(), "1012"),
    ],
)
def test_what_no_child_can_look_at_is_refused_or_asked_for_again(
    world: World, monkeypatch: pytest.MonkeyPatch, fault: KindStopped | Busy, answer: str
) -> None:
    """A machine that has no time now is no worker's fault: it comes back, keeps its lease, and
    sends it again.
    """
    tries = []

    async def check(*_: object) -> str:
        tries.append(1)
        raise fault

    monkeypatch.setattr(calls, "check_partial", check)

    async def send() -> str:
        async with worker(world) as end:
            lease = await end.lease()
            result = {
                "lease": lease["lease"],
                "subtasks": lease["subtasks"],
                "partial": empty_maps(),
                "seconds": 0.1,
            }
            await end.send(protocol.Result(**result))
            what, said = await end.connection.hear()
            progress = await progress_of(world.group.pk, world.task.pk)
            assert progress
            assert progress.leased == (0 if answer == "bad_partial" else 1)
            return str(said if what == "close" else said["reason"])

    assert sockets.run(send()) == answer
    assert len(tries) == (1 if answer == "bad_partial" else partials.TRIES)


def test_the_same_result_that_is_too_large_is_not_refused_for_ever(
    world: World, settings: Settings
) -> None:
    """Each refusal leaves all of it open, so a worker that just sends it again would never end."""
    settings.PARTIAL_BYTES_MAX = 100
    settings.RESULTS_TOO_LARGE_MAX = 3

    async def insist() -> list[dict[str, Any]]:
        async with worker(world) as end:
            lease = await end.lease()
            answers = [await end.answer(lease, b"x" * 101) for _ in range(5)]
            assert await end.gets_nothing(), "as after any bad partial: another owner is here"
            return answers

    async def insist_beside_another() -> list[dict[str, Any]]:
        async with worker(world, "owner", "attic"):
            return await insist()

    *refused, last, after = sockets.run(insist_beside_another())
    assert [answer["reason"] for answer in refused] == ["too_large"] * 3
    assert [answer["open"] for answer in refused] == [[0]] * 3
    assert refused[0]["message"] == "101 bytes; at most 100"
    assert (last["reason"], last["open"]) == ("bad_partial", [])
    assert (after["reason"], after["open"]) == ("unknown_lease", [])
    progress = progress_of(world.group.pk, world.task.pk).now()
    assert progress
    assert (progress.open, progress.leased, progress.failed) == (5000, 0, 0)


def test_a_check_without_end_ends_by_its_own_time_and_not_by_the_clock(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Or it would count as the machine's fault, and come again for ever."""
    found = []

    async def ask(*_: object, limits: Limits) -> tuple[str, list[bytes]]:
        found.append(limits)
        return "", []

    monkeypatch.setattr(calls, "ask_async", ask)
    asyncio.run(calls.check_partial(kinds.get("ECHO"), b""))
    (limits,) = found
    assert limits.processor_seconds + 2 < limits.seconds


# What people see


@pytest.mark.usefixtures("patient")
def test_people_see_which_worker_sent_it_while_the_task_lives_and_afterwards(world: World) -> None:
    async def attack() -> None:
        async with worker(world) as bad:
            await bad.answer(await bad.lease(), encode({"count": 1}))

    sockets.run(attack())
    (line,) = (row for row in history.events(world.task) if row["what"] == "bad_partial")
    assert line["text"] == "member / tower sent a malformed result: others compute 1 subtask."
    assert line["worker"]["name"] == "tower"
    assert [bar.outcome for bar in history.of_task(world.task).bars] == ["bad_partial"]
    cancel_task(world.task)
    (kept,) = SubtaskFailure.objects.filter(task=world.task)
    assert (kept.error, kept.worker and kept.worker.name, kept.final) == (
        "bad_partial",
        "tower",
        False,
    )
    assert kept.message == "Expected `array`, got `object`"
    (contribution,) = world.task.contributions.all()
    assert (contribution.status, contribution.subtasks, contribution.failures) == ("failed", 0, 1)
