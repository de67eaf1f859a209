"""Every frame of both sockets x sort of person, against the table in matrix.py."""

from __future__ import annotations

import typing

import msgspec
import pytest
from django.conf import settings

from firmlight_client import protocol
from tasks.live_socket import messages
from tasks.queue import leasing
from tasks.selectors import statistics
from tasks.worker_socket import throughput_notes
from tests.permissions import matrix, sockets
from tests.permissions.sockets import LIVE, WORKER, Heard, line
from tests.permissions.test_matrix import compare
from tests.permissions.world import PEOPLE, WHO, World

FRAMES = {frame.__struct_config__.tag: frame for frame in typing.get_args(protocol.FromWorker)}
HELLO = protocol.Hello(name="tower", slots=1, kinds={"ECHO": "1"}, client_version="0.1.0")


def word(heard: Heard) -> str:
    """How the table names an answer."""
    kind, what = heard
    if kind != "frame":
        return kind if what is None else str(what)
    return what.get("reason") or what.get("code") or what["type"]


async def refusal(connection: sockets.Line) -> str:
    """The close code, before which an error must have come."""
    said, closed = await connection.hear(), await connection.hear()
    assert (said[1]["type"], closed[0]) == ("error", "close")
    return word(closed)


async def held_lease(world: World) -> protocol.Lease:
    """A lease that the owner's worker got on another connection."""
    owner = world.people["owner"]
    call = leasing.lease(
        world.group.pk, worker=world.worker.pk, owner=owner.pk, conn="elsewhere", kinds=["ECHO@1"]
    )
    return (await call).granted


def frame_about(tag: str, lease) -> protocol.Frame:
    about = {"lease": lease.lease, "subtasks": lease.subtasks[:1]}
    partial = msgspec.msgpack.encode([1, 0, []])
    frames = {
        "hello": HELLO,
        "ready": protocol.Ready(slots=1),
        "heartbeat": protocol.Heartbeat(leases=[lease.lease]),
        "result": protocol.Result(**about, partial=partial, seconds=0.1),
        "failure": protocol.Failure(
            lease=lease.lease, subtask=lease.subtasks[0], error="ValueError"
        ),
        "release": protocol.Release(**about),
        "bye": protocol.Bye(),
    }
    return frames[tag]


def patience(row: str, who: str) -> float:
    """Seconds to wait: silence is soon believed where the table expects it, and nowhere else."""
    expected = dict(zip(WHO, row.split(), strict=True))[who]
    return sockets.SILENCE_SECONDS if expected == "silence" else sockets.PATIENCE_SECONDS


async def worker_answer(world: World, who: str, tag: str) -> str:
    async with line(WORKER, *sockets.worker_headers(world, who)) as connection:
        if who not in PEOPLE or who == "blocked":
            return await refusal(connection)
        if tag != "hello":
            await connection.send(protocol.encode(HELLO))
            assert word(await connection.hear()) == "welcome"
        lease = await held_lease(world)
        await connection.send(protocol.encode(frame_about(tag, lease)))
        answer = word(await connection.hear(patience(matrix.WORKER_FRAMES[tag], who)))
        await leasing.release(
            lease.lease, worker=world.worker.pk, subtasks=lease.subtasks
        )  # for the next one
        return answer


def test_every_frame_of_the_worker_socket_has_a_row():
    assert FRAMES.keys() == matrix.WORKER_FRAMES.keys()


def test_workers_get_the_answers_that_the_table_says(world):
    async def ask() -> dict[str, list[str]]:
        return {tag: [await worker_answer(world, who, tag) for who in WHO] for tag in FRAMES}

    wrong = compare(matrix.WORKER_FRAMES, sockets.run(ask()))
    assert not wrong, "\n" + wrong


def test_a_worker_may_not_speak_like_the_server(world):
    async def ask(tag: str) -> str:
        async with line(WORKER, *sockets.worker_headers(world, "owner")) as connection:
            await connection.send(msgspec.msgpack.encode({"type": tag}))
            return f"{word(await connection.hear())} {word(await connection.hear())}"

    async def ask_all() -> set[str]:
        tags = [frame.__struct_config__.tag for frame in typing.get_args(protocol.FromServer)]
        return {await ask(tag) for tag in tags}

    assert sockets.run(ask_all()) == {"malformed_frame 4400"}


SUBJECTS = {
    "task": lambda world: str(world.task.pk),
    "group": lambda world: str(world.group.pk),
    "notifications": None,
}


def rows_of_live() -> list[str]:
    """ "subscribe task" and so on: every message x everything that it may be about."""
    tags = [ask.__struct_config__.tag for ask in messages.Ask.__subclasses__()]
    return [
        f"{tag} {field}"
        for tag in tags
        for field in messages.Ask.__struct_fields__
        if field != "view"
    ]


async def live_answer(world: World, who: str, row: str) -> str:
    tag, field = row.split()
    about = True if SUBJECTS[field] is None else SUBJECTS[field](world)
    async with line(LIVE, *sockets.live_headers(world, who)) as connection:
        if who not in PEOPLE or who == "blocked":
            return await refusal(connection)
        await connection.send(msgspec.json.encode({"type": tag, field: about}).decode())
        return word(await connection.hear(patience(matrix.LIVE_FRAMES[row], who)))


def test_watchers_get_the_answers_that_the_table_says(world):
    async def ask() -> dict[str, list[str]]:
        return {row: [await live_answer(world, who, row) for who in WHO] for row in rows_of_live()}

    wrong = compare(matrix.LIVE_FRAMES, sockets.run(ask()))
    assert not wrong, "\n" + wrong
    assert matrix.LIVE_FRAMES.keys() == set(rows_of_live())


@pytest.mark.parametrize(
    "origin", [b"https://evil.example", b"null", b"", b"http://127.0.0.1.evil.example"]
)
def test_a_cookie_opens_no_socket_to_another_sites_page(world, origin):
    async def ask() -> list[str]:
        cookie = f"{settings.SESSION_COOKIE_NAME}={world.cookie('owner')}".encode()
        async with line(
            LIVE, (b"origin", origin), (b"cookie", cookie), (b"host", b"127.0.0.1:8000")
        ) as connection:
            return [word(await connection.hear()), word(await connection.hear())]

    assert sockets.run(ask()) == ["foreign_origin", "4403"]


def test_a_token_opens_it_from_wherever_and_a_worker_token_never(world):
    async def ask(token: str) -> str:
        async with line(
            LIVE, sockets.bearer(token), (b"origin", b"https://evil.example")
        ) as connection:
            await connection.send(
                msgspec.json.encode({"type": "subscribe", "group": str(world.group.pk)}).decode()
            )
            return word(await connection.hear())

    assert sockets.run(ask(world.pairs["owner"].access)) == "group"
    assert sockets.run(ask(world.worker_tokens["owner"])) == "not_logged_in"


def test_a_cookie_or_nothing_opens_no_worker_socket(world):
    async def ask(*headers) -> str:
        async with line(WORKER, *headers) as connection:
            return word(await connection.hear())

    assert sockets.run(ask(*sockets.live_headers(world, "owner"))) == "bad_token"


def test_subtasks_that_are_accepted_count_for_the_pace_and_nothing_else_does(world):
    async def ask() -> None:
        await throughput_notes.write_noted()  # of tests before
        for tag, who in (
            ("result", "owner"),
            ("result", "member"),
            ("release", "owner"),
            ("failure", "owner"),
        ):
            await worker_answer(world, who, tag)
        await throughput_notes.write_noted()

    before = sum(statistics.pace(2))
    sockets.run(ask())
    assert sum(statistics.pace(2)) - before == 1
