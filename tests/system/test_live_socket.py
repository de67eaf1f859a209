"""`/ws/live/`: snapshots for those who may see them."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from firmlight_client import protocol
from tests.system.lab import Lab
from tests.system.peer import Peer


@contextlib.contextmanager
def watching(lab: Lab, token: str | None, **headers: str) -> Iterator[ClientConnection]:
    known = {"Authorization": f"Bearer {token}"} if token else {}
    with connect(
        f"ws{lab.url.removeprefix('http')}/ws/live/", additional_headers={**known, **headers}
    ) as socket:
        yield socket


def ask(socket: ClientConnection, **message: Any) -> None:
    socket.send(msgspec.json.encode(message).decode())


def hear(socket: ClientConnection, seconds: float = 10) -> dict[str, Any]:
    return msgspec.json.decode(socket.recv(timeout=seconds))


def test_a_task_is_shown_from_its_start_to_its_end(lab: Lab, peer: Callable[..., Peer]) -> None:
    task = lab.submit(count=3)
    with watching(lab, lab.access[2]) as socket:
        ask(socket, type="subscribe", task=task)
        seen = [hear(socket)["task"]]
        peer().work(3)
        while seen[-1]["status"] != "succeeded":
            seen.append(hear(socket)["task"])
    assert seen[0]["counts"]["done"] == 0
    assert seen[-1] == lab.task(task)
    shares = [snapshot["progress"] for snapshot in seen]
    assert shares == sorted(shares), "progress never goes back"


def test_a_small_result_comes_with_the_last_news_and_a_large_one_does_not(
    lab: Lab, peer: Callable[..., Peer]
) -> None:
    small, large = lab.submit(count=3), lab.submit(count=20_000, collect=True)
    with watching(lab, lab.access[2]) as socket:
        ask(socket, type="subscribe", group=lab.group)
        hear(socket)
        peer().work(20_003)
        last: dict[str, dict[str, Any]] = {}
        while len(last) < 2:
            message = hear(socket)
            if message["task"]["status"] == "succeeded":
                last[message["task"]["id"]] = message
    assert last[small]["result"] == lab.result(small)
    assert "result" not in last[large]


def test_a_group_shows_each_of_its_tasks(lab: Lab, peer: Callable[..., Peer]) -> None:
    with watching(lab, lab.access[1]) as socket:
        ask(socket, type="subscribe", group=lab.group)
        assert hear(socket) == {"type": "group", "group": lab.group}
        tasks = {lab.submit(count=1), lab.submit(count=2)}
        peer().work(3)
        ended: set[str] = set()
        while ended != tasks:
            snapshot = hear(socket)["task"]
            if snapshot["status"] == "succeeded":
                ended.add(snapshot["id"])


def test_a_group_hears_of_a_task_that_nobody_works_on_yet(lab: Lab) -> None:
    with watching(lab, lab.access[1]) as socket:
        ask(socket, type="subscribe", group=lab.group)
        hear(socket)
        task = lab.submit(count=70)
        seen = hear(socket)["task"]
        while seen["counts"]["total"] < 70:
            seen = hear(socket)["task"]
    assert (seen["id"], seen["status"]) == (task, "running")


def test_there_are_at_most_five_snapshots_a_second(lab: Lab, peer: Callable[..., Peer]) -> None:
    task, worker = lab.submit(count=200_000), peer()
    with watching(lab, lab.access[0]) as socket:
        ask(socket, type="subscribe", task=task)
        hear(socket)
        worker.ready()
        began, count = time.monotonic(), 0
        end = began + 2
        while time.monotonic() < end:
            with contextlib.suppress(TimeoutError):
                frame = worker.receive(0.02)
                if isinstance(frame, protocol.Lease):
                    worker.complete(frame, ready=1)
            with contextlib.suppress(TimeoutError):
                count += hear(socket, 0)["type"] == "task"
    assert count <= 5 * 2 + 2


def test_a_stranger_is_told_that_there_is_nothing(lab: Lab, system: Any) -> None:
    task = lab.submit(count=1)
    with Lab(system.url) as others, watching(lab, others.access[0]) as socket:
        for about in ({"task": task}, {"group": lab.group}, {"task": "nonsense"}):
            ask(socket, type="subscribe", **about)
            assert hear(socket) | about == {
                "type": "error",
                "code": "not_found",
                "message": "There is nothing here.",
                **about,
            }


def closes_with(socket: ClientConnection) -> int:
    with pytest.raises(ConnectionClosed) as closed:
        while True:
            socket.recv(timeout=10)
    assert closed.value.rcvd
    return closed.value.rcvd.code


def test_nobody_watches_without_logging_in(lab: Lab) -> None:
    for token in (None, "nonsense"):
        with watching(lab, token, Origin=lab.url) as socket:
            assert closes_with(socket) == 4401


def test_a_worker_token_watches_nothing(lab: Lab) -> None:
    with watching(lab, lab.worker_token(1)) as socket:
        assert closes_with(socket) == 4401


def test_another_sites_page_cannot_use_the_cookie(lab: Lab) -> None:
    with watching(lab, None, Origin="https://evil.example") as socket:
        assert closes_with(socket) == 4403


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "5",
        '{"type":"dance"}',
        '{"type":"subscribe"}',
        '{"type":"subscribe","task":5}',
        "x" * 5000,
    ],
)
def test_a_malformed_message_is_named_and_closed_with_4400(lab: Lab, text: str) -> None:
    with watching(lab, lab.access[0]) as socket:
        socket.send(text)
        assert hear(socket)["code"] == "malformed_message"
        assert closes_with(socket) == 4400


def test_who_has_left_the_group_hears_no_more_of_its_tasks(
    lab: Lab, peer: Callable[..., Peer]
) -> None:
    task = lab.submit(count=1)
    with watching(lab, lab.access[2]) as socket:
        ask(socket, type="subscribe", task=task)
        assert hear(socket)["task"]["id"] == task
        assert lab.api[2].post(f"groups/{lab.group}/leave/").status_code == 204
        while (message := hear(socket))["type"] == "task":  # it was split a moment ago
            pass
        assert message["code"] == "not_found"
        peer().work(1)
        lab.wait(task)
        with pytest.raises(TimeoutError):
            hear(socket, 0.5)
