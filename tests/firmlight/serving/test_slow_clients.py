"""A client that sends too slowly or too much, or does not read, is cut off and holds up nobody."""

from __future__ import annotations

import socket
import threading
import time
from dataclasses import replace
from typing import Any

import httpx
import pytest

from firmlight.serving.bodies import BODY, Bodies, Limits
from firmlight.serving.outgoing import Outgoing
from firmlight.serving.threads import Threads
from tests.firmlight.serving.conftest import Running, Serve
from tests.support import bad_clients
from tests.support.patient import until

MANY = 2**20
BODY_LIMITS = Limits(
    seconds=30,
    window_seconds=0.5,
    bytes_per_second=1000,
    memory_bytes=1000,
    sum_bytes=3 * MANY,
    owner_bytes=3 * MANY,
    stranger_bytes=3 * MANY,
)


async def hello(scope: Any, receive: Any, send: Any) -> None:
    await send(
        {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]}
    )
    await send({"type": "http.response.body", "body": b"hi"})


async def echo(scope: Any, receive: Any, send: Any) -> None:
    body = scope[BODY]
    text = f"{body.size} {len(body.file.read())}".encode()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": text})


async def named_by_token(scope: Any) -> str | None:
    """As if every token but "made-up" were good, and named its user."""
    token = dict(scope["headers"]).get(b"authorization", b"").decode().removeprefix("Bearer ")
    return None if token in ("", "made-up") else token


def in_bodies(app: Any, most: int = 2 * MANY, limits: Limits = BODY_LIMITS) -> Bodies:
    return Bodies(
        app,
        limits,
        lambda scope, head: most,
        named_by_token,
        session_cookie="sessionid",
        retry_seconds=7,
    )


def answer_on(one: socket.socket) -> bytes:
    """All that comes until the server ends it."""
    one.settimeout(5)
    said = b""
    try:
        while piece := one.recv(65536):
            said += piece
    except ConnectionResetError:
        pass
    return said


# Heads


@pytest.mark.parametrize("client", [bad_clients.silent, bad_clients.half_a_head])
def test_a_head_that_does_not_come_ends_its_connection(
    serve: Serve, client: bad_clients.BadClient
) -> None:
    running = serve(hello)
    began = time.monotonic()
    with client(running.port) as one:
        said = answer_on(one)
    assert time.monotonic() - began < 3
    assert said == b"" if client is bad_clients.silent else b'"code": "too_slow"' in said
    until(lambda: not running.connections.all and not running.connections.strangers.counts)


def test_a_head_that_comes_byte_by_byte_ends_its_connection(serve: Serve) -> None:
    with bad_clients.half_a_head(serve(hello).port) as one:
        with pytest.raises(OSError):
            for _ in range(200):
                one.sendall(b"a")
                time.sleep(0.02)


def test_a_connection_between_two_requests_is_not_held_open_by_trifles(serve: Serve) -> None:
    with bad_clients.connected(serve(hello).port) as one:
        one.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n")
        assert b"hi" in one.recv(65536)
        with pytest.raises(OSError):
            for _ in range(200):
                one.sendall(b"a")
                time.sleep(0.02)


@pytest.mark.parametrize("ends", [True, False])
@pytest.mark.parametrize("size", [5_000, 200_000])
def test_a_head_that_is_too_large_is_refused(serve: Serve, size: int, ends: bool) -> None:
    with bad_clients.connected(serve(hello).port) as one:
        one.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * size + b"\r\n\r\n" * ends)
        said = answer_on(one)
    assert said.startswith(b"HTTP/1.1 431 ")
    assert said.count(b"HTTP/1.1") == 1
    assert b'"code": "head_too_large"' in said


def test_requests_one_after_the_other_on_a_connection_are_answered(serve: Serve) -> None:
    """Longer than a head may take, with pauses shorter than uvicorn keeps a connection."""
    with httpx.Client(base_url=serve(hello).url, trust_env=False) as client:
        for _ in range(4):
            assert client.get("/").text == "hi"
            time.sleep(0.3)


def test_so_many_requests_sent_at_once_are_answered_and_no_more(serve: Serve) -> None:
    running = serve(hello)
    request = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    with bad_clients.connected(running.port) as one:
        one.sendall(request * 8 + request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        assert answer_on(one).count(b"200 OK") == 9
    with bad_clients.connected(running.port) as one:
        one.sendall(request * 10)
        assert answer_on(one) == b""


# Bodies


def test_a_body_is_read_before_the_application_is_asked(serve: Serve) -> None:
    asked: list[float] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        asked.append(time.monotonic())
        await echo(scope, receive, send)

    running = serve(in_bodies(app))
    size = 3 * 65536
    with bad_clients.connected(running.port) as one:
        one.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % size)
        for _ in range(3):
            time.sleep(0.05)
            assert not asked
            one.sendall(bytes(65536))
        assert f"{size} {size}".encode() in one.recv(65536)


