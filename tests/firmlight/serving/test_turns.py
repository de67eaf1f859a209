"""However many requests of one caller wait, others get their threads."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from firmlight.serving.turns import Turns


def run(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(asyncio.wait_for(work, 20))


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


class Crowd:
    """Requests that hold a thread until they are let go."""

    def __init__(self, threads: int) -> None:
        self.turns = Turns(threads)
        self.began: list[str] = []
        self.ends: list[asyncio.Event] = []
        self.tasks: list[asyncio.Task[None]] = []

    async def come(self, caller: str, count: int = 1) -> None:
        self.tasks += [asyncio.create_task(self._one(caller)) for _ in range(count)]
        await settle()

    async def _one(self, caller: str) -> None:
        end = asyncio.Event()
        async with self.turns.turn(caller):
            self.began.append(caller)
            self.ends.append(end)
            await end.wait()

    async def end_first(self) -> None:
        self.ends.pop(0).set()
        await settle()


def test_a_caller_who_comes_finds_a_thread_free() -> None:
    async def come() -> list[str]:
        crowd = Crowd(10)
        await crowd.come("mallory", 50)
        assert len(crowd.began) == 5
        await crowd.come("alice")
        await crowd.come("bob")
        return crowd.began[5:]

    assert run(come()) == ["alice", "bob"]


def test_callers_take_turns() -> None:
    async def come() -> Counter[str]:
        crowd = Crowd(1)
        await crowd.come("mallory", 50)
        await crowd.come("alice", 5)
        await crowd.come("bob", 5)
        for _ in range(11):
            await crowd.end_first()
        return Counter(crowd.began[1:])

    assert sorted(run(come()).values()) == [3, 4, 4]


@given(
    threads=st.integers(1, 6),
    steps=st.lists(st.sampled_from(["mallory", "alice", "bob", "end", "cancel"]), max_size=60),
)
def test_threads_are_never_exceeded_and_none_is_lost(threads: int, steps: list[str]) -> None:
    async def play() -> None:
        crowd = Crowd(threads)
        for step in steps:
            if step == "end":
                if crowd.ends:
                    await crowd.end_first()
            elif step == "cancel":
                if crowd.tasks:
                    crowd.tasks[-1].cancel()
                    await settle()
            else:
                await crowd.come(step)
            assert crowd.turns.running.total() <= threads
        for task in crowd.tasks:
            task.cancel()
        await asyncio.gather(*crowd.tasks, return_exceptions=True)
        assert not crowd.turns.running
        assert not crowd.turns.waiting

    run(play())
