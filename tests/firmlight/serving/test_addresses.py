"""What counts as one address, and how much one may have under way."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from core.address_limits import StrangersPerAddress, mark_owner_known
from core.client_address import address_of_scope, key_of
from core.pacing import Lines, Pace, Refusals
from firmlight.serving.fair_share import RequestsPerCaller
from tests.firmlight.serving.conftest import Serve
from tests.support import bad_clients
from tests.support.patient import until


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("unix:", "unix:"),
        ("x" * 100, "x" * 45),
    ],
)
def test_an_ipv6_address_counts_by_its_network(address: str, key: str) -> None:
    assert key_of(address) == key


@pytest.mark.parametrize("behind_proxy", [True, False])
def test_the_proxys_word_counts_only_behind_one(settings: Any, behind_proxy: bool) -> None:
    settings.BEHIND_PROXY = behind_proxy
    headers = [
        (b"x-forwarded-for", b"203.0.113.9"),
        (b"x-forwarded-for", b"203.0.113.8, 192.0.2.7"),
    ]
    scope = {"headers": headers, "client": ("127.0.0.1", 5000)}
    assert address_of_scope(scope) == ("192.0.2.7" if behind_proxy else "127.0.0.1")
    assert address_of_scope({**scope, "headers": []}) == "127.0.0.1"


async def slow(scope: Any, receive: Any, send: Any) -> None:
    await asyncio.sleep(0.5)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"done"})


def test_an_address_has_so_many_requests_under_way_and_others_are_served(
    serve: Serve, settings: Any
) -> None:
    settings.BEHIND_PROXY = True
    running = serve(RequestsPerCaller(slow, 3, 7, Refusals(100, 60)))

    async def ask(address: str, count: int) -> list[httpx.Response]:
        async with httpx.AsyncClient(base_url=running.url, trust_env=False) as client:
            asked = [
                client.get("/", headers={"X-Forwarded-For": f"6.6.6.6, {address}"})
                for _ in range(count)
            ]
            return list(await asyncio.gather(*asked))

    async def all_at_once() -> list[list[httpx.Response]]:
        return list(await asyncio.gather(ask("192.0.2.7", 5), ask("192.0.2.8", 2)))

    many, few = asyncio.run(all_at_once())
    assert sorted(answer.status_code for answer in many) == [200, 200, 200, 503, 503]
    assert [answer.status_code for answer in few] == [200, 200]
    refused = next(answer for answer in many if answer.status_code == 503)
    assert (refused.json()["code"], refused.headers["retry-after"]) == ("busy", "7")
    assert [answer.status_code for answer in asyncio.run(ask("192.0.2.7", 3))] == [200] * 3


def strangers(app: Any, most: int, at_once: int = 1000, per_second: float = 10) -> Any:
    """`at_once` handshakes go through, then so many a second; none waits longer than 1 s."""
    handshakes = Lines(lambda key: Pace(per_second, at_once), 1.0, 1.0)
    return StrangersPerAddress(app, most, 7, handshakes, Refusals(100, 60))


async def known_when_it_speaks(scope: Any, receive: Any, send: Any) -> None:
    """A socket whose owner is known once it has said something."""
    await receive()
    await send({"type": "websocket.accept"})
    while (await receive())["type"] == "websocket.receive":
        mark_owner_known(scope)
        await send({"type": "websocket.send", "text": "welcome"})


def test_sockets_count_until_it_is_known_whose_they_are(serve: Serve) -> None:
    running = serve(strangers(known_when_it_speaks, most=2), per_address=4)
    address = running.url.replace("http", "ws", 1)
    with contextlib.ExitStack() as lines:
        for _ in range(6):  # more than one address may have of strangers, by either limit
            one = lines.enter_context(connect(address))
            one.send("hello")
            assert one.recv(5) == "welcome"
        assert not running.connections.strangers.counts
        third = [lines.enter_context(connect(address)) for _ in range(3)][-1]
        with pytest.raises(ConnectionClosed) as closed:
            third.recv(5)
    assert closed.value.rcvd and closed.value.rcvd.code == 1013
    until(lambda: not running.connections.strangers.counts)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has all of 127.0.0.0/8")
def test_an_address_has_so_many_connections_and_others_are_served(serve: Serve) -> None:
    running = serve(slow, per_address=20, head_seconds=60)
    with bad_clients.crowd(running.port) as attack:
        attack.open(bad_clients.half_a_head, 30)
        attack.open(bad_clients.half_a_head, 30, addresses=3, first=1)
        until(lambda: attack.still_open() == 50)
        assert httpx.get(running.url, trust_env=False).status_code == 200
        assert running.connections.strangers.counts[bad_clients.address(0)] == 20
    until(lambda: not running.connections.strangers.counts)


def test_a_client_that_is_turned_away_hears_why(serve: Serve) -> None:
    running = serve(slow, per_address=1, head_seconds=60)
    with bad_clients.silent(running.port), bad_clients.silent(running.port) as one:
        said = one.recv(1000)
    assert said.startswith(b"HTTP/1.1 503 ")
    assert b'"code": "busy"' in said
    assert b"\r\nretry-after: 7\r\n" in said


def test_handshakes_without_a_log_in_come_at_a_pace(serve: Serve) -> None:
    """A worker that is known does not use up what its address has for strangers."""
    app = strangers(known_when_it_speaks, most=50, at_once=3, per_second=0.01)
    address = serve(app).url.replace("http", "ws", 1)
    for _ in range(10):
        with connect(address) as one:
            one.send("hello")
            assert one.recv(5) == "welcome"
    with contextlib.ExitStack() as lines:
        silent = [lines.enter_context(connect(address)) for _ in range(5)]
        with pytest.raises(ConnectionClosed) as closed:
            silent[-1].recv(5)
    assert closed.value.rcvd and closed.value.rcvd.code == 1013