def test_a_body_may_say_when_it_ends(serve: Serve) -> None:
    pieces = (bytes(70_000) for _ in range(3))
    assert (
        httpx.post(serve(in_bodies(echo)).url, content=pieces, trust_env=False).text
        == "210000 210000"
    )


def test_half_a_body_ends_its_connection(serve: Serve) -> None:
    bodies = in_bodies(echo)
    with bad_clients.half_a_body(serve(bodies).port) as one:
        said = answer_on(one)
    assert said.startswith(b"HTTP/1.1 408 ")
    assert b'{"code": "too_slow", "message": ' in said
    assert bodies.held_bytes == 0


def test_a_body_that_trickles_ends_its_connection(serve: Serve) -> None:
    with bad_clients.half_a_body(serve(in_bodies(echo)).port, size=100_000) as one:
        with pytest.raises(OSError):
            for _ in range(200):
                one.sendall(b"a" * 10)
                time.sleep(0.02)


def test_a_body_that_comes_steadily_may_take_longer_than_a_window(serve: Serve) -> None:
    def steadily() -> Any:
        for _ in range(15):
            yield bytes(1000)
            time.sleep(0.1)

    assert (
        httpx.post(serve(in_bodies(echo)).url, content=steadily(), trust_env=False).text
        == "15000 15000"
    )


@pytest.mark.parametrize("declared", [True, False])
def test_a_body_that_is_too_large_is_refused_in_words(serve: Serve, declared: bool) -> None:
    bodies = in_bodies(echo, most=1000)
    content: Any = bytes(1_000_000) if declared else (bytes(100_000) for _ in range(10))
    answer = httpx.post(serve(bodies).url, content=content, trust_env=False)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert answer.headers["connection"] == "close"
    assert bodies.held_bytes == 0


def test_all_bodies_together_are_bounded(serve: Serve) -> None:
    bodies = in_bodies(echo)
    running = serve(bodies)
    with (
        bad_clients.half_a_body(running.port, size=2 * MANY),
        bad_clients.half_a_body(running.port, size=2 * MANY),
    ):
        until(lambda: bodies.held_bytes == 2 * MANY)
        answer = httpx.post(running.url, content=bytes(MANY + 1), trust_env=False)
        assert (answer.status_code, answer.json()["code"]) == (503, "busy")
        assert answer.headers["retry-after"] == "7"
    until(lambda: bodies.held_bytes == 0)
    assert httpx.post(running.url, content=bytes(MANY + 1), trust_env=False).status_code == 200


def test_uploads_leave_room_for_small_bodies(serve: Serve) -> None:
    bodies = in_bodies(echo, most=4 * MANY, limits=replace(BODY_LIMITS, stranger_bytes=1000))
    running = serve(bodies)
    with bad_clients.half_a_body(running.port, size=4 * MANY, token="ada"):
        until(lambda: bodies.held_bytes == 2 * MANY)
        assert sent(running.url, MANY, "bob").status_code == 503
        assert sent(running.url, 1000, "made-up").status_code == 200
    until(lambda: bodies.held_bytes == 0)


