"""A closed socket ends its consumer in order, whatever is being sent to it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tasks.socket_base import Socket

pytestmark = pytest.mark.django_db  # Channels looks after the connections of its threads


class Answering(Socket):
    """It answers and closes, whether or not the other side is still there."""

    heard: list[str] = []

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        await self.send(text_data="an answer")
        await self.close()

    async def disconnect(self, code: int) -> None:
        self.heard.append(f"gone {code}")


def test_a_message_that_only_a_newer_release_knows_ends_no_connection() -> None:
    coming: list[dict[str, Any]] = [
        {"type": "websocket.connect"},
        {"type": "task.withdrawn", "task": "1"},
        {"type": "websocket.receive", "text": "a question"},
        {"type": "websocket.disconnect", "code": 1000},
    ]
    said: list[Any] = []

    async def receive() -> dict[str, Any]:
        return coming.pop(0) if coming else await asyncio.get_running_loop().create_future()

    async def send(message: dict[str, Any]) -> None:
        said.append(message)

    asyncio.run(asyncio.wait_for(Answering.as_asgi()({"type": "websocket"}, receive, send), 5))
    assert {"type": "websocket.send", "text": "an answer"} in said


def test_a_connection_that_is_lost_while_something_is_sent_is_still_disconnected() -> None:
    coming: list[dict[str, Any]] = [
        {"type": "websocket.connect"},
        {"type": "websocket.receive", "text": "a question"},
        {"type": "websocket.disconnect", "code": 1006},
    ]

    async def receive() -> dict[str, Any]:
        return coming.pop(0) if coming else await asyncio.get_running_loop().create_future()

    async def send(message: dict[str, Any]) -> None:
        if message["type"] != "websocket.accept":
            raise ConnectionResetError  # as the server does when the other side is gone

    asyncio.run(asyncio.wait_for(Answering.as_asgi()({"type": "websocket"}, receive, send), 5))
    assert Answering.heard[-1] == "gone 1006"
