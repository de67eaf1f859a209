"""Whoever costs more than their share waits, and nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from core import pacing
from core.errors import TooMany
from core.pacing import Lines, Pace, Refusals

SLOW = Pace(per_second=0.001, burst=2.0)


def run(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(asyncio.wait_for(work, 20))


def test_a_key_spends_its_burst_and_is_refused_and_others_are_not() -> None:
    async def spend() -> list[float]:
        lines = Lines(lambda key: SLOW, first_mean=1.0, wait_seconds_max=5.0)
        waits = [(await lines.begin("mallory"))[1] for _ in range(5)]
        return [*waits, (await lines.begin("alice"))[1]]

    first, second, third, fourth, fifth, other = run(spend())
    assert (first, second, third, other) == (0.0,) * 4  # a third turn begins, as nothing is owed
    assert 900 < fourth <= 1000
    assert fifth == pytest.approx(fourth, abs=1)


def test_a_turn_waits_until_those_before_it_are_paid_for() -> None:
    async def spend() -> float:
        lines = Lines(lambda key: Pace(10, 1), first_mean=1.0, wait_seconds_max=5.0)
        began = asyncio.get_running_loop().time()
        for _ in range(5):
            assert await lines.begin("mallory") == (1.0, 0.0)
        return asyncio.get_running_loop().time() - began

    assert run(spend()) >= 0.29  # one at once, one on credit, and three that wait a tenth each


def test_many_at_once_do_not_begin_on_what_is_enough_for_one() -> None:
    async def crowd() -> int:
        lines = Lines(lambda key: SLOW, first_mean=1.0, wait_seconds_max=5.0)
        begun = await asyncio.gather(*(lines.begin("mallory") for _ in range(50)))
        return sum(wait == 0 for _, wait in begun)

    assert run(crowd()) == 3


def test_what_a_turn_cost_is_settled_when_it_ends() -> None:
    async def spend() -> list[float]:
        lines = Lines(lambda key: SLOW, first_mean=0.5, wait_seconds_max=5.0)
        waits = []
        for cost in (0.1, 5.0, 0.1):
            charged, wait = await lines.begin("mallory")
            waits.append(wait)
            lines.settle("mallory", charged, cost)
        return waits

    first, second, third = run(spend())
    assert (first, second) == (0.0, 0.0)
    assert third > 1000


def test_a_turn_that_does_not_count_is_given_back() -> None:
    async def spend() -> list[float]:
        lines = Lines(lambda key: SLOW, first_mean=1.0, wait_seconds_max=5.0)
        waits = []
        for _ in range(10):
            charged, wait = await lines.begin("alice")
            lines.give_back("alice", charged)
            waits.append(wait)
        return waits

    assert run(spend()) == [0.0] * 10


def test_only_keys_that_owe_something_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pacing, "KEYS_MAX", 100)

    async def many() -> tuple[int, float]:
        lines = Lines(lambda key: SLOW, first_mean=1.0, wait_seconds_max=5.0)
        for _ in range(3):
            await lines.begin("mallory")
        for number in range(500):
            charged, _ = await lines.begin(f"visitor {number}")
            lines.give_back(f"visitor {number}", charged)
        return len(lines), (await lines.begin("mallory"))[1]

    remembered, wait = run(many())
    assert remembered <= 100
    assert wait > 900


def test_refusals_of_one_key_wait_and_those_of_others_do_not() -> None:
    async def refuse() -> tuple[float, float, int]:
        refusals = Refusals(per_second=20, wait_seconds_max=0.2)
        clock, aborted, sent = asyncio.get_running_loop().time, [], []

        async def send(message: Any) -> None:
            sent.append(message)

        async def one(key: str) -> float:
            began = clock()
            scope = {"type": "http"}
            await refusals.refuse(key, scope, send, TooMany(3), lambda: aborted.append(key))
            return clock() - began

        waits = await asyncio.gather(*(one("mallory") for _ in range(10)), one("alice"))
        status = {message["status"] for message in sent if "status" in message}
        assert status == {429}
        assert (b"retry-after", b"3") in sent[0]["headers"]
        return max(waits[:-1]), waits[-1], len(aborted)

    longest, other, aborted = run(refuse())
    assert longest >= 0.14
    assert other < longest
    assert aborted == 5  # those that would have waited longer than they may
