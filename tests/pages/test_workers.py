"""One's own machines, and how to get one to work."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from firmlight import client_wheel
from groups.models import Group
from tasks import queue
from tasks.models import Task, Worker
from tests.pages.conftest import words

Browser = Callable[..., Client]


def here(group: Group, worker: Worker) -> None:
    queue.beat(group.pk, worker=worker.pk, conn="c", kinds=["ECHO@1"], slots=worker.slots, leases=[]).now()


def test_my_workers_say_what_they_do_and_are_mine_alone(
    group: Group,
    split: Callable[..., Task],
    lease: Callable[..., queue.Granted],
    laptop: Worker,
    bob: User,
    alice: User,
    browser: Browser,
) -> None:
    assert "No worker yet" in words(browser(bob).get("/workers/"))
    assert "laptop Away" in words(browser(alice).get("/workers/"))
    here(group, laptop)
    assert "laptop Ready" in words(browser(alice).get("/workers/"))
    task = split(count=5)
    lease(laptop)
    seen = words(browser(alice, htmx=True).get("/workers/"))
    assert f"laptop Working {task.title}" in seen
    assert "No worker yet" in words(browser(bob).get("/workers/"))


def test_who_rests_is_shown_with_the_reason_on_both_pages(
    group: Group, laptop: Worker, alice: User, bob: User, browser: Browser
) -> None:
    asyncio.run(queue.note_resting(group.pk, laptop.pk, "on battery"))
    assert "laptop Resting: on battery" in words(browser(alice).get("/workers/"))
    assert "resting: on battery" in words(browser(bob).get(f"/groups/{group.pk}/"))
    here(group, laptop)
    asyncio.run(queue.note_resting(group.pk, laptop.pk, ""))
    assert "laptop Ready" in words(browser(alice).get("/workers/"))


def test_a_group_sees_what_a_worker_does_not_do(group: Group, laptop: Worker, bob: User, browser: Browser) -> None:
    Worker.objects.update(consent={"*": {"kinds": []}, group.name.upper(): {"kinds": ["ECHO"], "network": "none"}})
    here(group, laptop)
    assert "ready, only ECHO, no network" in words(browser(bob).get(f"/groups/{group.pk}/"))


def test_a_suspended_worker_says_why_and_is_let_back(laptop: Worker, alice: User, bob: User, browser: Browser) -> None:
    Worker.objects.update(suspended="2026-01-01T00:00Z", suspended_reason="It failed.")
    seen = words(browser(alice).get("/workers/"))
    assert "Suspended It failed." in seen
    assert browser(bob).post(f"/workers/{laptop.pk}/let-back/").status_code == 404
    assert browser(alice).post(f"/workers/{laptop.pk}/let-back/").url == "/workers/"
    assert Worker.objects.get().suspended is None


def test_letting_a_worker_leave_asks_first(
    group: Group, laptop: Worker, alice: User, bob: User, browser: Browser
) -> None:
    here(group, laptop)
    way = f"/workers/{laptop.pk}/drain/"
    assert way in browser(alice).get("/workers/").content.decode()
    assert "Let laptop leave?" in words(browser(alice).get(way))
    assert browser(alice).post(way).url == "/workers/"
    assert browser(bob).get(way).status_code == 404


def test_a_new_worker_appears_on_the_page_that_tells_how_to_get_one(
    group: Group, laptop: Worker, alice: User, browser: Browser
) -> None:
    waits = words(browser(alice).get("/workers/get/appeared/?since=1"))
    assert "Waiting for the first sign of it" in waits
    here(group, laptop)
    assert "laptop is ready" in words(browser(alice).get("/workers/get/appeared/?since=1"))
    later = int(laptop.last_seen.timestamp()) + 100
    assert "Waiting" in words(browser(alice).get(f"/workers/get/appeared/?since={later}"))
    for odd in ("", "x", "9" * 30, "-5"):
        assert browser(alice).get(f"/workers/get/appeared/?since={odd}").status_code == 200


# What is handed out


@pytest.fixture
def built(settings: Settings, tmp_path: Path) -> client_wheel.Wheel:
    settings.CLIENT_ROOT = tmp_path / "client"
    client_wheel.build()
    found = client_wheel.find()
    assert found
    return found


def test_the_wheel_is_built_once_and_handed_out(built: client_wheel.Wheel, bob: User, browser: Browser) -> None:
    made = built.path.stat().st_mtime_ns
    client_wheel.build()
    assert built.path.stat().st_mtime_ns == made
    page = browser(bob).get("/workers/get/").content.decode()
    assert (
        f"pip install http://testserver/download/{built.name} &amp;&amp; firmlight login http://testserver --worker"
        in page
    )
    answer = Client().get(f"/download/{built.name}")
    assert b"".join(answer.streaming_content) == built.path.read_bytes()  # type: ignore[attr-defined]
    assert f"{built.name}#sha256={built.sha256}" in Client().get("/download/").content.decode()


def test_a_changed_client_is_built_anew_and_the_old_one_goes(
    built: client_wheel.Wheel, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = built.path.with_name("firmlight_client-0.0.1-py3-none-any.whl")
    built.path.rename(old)
    monkeypatch.setattr(client_wheel, "_fingerprint", lambda: "changed")
    client_wheel.build()
    found = client_wheel.find()
    assert found and found.name == built.name
    assert not old.exists()


def test_nothing_else_is_handed_out(settings: Settings, tmp_path: Path, bob: User, browser: Browser) -> None:
    settings.CLIENT_ROOT = tmp_path
    (tmp_path / "secret").write_text("no")
    for name in ("secret", "..%2Fsecret", "x.whl"):
        assert Client().get(f"/download/{name}").status_code == 404
    assert "There is nothing to download here now." in words(Client().get("/download/"))
    assert "This server has no client to hand out." in words(browser(bob).get("/workers/get/"))
