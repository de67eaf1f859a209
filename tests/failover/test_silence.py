"""A worker tells a dead line from a slow one."""

from __future__ import annotations

import asyncio
import time

import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

from firmlight_client.worker import server_connection as lines
from tests.support.proxy import Proxy


async def seconds_until_it_ends(befall, sent: int = 0, answer: int = 0) -> float | None:
    """How long a line lives after `befall(proxy)`, while so many bytes go up and then down; None: 4
    s at least.
    """

    async def server(socket):
        async for _ in socket:
            await socket.send(bytes(answer))

    async with serve(server, "127.0.0.1", 0, max_size=None, ping_interval=None) as serving:
        with Proxy(serving.sockets[0].getsockname()[1]) as proxy:
            opening = connect(
                f"ws://127.0.0.1:{proxy.port}",
                create_connection=lines.ServerConnection,
                ping_interval=None,
                compression=None,
                max_size=None,
                close_timeout=0.1,
            )
            async with opening as line:
                helpers = [
                    asyncio.create_task(job)
                    for job in (line.keep_pinging(), line.abort_when_silent())
                ]
                await asyncio.sleep(0.3)
                began = time.monotonic()
                befall(proxy)
                try:
                    async with asyncio.timeout(4):
                        if sent:
                            await line.send_counted(bytes(sent))
                        while True:
                            await line.recv()
                except ConnectionClosed:
                    return time.monotonic() - began
                except TimeoutError:
                    return None
                finally:
                    for helper in helpers:
                        helper.cancel()
                    proxy.heal()


@pytest.fixture(scope="module")
def seconds() -> dict[str, float | None]:
    """What becomes of four lines at the same time, twenty times faster than in life."""
    befallen = {
        "cut": seconds_until_it_ends(Proxy.cut),
        "idle": seconds_until_it_ends(lambda proxy: None),
        "slow down": seconds_until_it_ends(
            lambda proxy: proxy.throttle(50_000), sent=10, answer=500_000
        ),
        "slow up": seconds_until_it_ends(
            lambda proxy: proxy.throttle(50_000), sent=500_000, answer=1
        ),
    }

    async def all_at_once() -> list[float | None]:
        return await asyncio.gather(*befallen.values())

    with pytest.MonkeyPatch.context() as patch:
        for name in ("PING_SECONDS", "CHECK_SECONDS", "SILENCE_SECONDS_MAX"):
            patch.setattr(lines, name, getattr(lines, name) / 20)
        return dict(zip(befallen, asyncio.run(all_at_once()), strict=True))


def test_a_dead_line_is_noticed_within_the_silence_allowed(seconds):
    assert seconds["cut"] is not None and 0.9 < seconds["cut"] < 2.5


def test_an_idle_line_lives(seconds):
    assert seconds["idle"] is None


def test_a_slow_line_lives_while_its_answer_waits_behind_a_large_lease(seconds):
    assert seconds["slow down"] is None


def test_a_slow_line_lives_while_its_ping_waits_behind_a_large_partial(seconds):
    assert seconds["slow up"] is None
