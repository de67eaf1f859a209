"""What a hello may hold: what is too much, or no number, is refused with a word and not retried."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest

from firmlight_client import protocol
from tasks.models import Worker
from tests.permissions import sockets
from tests.permissions.sockets import WORKER, line
from tests.permissions.test_frames import HELLO, frame_about, held_lease, word

NUMBERS = [math.inf, -math.inf, math.nan, 1e300, -1.0]


def as_sent(frame: protocol.Frame, **changes: Any) -> bytes:
    """As no encoder of ours would make it."""
    fields = msgspec.to_builtins(frame, builtin_types=(bytes,))
    return msgspec.msgpack.encode({**fields, **changes})


def answers_to_hello(world: Any, **changes: Any) -> list[str]:
    """The answer, its code and how the connection ended."""

    async def say() -> list[Any]:
        async with line(WORKER, *sockets.worker_headers(world, "owner")) as door:
            await door.send(as_sent(HELLO, **changes))
            return [await door.hear(), word(await door.hear())]

    (_, said), closed = sockets.run(say())
    return [said["code"], said["message"], closed]


@pytest.mark.parametrize("seconds", NUMBERS)
def test_consent_with_a_number_that_is_none_is_refused_for_good(world, seconds):
    rules = {"*": {"subtask_seconds_max": seconds}}
    code, message, closed = answers_to_hello(world, consent=rules)
    assert (code, closed) == ("malformed_frame", "4400")
    assert "$.consent[...].subtask_seconds_max" in message


@pytest.mark.parametrize("seconds", NUMBERS)
@pytest.mark.parametrize("tag", ["result", "failure"])
def test_seconds_that_are_no_number_are_refused_for_good(world, tag, seconds):
    async def say() -> list[str]:
        async with line(WORKER, *sockets.worker_headers(world, "owner")) as door:
            await door.send(protocol.encode(HELLO))
            await door.hear()
            frame = frame_about(tag, await held_lease(world))
            await door.send(as_sent(frame, seconds=seconds))
            return [word(await door.hear()), word(await door.hear())]

    assert sockets.run(say()) == ["malformed_frame", "4400"]


def test_memory_that_no_database_counts_is_refused_for_good(world):
    rules = {"*": {"memory_mib": 2**63}}
    code, _, closed = answers_to_hello(world, consent=rules)
    assert (code, closed) == ("malformed_frame", "4400")


@pytest.mark.parametrize(
    "offered",
    [
        {f"KIND{number}": "1" for number in range(protocol.KINDS_MAX + 1)},
        {"K" * 65: "1"},
        {"KIND": "1" * 65},
        {"": "1"},
    ],
    ids=["too many", "a long name", "a long version", "no name"],
)
def test_kinds_are_bounded(world, offered):
    code, message, closed = answers_to_hello(world, kinds=offered)
    assert (code, closed) == ("malformed_frame", "4400")
    assert "$.kinds" in message


def test_rules_that_are_too_long_are_refused_and_not_stored(world, settings):
    hosts = [f"{number}." + "x" * 200 for number in range(256)]
    rules = {f"group {number}": {"hosts": hosts} for number in range(200)}
    code, message, closed = answers_to_hello(world, name="greedy", consent=rules)
    assert (code, closed) == ("consent_too_large", "4400")
    assert str(settings.CONSENT_BYTES_MAX) in message
    assert not Worker.objects.filter(name="greedy").exists()


def test_a_user_has_so_many_names_of_workers_and_keeps_those_they_have(world, settings):
    settings.WORKERS_PER_USER_MAX = Worker.objects.filter(owner=world.people["owner"]).count()

    async def say() -> list[str]:
        words = []
        for name in ("a new one", world.worker.name):
            async with line(WORKER, *sockets.worker_headers(world, "owner")) as door:
                await door.send(as_sent(HELLO, name=name))
                words += [word(await door.hear()), word(await door.hear(sockets.SILENCE_SECONDS))]
        return words

    assert sockets.run(say()) == ["too_many_workers", "4429", "welcome", "silence"]


def test_rules_of_many_groups_fit(world, settings):
    """Those of a careful owner in a hundred groups."""
    rules = {
        f"group {number}": {"kinds": ["MEAN"], "slots": 2, "hours": ["22:00-06:00"]}
        for number in range(100)
    }
    assert len(msgspec.json.encode(rules)) < settings.CONSENT_BYTES_MAX

    async def say() -> str:
        async with line(WORKER, *sockets.worker_headers(world, "owner")) as door:
            await door.send(as_sent(HELLO, consent=rules))
            return word(await door.hear())

    assert sockets.run(say()) == "welcome"
