"""What is sent again, and what is not: over real sockets, both clients alike."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable
from typing import Any

import pytest

from firmlight_client import AsyncClient, Client, errors, transport
from tests.client.web_peer import WebPeer

Do = Callable[..., Any]


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "FIRST_WAIT_SECONDS", 0.01)


@pytest.fixture(params=["blocking", "asyncio"])
def do(request: pytest.FixtureRequest, web: WebPeer) -> Do:
    """do("submit", "K", group="G"): what the client's method of this name returns."""

    def blocking(method: str, *words: Any, **more: Any) -> Any:
        with Client.login(web.url, "alice", "right") as client:
            return getattr(client, method)(*words, **more)

    async def awaited(method: str, *words: Any, **more: Any) -> Any:
        async with await AsyncClient.login(web.url, "alice", "right") as client:
            return await getattr(client, method)(*words, **more)

    return (
        blocking
        if request.param == "blocking"
        else lambda *words, **more: asyncio.run(awaited(*words, **more))
    )


def posted(web: WebPeer) -> int:
    return sum((method, path) == ("POST", "tasks/") for method, path, _ in web.asked)


def test_a_submission_whose_answer_is_lost_makes_one_task(web: WebPeer, do: Do) -> None:
    web.troubles = ["lost", "lost"]
    assert do("submit", "K", group="G").id == "t0"
    assert (posted(web), list(web.tasks), len(web.keys)) == (3, ["t0"], 1)


def test_each_submission_has_a_key_of_its_own(web: WebPeer, do: Do) -> None:
    assert [do("submit", "K", group="G").id for _ in range(2)] == ["t0", "t1"]
    assert len(web.keys) == 2


def test_a_file_is_sent_whole_again(web: WebPeer, do: Do) -> None:
    web.troubles = ["lost"]
    do("submit", "MEAN", group="G", file=io.BytesIO(b"1\n2\n"))
    bodies = [body for method, path, body in web.asked if path == "tasks/"]
    assert len(bodies) == 2
    assert all(b"\r\n\r\n1\n2\n\r\n" in body for body in bodies)


def test_what_comes_from_a_pipe_is_sent_whole_again(web: WebPeer, do: Do) -> None:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

    web.troubles = ["lost"]
    do("submit", "MEAN", group="G", file=Pipe(b"1\n2\n"))
    assert [b"\r\n\r\n1\n2\n\r\n" in body for _, path, body in web.asked if path == "tasks/"] == [
        True,
        True,
    ]


@pytest.mark.parametrize("status", [502, 503, 504, 429])
def test_a_server_that_is_not_ready_is_asked_again(web: WebPeer, do: Do, status: int) -> None:
    web.troubles = [status, status]
    assert do("submit", "K", group="G").id == "t0"
    assert posted(web) == 3


def test_what_has_no_key_is_sent_once(web: WebPeer, do: Do) -> None:
    web.troubles = ["lost"]
    with pytest.raises(errors.ConnectionFailed, match="cannot be reached"):
        do("create_group", "Lab Eight")
    assert [path for _, path, _ in web.asked].count("groups/") == 1


def test_what_only_reads_is_asked_again(web: WebPeer, do: Do) -> None:
    web.troubles = ["lost", 503]
    assert do("me")["username"] == "alice"


def test_it_gives_up_in_the_end(web: WebPeer, do: Do) -> None:
    web.troubles = ["lost"] * 9
    with pytest.raises(errors.ConnectionFailed):
        do("submit", "K", group="G")
    assert posted(web) == transport.TRIES
