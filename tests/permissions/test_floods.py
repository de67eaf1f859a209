"""Members whose programs send or open far too much: others do not feel it."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Any
from uuid import UUID

import msgspec
import pytest

from firmlight_client import protocol
from tasks.live_socket.feed import hub
from tasks.queue import connections
from tests.permissions import sockets
from tests.permissions.sockets import LIVE, WORKER, Line, line
from tests.permissions.test_frames import HELLO, frame_about, held_lease, word

WIDE = msgspec.structs.replace(HELLO, name="wide", slots=1024)


async def said_by(door: Line) -> list[str]:
    """All that comes until it is silent or closed."""
    words = [word(await door.hear())]
    while words[-1] != "silence" and not words[-1].isdigit():
        words.append(word(await door.hear(sockets.SILENCE_SECONDS)))
    return words


async def at_work(door: Line, hello: protocol.Hello = HELLO) -> None:
    await door.send(protocol.encode(hello))
    assert word(await door.hear()) == "welcome"


# Heartbeats


@pytest.fixture
def beats(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The leases of each heartbeat that went to Redis."""
    found: list[list[str]] = []
    real = connections.beat

    def noted(group: Any, **arguments: Any) -> Any:
        found.append(arguments["leases"])
        return real(group, **arguments)

    monkeypatch.setattr(connections, "beat", noted)
    return found


def test_a_flood_of_heartbeats_reaches_redis_a_few_times(world, settings, beats):
    """Four hundred frames of a worker with 1,024 slots, and its lease lives on."""
    settings.HEARTBEAT_SECONDS = 60  # so that the second one must wait, however slow the machine is

    async def flood() -> str:
        async with line(WORKER, *sockets.worker_headers(world, "owner")) as door:
            await at_work(door, WIDE)
            beats.clear()
            lease = (await held_lease(world)).lease
            for number in range(400):
                made_up = f"{world.group.pk}:{number}"
                await door.send(protocol.encode(protocol.Heartbeat(leases=[made_up, lease])))
            assert (await door.hear())[1]["type"] == "cancel"
            return lease

    # HEARTBEAT_SECONDS is read when the first connection of a loop is made
    lease = asyncio.run(flood())
    assert len(beats) <= 2 * len(world.people)
    assert lease in beats[-1]


def test_a_worker_that_changes_its_mind_about_resting_tells_others_once(world, beats):
    async def flood() -> str:
        async with line(WORKER, *sockets.worker_headers(world, "owner")) as door:
            await at_work(door)
            beats.clear()
            for number in range(200):
                resting = {"*": f"mood {number}"}
                await door.send(protocol.encode(protocol.Ready(slots=0, resting=resting)))
            await door.send(protocol.encode(frame_about("release", made_up)))
            return word(await door.hear())

    made_up = protocol.Lease(
        lease=f"{world.group.pk}:x",
        task="",
        group="",
        kind="ECHO",
        subtasks=[0],
        payloads=[],
        subtask_seconds_max=1,
    )
    assert sockets.run(flood()) == "unknown_lease"
    assert len(beats) <= 20  # one a second, and a slow machine has some


# Frames and bytes


def test_a_worker_that_floods_is_warned_then_closed_and_kept_out_for_a_minute(world, settings):
    settings.WORKER_FRAMES_PER_MINUTE_MAX = 60

    async def flood() -> list[str]:
        async with line(WORKER, *sockets.worker_headers(world, "owner")) as door:
            await at_work(door)
            for _ in range(200):
                await door.send(protocol.encode(protocol.Ready(slots=0)))
            words = await said_by(door)
        async with line(WORKER, *sockets.worker_headers(world, "owner")) as door:
            return words + await said_by(door)

    kept_out = ["too_many_connections", "4429"]
    assert sockets.run(flood()) == ["too_fast", "too_fast", "1013", *kept_out]


def test_large_frames_are_limited_too(world, settings):
    settings.WORKER_BYTES_PER_MINUTE_MAX = 2**20

    async def flood() -> list[str]:
        async with line(WORKER, *sockets.worker_headers(world, "owner")) as door:
            await at_work(door)
            junk = protocol.Result(
                lease=f"{world.group.pk}:x", subtasks=[0], partial=bytes(2**19), seconds=0
            )
            for _ in range(4):
                await door.send(protocol.encode(junk))
            return [answer for answer in await said_by(door) if answer != "unknown_lease"]

    assert sockets.run(flood()) == ["too_fast", "too_fast", "1013"]


def test_results_that_are_accepted_are_no_flood(world, settings):
    settings.WORKER_FRAMES_PER_MINUTE_MAX = 22  # a hello is twenty of them

    async def work() -> list[str]:
        async with line(WORKER, *sockets.worker_headers(world, "owner")) as door:
            await at_work(door, msgspec.structs.replace(HELLO, name=world.worker.name))
            answers: list[str] = []
            while len(answers) < 25:
                lease = await held_lease(world)
                for subtask in lease.subtasks:
                    result = frame_about("result", lease)
                    result = msgspec.structs.replace(result, subtasks=[subtask])
                    await door.send(protocol.encode(result))
                    answers.append(word(await door.hear()))
            return answers

    assert set(sockets.run(work())) == {"accepted"}


