"""One who floods waits for themselves; those who are logged in count for themselves."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import Any

import httpx
import pytest

from core.activity import Activity
from core.pacing import Lines, Pace, Refusals
from firmlight.serving.callers import Callers, caller_of
from firmlight.serving.fair_share import FairShare
from firmlight.serving.outgoing import Outgoing
from firmlight.serving.threads import Threads
from tests.firmlight.serving.conftest import Serve

BURN_SECONDS = 0.02


def busy(environ: Any, start_response: Any) -> list[bytes]:
    """Takes processor time, and says so."""
    end = time.thread_time() + BURN_SECONDS
    while time.thread_time() < end:
        pass
    start_response("200 OK", [("Content-Length", "4")])
    return [b"done"]


async def owner_of(scope: Any) -> str | None:
    """Whoever has a token that begins with "of-" is the user it names."""
    token = dict(scope["headers"])[b"authorization"].decode().removeprefix("Bearer ")
    return token.removeprefix("of-") if token.startswith("of-") else None


def shared(at_once: float, lookups: int = 1000) -> Callers:
    """All callers have `at_once` seconds, and nothing more for a long time."""
    lines = Lines(lambda key: Pace(0.0001, at_once), 0.005, 0.5)
    others = Activity()
    for number in range(2):
        others.note(f"somebody {number}", float("inf"))  # they stay for the whole test
    app = FairShare(Threads(busy, 4, Outgoing(2**20)), lines, Refusals(50, 60), others)
    return Callers(app, owner_of, session_cookie="sessionid", lookups_per_minute=lookups)


@pytest.fixture
def behind_proxy(settings: Any) -> None:
    settings.BEHIND_PROXY = True


async def ask(url: str, count: int, address: str, token: str = "") -> list[httpx.Response]:
    headers = {"X-Forwarded-For": address}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=30) as client:
        return list(await asyncio.gather(*(client.get("/", headers=headers) for _ in range(count))))


def statuses(answers: list[httpx.Response]) -> Counter[int]:
    return Counter(answer.status_code for answer in answers)


def test_an_address_that_floods_is_throttled_and_others_are_not(
    serve: Serve, behind_proxy: None
) -> None:
    url = serve(shared(at_once=0.1)).url

    async def flood() -> tuple[Counter[int], Counter[int], list[httpx.Response]]:
        many = await ask(url, 40, "192.0.2.7")
        other, neighbour = await ask(url, 2, "192.0.2.8"), await ask(url, 2, "192.0.2.7", "of-ada")
        return statuses(many), statuses(other), neighbour

    many, other, neighbour = asyncio.run(flood())
    assert many[200] + many[429] == 40
    # One request is charged with a guess as it begins, so some begin that are not paid for
    assert 0.1 / BURN_SECONDS <= many[200] <= 25
    assert other == statuses(neighbour) == {200: 2}


def test_who_is_refused_hears_when_to_come_back(serve: Serve, behind_proxy: None) -> None:
    url = serve(shared(at_once=0.001)).url
    answers = asyncio.run(ask(url, 10, "192.0.2.7"))
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert refused.json()["code"] == "throttled"
    assert int(refused.headers["retry-after"]) >= 1


def test_a_user_has_a_share_of_their_own_at_whatever_address(
    serve: Serve, behind_proxy: None
) -> None:
    url = serve(shared(at_once=0.05)).url

    async def flood() -> tuple[Counter[int], Counter[int]]:
        for number in range(10):
            spent = await ask(url, 3, f"192.0.2.{number}", "of-mallory")
        return statuses(spent), statuses(await ask(url, 2, "192.0.2.1", "of-ada"))

    assert asyncio.run(flood()) == ({429: 3}, {200: 2})


def test_made_up_tokens_count_for_the_address(serve: Serve, behind_proxy: None) -> None:
    url = serve(shared(at_once=0.05)).url

    async def flood() -> Counter[int]:
        for number in range(10):
            spent = await ask(url, 3, "192.0.2.7", f"made-up-{number}")
        return statuses(spent)

    assert asyncio.run(flood()) == {429: 3}


def test_a_user_who_is_alone_does_not_wait(serve: Serve, behind_proxy: None) -> None:
    callers = shared(at_once=0.05)
    callers.app.activity = Activity()
    url = serve(callers).url
    assert statuses(asyncio.run(ask(url, 20, "192.0.2.7", "of-ada"))) == {200: 20}


def scope(token: str, address: str = "192.0.2.7", cookie: str = "") -> Any:
    headers = [(b"authorization", f"Bearer {token}".encode())] if token else []
    if cookie:
        headers.append((b"cookie", f"theme=dark; {cookie}".encode()))
    return {"headers": headers, "client": (address, 1)}


class Looked:
    """Counts the look-ups."""

    def __init__(self) -> None:
        self.count = 0

    async def __call__(self, scope: Any) -> str | None:
        self.count += 1
        return await owner_of(scope)


def find(callers: Callers, *scopes: Any) -> list[str]:
    async def all_of_them() -> list[str]:
        return [await callers.find(one) for one in scopes]

    return asyncio.run(all_of_them())


def test_a_token_is_looked_up_once() -> None:
    looked = Looked()
    callers = Callers(None, looked, session_cookie="sessionid", lookups_per_minute=100)
    assert find(callers, *[scope("of-ada")] * 5) == ["user ada"] * 5
    assert looked.count == 1


def test_made_up_tokens_are_looked_up_so_many_times_a_minute() -> None:
    looked = Looked()
    callers = Callers(None, looked, session_cookie="sessionid", lookups_per_minute=10)
    made_up = [scope(f"made-up-{number}") for number in range(50)]
    found = find(callers, *made_up, scope("of-ada"), scope("of-ada", "192.0.2.8"))
    assert found == ["address 192.0.2.7"] * 51 + ["user ada"]
    assert looked.count <= 13


def test_only_a_token_or_the_cookie_of_a_session_is_looked_up() -> None:
    looked = Looked()
    callers = Callers(None, looked, session_cookie="sessionid", lookups_per_minute=10)
    assert find(callers, scope(""), scope("", cookie="csrftoken=x")) == ["address 192.0.2.7"] * 2
    assert looked.count == 0
    assert caller_of(scope("")) == "address 192.0.2.7"