def sent(url: str, size: int, token: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.post(url, content=bytes(size), headers=headers, trust_env=False)


def test_a_large_body_needs_a_user_and_a_made_up_token_is_none(serve: Serve) -> None:
    bodies = in_bodies(echo, limits=replace(BODY_LIMITS, stranger_bytes=100_000))
    url = serve(bodies).url
    assert sent(url, 100_000, "made-up").status_code == 200
    refused = sent(url, 100_001, "made-up")
    assert (refused.status_code, refused.json()["code"]) == (401, "not_authenticated")
    assert sent(url, 100_001, "ada").status_code == 200
    assert (bodies.held_bytes, dict(bodies.held_by)) == (0, {})


def test_one_user_has_a_share_of_all_bodies(serve: Serve) -> None:
    bodies = in_bodies(echo, limits=replace(BODY_LIMITS, stranger_bytes=1000, owner_bytes=MANY))
    running = serve(bodies)
    with bad_clients.half_a_body(running.port, size=2 * MANY, token="ada"):
        until(lambda: bodies.held_by["ada"] == MANY)
        refused = sent(running.url, MANY // 2, "ada")
        assert (refused.status_code, refused.json()["code"]) == (503, "busy")
        assert sent(running.url, MANY // 2, "bob").status_code == 200
    until(lambda: not bodies.held_by)


# Answers


def whole(size: int) -> Any:
    def application(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [("Content-Length", str(size))])
        return [bytes(size)]

    return application


class Endless:
    """An answer in pieces, as a large download; it notes whether it was closed."""

    closed = threading.Event()

    def __call__(self, environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        return self

    def __iter__(self) -> Any:
        for _ in range(10_000):
            yield bytes(16_384)

    def close(self) -> None:
        self.closed.set()


def assert_threads_are_free(running: Running) -> None:
    """There is one thread, and it serves."""
    assert httpx.get(running.url, trust_env=False, timeout=3).status_code == 200


def test_a_reader_that_does_not_read_holds_no_thread_and_is_let_go(serve: Serve) -> None:
    running = serve(Threads(whole(4 * MANY), 1, Outgoing(100 * MANY)))
    with bad_clients.crowd(running.port) as attack:
        attack.open(bad_clients.asks_and_does_not_read, 8)
        assert_threads_are_free(running)
        until(lambda: attack.still_open() == 0)
    until(lambda: not running.connections.all)


def test_a_long_download_that_nobody_reads_holds_no_thread_and_is_closed(serve: Serve) -> None:
    application = Endless()
    running = serve(Threads(application, 1, Outgoing(100 * MANY)))
    with bad_clients.crowd(running.port) as attack:
        attack.open(bad_clients.asks_and_does_not_read, 4)
        with httpx.stream("GET", running.url, trust_env=False, timeout=3) as answer:
            assert next(answer.iter_bytes())
        until(lambda: attack.still_open() == 0)
    assert application.closed.wait(5)
    until(lambda: not running.connections.all)


def test_a_slow_reader_that_reads_gets_everything(serve: Serve) -> None:
    running = serve(Threads(whole(MANY), 1, Outgoing(100 * MANY)))
    with bad_clients.connected(running.port, receive_bytes=4096) as one:
        one.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        got = 0
        while piece := one.recv(20_000):
            got += len(piece)
            time.sleep(0.01)
    assert got > MANY


def test_answers_that_nobody_reads_make_room_for_others(
    monkeypatch: pytest.MonkeyPatch, serve: Serve
) -> None:
    monkeypatch.setattr("firmlight.serving.outgoing.GRACE_SECONDS", 0.2)
    monkeypatch.setattr("firmlight.serving.outgoing.SLOW_BYTES_PER_SECOND", 100 * MANY)
    outgoing = Outgoing(10 * MANY)
    running = serve(Threads(whole(4 * MANY), 1, outgoing), window_seconds=60)
    with bad_clients.crowd(running.port) as attack:
        attack.open(bad_clients.asks_and_does_not_read, 2)
        until(lambda: outgoing.bytes == 8 * MANY)
        time.sleep(0.5)
        assert_threads_are_free(running)
        until(lambda: attack.still_open() == 1, seconds=10)


def test_an_application_that_fails_is_answered_for(serve: Serve) -> None:
    def application(environ: Any, start_response: Any) -> Any:
        raise RuntimeError("as it may")

    assert (
        httpx.get(serve(Threads(application, 1, Outgoing(MANY))).url, trust_env=False).status_code
        == 500
    )


# Sockets


def test_a_socket_that_does_not_read_is_let_go(serve: Serve) -> None:
    async def pour(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        for _ in range(1000):
            await send({"type": "websocket.send", "bytes": bytes(MANY)})

    running = serve(pour)
    with bad_clients.crowd(running.port) as attack:
        attack.open(bad_clients.handshake_and_silence, 3)
        until(lambda: attack.still_open() == 0)
    until(lambda: not running.connections.all)


def test_a_stranger_sends_little(serve: Serve) -> None:
    async def listen(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        while (await receive())["type"] != "websocket.disconnect":
            pass

    with bad_clients.handshake_and_silence(serve(listen).port) as one:
        assert b"101" in one.recv(1000)
        with pytest.raises(OSError):
            for _ in range(100):
                one.sendall(b"\x82\xff" + (MANY).to_bytes(8, "big") + bytes(4) + bytes(5000))
                time.sleep(0.01)


# Descriptors


def test_where_descriptors_run_short_the_slowest_head_makes_room(serve: Serve) -> None:
    running = serve(hello, connections=5, head_seconds=60)
    with bad_clients.crowd(running.port) as attack:
        attack.open(bad_clients.half_a_head, 8)
        until(lambda: attack.still_open() == 5)
        assert httpx.get(running.url, trust_env=False).status_code == 200
