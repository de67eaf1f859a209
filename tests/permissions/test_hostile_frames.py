"""Whatever comes over a socket: it is answered or the socket closes; no traceback, and the server
lives on.
"""

from __future__ import annotations

import json
import logging
import typing
from datetime import timedelta
from uuid import UUID

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from firmlight_client import protocol
from tasks.queue import task_log
from tests.permissions import sockets
from tests.permissions.sockets import LIVE, WORKER, line
from tests.permissions.test_frames import FRAMES, HELLO, frame_about, held_lease, word

bounded = settings(
    max_examples=60,
    deadline=timedelta(seconds=5),
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
# What MessagePack and JSON can say, odd texts and numbers first
leaves = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text(max_size=200)
    | st.sampled_from(
        [
            "",
            "\x00",
            "\ud800",
            "*",
            "a b",
            "task.x",
            "é" * 50,
            "x" * 5000,
            "0" * 36,
            str(UUID(int=0)),
        ]
    )
)
values = st.recursive(
    leaves | st.binary(max_size=50),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
names = sorted(
    {name for frame in FRAMES.values() for name in frame.__struct_fields__} | {"type", "surplus"}
)
tags = st.sampled_from([*FRAMES, "lease", "welcome", "", "nonsense"])


def packed(value: object) -> bytes:
    try:
        return msgspec.msgpack.encode(value)
    except (
        UnicodeEncodeError,
        OverflowError,
    ):  # a lone surrogate: no encoder makes it, so nobody can send it
        return b"\xc1"


@st.composite
def changed_frames(draw: st.DrawFn) -> tuple[str, dict[str, object]]:
    """A frame as it should be, and fields of it that are to be something else."""
    return draw(st.sampled_from(sorted(FRAMES))), draw(
        st.dictionaries(st.sampled_from(names), values, max_size=3)
    )


made_up = st.builds(
    lambda tag, fields: packed({**fields, "type": tag}),
    tags,
    st.dictionaries(st.sampled_from(names), values),
)
sent = (
    st.binary(max_size=300) | made_up | values.map(packed) | changed_frames() | st.text(max_size=50)
)


@pytest.fixture
def tracebacks(caplog: pytest.LogCaptureFixture) -> typing.Callable[[], list[str]]:
    """What was logged as an error, or with a traceback, since it was asked last."""

    def read() -> list[str]:
        bad = [r.getMessage() for r in caplog.records if r.exc_info or r.levelno >= logging.ERROR]
        caplog.clear()
        return bad

    return read


async def speak(world, messages) -> None:
    """Say hello and then all that, as long as the socket is open."""
    async with line(WORKER, *sockets.worker_headers(world, "owner")) as connection:
        await connection.send(protocol.encode(HELLO))
        assert word(await connection.hear()) == "welcome"
        for message in messages:
            await connection.send(await as_sent(world, message))
            if (await connection.hear(0.02))[0] == "close":
                break


async def as_sent(world, message) -> bytes | str:
    if not isinstance(message, tuple):
        return message
    tag, changes = message
    lease = await held_lease(world)
    fields = (
        msgspec.to_builtins(frame_about(tag, lease), builtin_types=(bytes,))
        if lease
        else {"type": tag}
    )
    return packed({**fields, **changes})


async def still_serves(world) -> bool:
    async with line(WORKER, *sockets.worker_headers(world, "member")) as connection:
        await connection.send(protocol.encode(HELLO))
        return word(await connection.hear()) == "welcome"


def test_nothing_that_a_worker_sends_makes_a_traceback(world, tracebacks):
    @bounded
    @given(st.lists(sent, min_size=1, max_size=4))
    def say(messages):
        sockets.run(speak(world, messages))
        assert not tracebacks()

    say()
    assert sockets.run(still_serves(world))


@pytest.mark.parametrize(
    "first",
    [b"", b"\xc1", "text", b"\x81\xa4type\xa5hello", protocol.encode(protocol.Ready(slots=1))],
)
def test_what_is_no_hello_closes_a_new_connection(world, tracebacks, first):
    async def say():
        async with line(WORKER, *sockets.worker_headers(world, "owner")) as connection:
            await connection.send(first)
            return word(await connection.hear()), word(await connection.hear())

    code, closed = sockets.run(say())
    assert (code in ("malformed_frame", "unexpected_frame"), closed) == (True, "4400")
    assert not tracebacks()


subjects = st.sampled_from(
    ["", "*", "a b", "\x00", "x" * 90, "x" * 200, "é", "..", str(UUID(int=1)), "{x}"]
) | st.text(max_size=120)
asks = st.fixed_dictionaries(
    {"type": st.sampled_from(["subscribe", "unsubscribe", "", "nonsense"])},
    optional={
        "task": subjects,
        "group": subjects,
        "notifications": st.booleans() | st.integers(),
        "x": leaves,
    },
)
spoken = (
    st.text(max_size=100)
    | asks.map(json.dumps)
    | st.integers(1, 3000).map(lambda depth: "[" * depth + "]" * depth)
    | st.binary(max_size=20)
)


def test_nothing_that_a_watcher_sends_makes_a_traceback(world, tracebacks):
    async def speak_live(messages) -> None:
        async with line(LIVE, *sockets.live_headers(world, "owner")) as connection:
            for message in messages:
                await connection.send(message)
                if (await connection.hear(0.05))[0] == "close":
                    break

    @bounded
    @given(st.lists(spoken, min_size=1, max_size=4))
    def say(messages):
        sockets.run(speak_live(messages))
        assert not tracebacks()

    say()


def test_a_nul_never_reaches_the_database(world, tracebacks):
    """PostgreSQL refuses text with NUL: a worker's name may not have one, what an error says loses
    it.
    """

    async def speak() -> list[str]:
        async with line(WORKER, *sockets.worker_headers(world, "owner")) as connection:
            await connection.send(protocol.encode(msgspec.structs.replace(HELLO, platform="a\0b")))
            refused = word(await connection.hear())
        async with line(WORKER, *sockets.worker_headers(world, "owner")) as connection:
            await connection.send(protocol.encode(HELLO))
            await connection.hear()
            failure = frame_about("failure", await held_lease(world))
            said = {"error": "Odd\0Error", "message": "a\0b", "traceback": "c\0"}
            await connection.send(protocol.encode(msgspec.structs.replace(failure, **said)))
            return [refused, word(await connection.hear())]

    assert sockets.run(speak()) == ["malformed_frame", "accepted"]
    (blame,) = task_log.failures(world.group.pk, world.task.pk)
    assert "\0" not in blame.error + blame.message + blame.traceback
