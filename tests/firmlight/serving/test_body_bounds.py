"""How much of a body is read depends on its path and its sender; probes are never held up."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from django.conf import settings
from django.urls import reverse
from pytest_django import Settings

from firmlight.serving.bodies import LARGE_SHARE, Head, read_head
from firmlight.serving.body_bounds import FORM_BYTES, SUBMITS, limits, most
from firmlight.serving.load_shedding import ConcurrencyLimit
from firmlight.serving.probes import Probes, alive
from tests.firmlight.serving.conftest import Serve

MULTIPART = (b"content-type", b"multipart/form-data; boundary=x")
TOKEN = (b"authorization", b"Bearer whatever")
COOKIE = (b"cookie", b"theme=dark; sessionid=whatever")
UPLOAD = settings.UPLOAD_BYTES_MAX + FORM_BYTES
ARGUMENTS = {"page:new-task": ["5f2b2f0e-0000-4000-8000-000000000000"]}
ARGUMENTS["page:preview-task"] = ARGUMENTS["page:new-task"]


def bound(path: str, *headers: tuple[bytes, bytes]) -> int:
    scope = {"path": path, "headers": list(headers)}
    return most(scope, read_head(scope, b"sessionid="))


@pytest.mark.parametrize("name", sorted(SUBMITS))
@pytest.mark.parametrize("credentials", [TOKEN, COOKIE])
def test_files_are_taken_where_tasks_are_submitted(
    name: str, credentials: tuple[bytes, bytes]
) -> None:
    path = reverse(name, args=ARGUMENTS.get(name, []))
    assert bound(path, credentials, MULTIPART) == UPLOAD
    assert bound(path, credentials) == settings.JSON_BODY_BYTES_MAX
    assert bound(path, MULTIPART) == settings.ANONYMOUS_BODY_BYTES_MAX


def test_an_upload_that_may_be_sent_has_room(settings: Settings) -> None:
    settings.UPLOAD_BYTES_MAX = 2 * settings.BODIES_BYTES_MAX
    largest = most({"path": reverse("task-list"), "headers": []}, Head(None, True, True))
    found = limits()
    assert largest > settings.UPLOAD_BYTES_MAX
    assert found.owner_bytes >= largest
    assert found.sum_bytes * LARGE_SHARE >= largest


@pytest.mark.parametrize(
    "path", ["/api/auth/login/", "/login/", "/api/groups/", "/admin/", "/nothing/here/", "/"]
)
def test_elsewhere_bodies_are_small(path: str) -> None:
    assert bound(path, TOKEN, MULTIPART) == settings.BODY_BYTES_MAX
    assert bound(path, (b"cookie", b"theme=dark"), MULTIPART) == settings.ANONYMOUS_BODY_BYTES_MAX


@pytest.mark.parametrize(
    ("headers", "size"),
    [
        ([], 0),
        ([(b"content-length", b"0")], 0),
        ([(b"content-length", b"17")], 17),
        ([(b"content-length", b"-1")], None),
        ([(b"transfer-encoding", b"chunked")], None),
    ],
)
def test_a_head_says_whether_a_body_comes(
    headers: list[tuple[bytes, bytes]], size: int | None
) -> None:
    assert read_head({"headers": headers}, b"sessionid=").declared_bytes == size


async def never(scope: Any, receive: Any, send: Any) -> None:
    await asyncio.sleep(30)


async def checks(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"checked"})


def test_probes_do_not_wait_behind_what_is_under_way(serve: Serve) -> None:
    running = serve(Probes(ConcurrencyLimit(never, 1, 7), alive, checks))

    async def crowd() -> list[tuple[int, str]]:
        async with httpx.AsyncClient(base_url=running.url, trust_env=False) as client:
            stuck = asyncio.create_task(client.get("/login/"))
            await asyncio.sleep(0.1)
            asked = [
                await client.get(path) for path in ("/login/", "/healthz", "/readyz", "/metrics")
            ]
            stuck.cancel()
            return [(answer.status_code, answer.text) for answer in asked]

    refused, *probes = asyncio.run(crowd())
    assert refused[0] == 503
    assert probes == [(200, '{"status": "alive"}'), (200, "checked"), (200, "checked")]
