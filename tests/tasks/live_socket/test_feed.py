"""What many watch is computed once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from tasks import events
from tasks.live_socket.feed import Hub, View

pytestmark = pytest.mark.django_db  # Channels looks after the connections of its threads


class Counting(View):
    """`asked` holds the tasks whose news were computed."""

    def __init__(self) -> None:
        self.looks, self.asked = 0, []

    def whole(self) -> dict[str, Any]:
        self.looks += 1
        return {"whole": self.looks}

    def news(self, task: str) -> dict[str, Any]:
        self.asked.append(task)
        return {"news": len(self.asked)}


class Listener:
    def __init__(self) -> None:
        self.heard: list[str] = []

    def put(self, text: str) -> None:
        self.heard.append(text)


def all_heard(listeners: list[Listener], texts: int) -> bool:
    return all(len(one.heard) == texts for one in listeners)


async def until(fine: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not fine():  # noqa: ASYNC110  what is waited for notifies nobody
            await asyncio.sleep(0.01)


def watched_by(
    many: int, view: View, then: Callable[[str, list[Listener]], Awaitable[None]]
) -> list[Listener]:
    async def run() -> list[Listener]:
        group, hub, listeners = str(uuid4()), Hub(), [Listener() for _ in range(many)]
        topic = events.group_topic(group)
        for one in listeners:
            assert await hub.join(topic, "page", lambda: view, one)
        await then(group, listeners)
        for one in listeners:
            hub.part(topic, "page", one)
        assert not hub.watches
        return listeners

    return asyncio.run(run())


def test_five_hundred_observers_cost_one_computation_each_update() -> None:
    view = Counting()

    async def change(group: str, listeners: list[Listener]) -> None:
        for heard in (2, 3, 4):
            await events.task_changed("t", group, final=True)
            await until(partial(all_heard, listeners, heard))

    listeners = watched_by(500, view, change)
    assert view.asked == ["", "", ""]
    (last,) = {one.heard[-1] for one in listeners}
    assert msgspec.json.decode(last) == {"news": 3}
    assert len({id(one.heard[-1]) for one in listeners}) == 1, "the very same text, encoded once"


def test_many_changes_in_a_moment_are_at_most_three_updates() -> None:
    view = Counting()

    async def change(group: str, listeners: list[Listener]) -> None:
        for number in range(50):
            await events.task_changed(str(number), group, final=number == 49)
        await until(lambda: len(listeners[0].heard) >= 2)

    watched_by(1, view, change)
    assert 1 <= len(view.asked) <= 3


def test_each_task_has_a_pace_of_its_own_where_the_view_wants_it() -> None:
    view = Counting()
    view.by_task = True

    async def change(group: str, listeners: list[Listener]) -> None:
        for task in ("a", "b", "a", "b"):
            await events.task_changed(task, group)
        await until(lambda: set(view.asked) == {"a", "b"})

    watched_by(1, view, change)
    assert len(view.asked) <= 4


def test_a_view_may_be_looked_at_without_news() -> None:
    view = Counting()
    view.every_seconds = 0.05

    async def wait(group: str, listeners: list[Listener]) -> None:
        await until(lambda: len(listeners[0].heard) >= 3)

    watched_by(1, view, wait)
    assert view.asked[:2] == ["", ""]