def test_many_connections_of_one_member_share_what_one_may_send(world, settings):
    """Each stays far below the limit, and all of them together do not."""
    settings.WORKER_FRAMES_PER_MINUTE_MAX = 200

    async def flood() -> tuple[list[list[str]], str]:
        async with AsyncExitStack() as opened:
            headers = sockets.worker_headers(world, "owner")
            lines = [await opened.enter_async_context(line(WORKER, *headers)) for _ in range(5)]
            for number, door in enumerate(lines):
                await at_work(door, msgspec.structs.replace(HELLO, name=f"tower {number}"))
            for _ in range(20):
                for door in lines:
                    await door.send(protocol.encode(protocol.Ready(slots=0)))
            others = sockets.worker_headers(world, "member")
            other = await opened.enter_async_context(line(WORKER, *others))
            await at_work(other)
            await other.send(protocol.encode(protocol.Heartbeat(leases=[], echo="here")))
            return [await said_by(door) for door in lines], word(await other.hear())

    of_flood, of_other = sockets.run(flood())
    assert of_flood == [["too_fast", "too_fast", "1013"]] * 5
    assert of_other == "echo"


def test_a_visitor_that_floods_is_warned_then_closed_and_kept_out_for_a_minute(world, settings):
    settings.LIVE_FRAMES_PER_MINUTE_MAX = 60
    text = msgspec.json.encode({"type": "unsubscribe", "task": str(world.task.pk)}).decode()

    async def flood() -> list[str]:
        async with line(LIVE, *sockets.live_headers(world, "owner")) as door:
            for _ in range(200):
                await door.send(text)
            words = await said_by(door)
        async with line(LIVE, *sockets.live_headers(world, "owner")) as door:
            return words + await said_by(door)

    kept_out = ["too_many_connections", "4429"]
    assert sockets.run(flood()) == ["too_fast", "too_fast", "1013", *kept_out]


def test_pages_cost_more_than_other_subscriptions(world, settings):
    settings.LIVE_FRAMES_PER_MINUTE_MAX = 60
    ask = {"type": "subscribe", "task": str(world.task.pk), "view": "page"}

    async def reload() -> list[str]:
        async with line(LIVE, *sockets.live_headers(world, "owner")) as door:
            for _ in range(5):
                await door.send(msgspec.json.encode(ask).decode())
            return await said_by(door)

    words = sockets.run(reload())
    assert words[-2:] == ["too_fast", "1013"]
    assert words.count("page") <= 4


# Sockets of one user


@pytest.mark.parametrize(
    ("address", "headers"), [(WORKER, sockets.worker_headers), (LIVE, sockets.live_headers)]
)
def test_one_user_has_so_many_sockets_and_others_have_theirs(world, settings, address, headers):
    settings.WORKER_SOCKETS_PER_USER_MAX = settings.LIVE_SOCKETS_PER_USER_MAX = 3

    async def is_open(door: Line) -> bool:
        return (await door.hear(sockets.SILENCE_SECONDS))[0] == "silence"

    async def crowd() -> list[str]:
        async with AsyncExitStack() as opened:
            for _ in range(3):
                door = await opened.enter_async_context(line(address, *headers(world, "owner")))
                assert await is_open(door)
            async with line(address, *headers(world, "owner")) as one_too_many:
                words = await said_by(one_too_many)
            async with line(address, *headers(world, "member")) as of_another:
                assert await is_open(of_another)
        async with line(address, *headers(world, "owner")) as after_the_others:
            assert await is_open(after_the_others)
        return words

    assert sockets.run(crowd()) == ["too_many_sockets", "4429"]


# Subscriptions


def spellings(key: UUID, count: int) -> list[str]:
    """So many ways to write an id that all mean the same to Python."""
    digits, letters = key.hex, [place for place, sign in enumerate(key.hex) if sign.isalpha()]
    found = []
    for number in range(count):
        chosen = {place for bit, place in enumerate(letters) if number >> bit & 1}
        signs = (sign.upper() if place in chosen else sign for place, sign in enumerate(digits))
        found.append("".join(signs))
    return [*found, f"urn:uuid:{key}", f"{{{key}}}"]


def test_every_spelling_of_an_id_is_one_subscription(world):
    key = world.task.pk

    async def subscribe() -> tuple[set[str], int]:
        async with line(LIVE, *sockets.live_headers(world, "owner")) as door:
            words = set()
            for task in spellings(key, 20):
                await door.send(msgspec.json.encode({"type": "subscribe", "task": task}).decode())
                words.add(word(await door.hear()))
            return words, len(hub().watches)

    assert sockets.run(subscribe()) == ({"task"}, 1)


def test_a_full_list_still_takes_what_is_on_it(world, settings):
    settings.LIVE_SUBSCRIPTIONS_MAX = 1

    async def subscribe() -> list[str]:
        words = []
        async with line(LIVE, *sockets.live_headers(world, "owner")) as door:
            for about in ({"task": str(world.task.pk)}, {"group": str(world.group.pk)}) * 2:
                await door.send(msgspec.json.encode({"type": "subscribe", **about}).decode())
                words.append(word(await door.hear()))
        return words

    assert sockets.run(subscribe()) == ["task", "too_many"] * 2
