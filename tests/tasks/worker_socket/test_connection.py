"""Frames go out until the connection is stopped, and never afterwards."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from firmlight_client import protocol
from tasks.socket_base import Socket
from tasks.worker_socket.connection import Connection


class Recorder:
    """Notes what a connection does with its socket."""

    channel_name = "channel"

    def __init__(self) -> None:
        self.done: list[Any] = []

    async def send(self, bytes_data: bytes) -> None:
        self.done.append(protocol.decode_from_server(bytes_data))

    async def close(self, code: int) -> None:
        self.done.append(code)


@pytest.fixture
def socket() -> Recorder:
    return Recorder()


@pytest.fixture
def connection(socket: Recorder) -> Connection:
    return Connection(cast(Socket, socket))


def test_the_reason_goes_before_the_close(connection: Connection, socket: Recorder) -> None:
    asyncio.run(connection.stop(4401, "bad_token", "It is bad."))
    assert socket.done == [protocol.Error(code="bad_token", message="It is bad."), 4401]
    assert connection.stopped


def test_it_is_closed_once_and_nothing_follows(connection: Connection, socket: Recorder) -> None:
    async def run() -> None:
        await connection.hang_up(1012)
        await connection.send(protocol.Drain())
        await connection.stop(4401, "bad_token", "It is bad.")
        await connection.hang_up(1012)

    asyncio.run(run())
    assert socket.done == [1012]


def test_work_in_the_background_is_kept_until_it_is_done(connection: Connection) -> None:
    ran = []

    async def work() -> None:
        await asyncio.sleep(0)
        ran.append(True)

    async def run() -> None:
        connection.in_background(work())
        assert len(connection._background) == 1
        while connection._background:  # noqa: ASYNC110  its end notifies nobody
            await asyncio.sleep(0.001)

    asyncio.run(asyncio.wait_for(run(), 5))
    assert ran == [True]
