"""A web process that is full says so, and goes on with what it has."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from firmlight.serving.load_shedding import ConcurrencyLimit
from tests.firmlight.serving.conftest import Serve
from tests.support.patient import until


async def _slow(scope: Any, receive: Any, send: Any) -> None:
    """Answers after a while; a socket stays until its other end goes."""
    if scope["type"] == "http":
        await asyncio.sleep(0.3 if scope["path"] == "/slow" else 0)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"done"})
        return
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] != "websocket.disconnect":
        await send({"type": "websocket.send", "text": message["text"]})


class Both:
    """The same limit for requests and sockets, each with room for two."""

    def __init__(self) -> None:
        self.http, self.websocket = ConcurrencyLimit(_slow, 2, 7), ConcurrencyLimit(_slow, 2, 7)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await (self.http if scope["type"] == "http" else self.websocket)(scope, receive, send)


@pytest.fixture
def url(serve: Serve) -> str:
    return serve(Both()).url


def test_a_request_too_many_is_turned_away_immediately(url: str) -> None:
    async def crowd() -> list[httpx.Response]:
        async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
            slow = [asyncio.create_task(client.get("/slow")) for _ in range(2)]
            await asyncio.sleep(0.1)
            refused = await client.get("/api/tasks/")
            return [refused, *await asyncio.gather(*slow), await client.get("/api/tasks/")]

    refused, *answered = asyncio.run(crowd())
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "7")
    assert refused.json() == {"code": "busy", "message": "The server is busy: try again in 7 s."}
    assert [answer.status_code for answer in answered] == [200] * 3


def _closed_with(address: str) -> tuple[int, str]:
    """How the server ends a connection on which it says nothing; (0, "") if it lets it be."""
    with connect(address) as line:
        try:
            line.send("here")
            return (0, "") if line.recv(5) else (-1, "")
        except ConnectionClosed as closed:
            assert closed.rcvd
            return closed.rcvd.code, closed.rcvd.reason


def test_a_socket_too_many_is_turned_away_and_those_that_are_open_go_on(url: str) -> None:
    address = url.replace("http", "ws", 1)
    with connect(address) as first, connect(address):
        assert _closed_with(address) == (1013, "The server is busy: try again in 7 s.")
        first.send("still here")
        assert first.recv(5) == "still here"
    until(lambda: _closed_with(address), lambda found: found == (0, ""))
