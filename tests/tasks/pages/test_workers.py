"""One's own machines, and how to get one to work."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from core import client_wheel
from groups.models import Group
from tasks.models import Task, Worker
from tasks.queue import connections, presence
from tasks.queue.answers import Granted
from tests.support.pages import words

Browser = Callable[..., Client]

pytestmark = pytest.mark.django_db


def here(group: Group, worker: Worker) -> None:
    connections.beat(
        group.pk, worker=worker.pk, conn="c", kinds=["ECHO@1"], slots=worker.slots, leases=[]
    ).now()


def test_my_workers_say_what_they_do_and_are_mine_alone(
    group: Group,
    split: Callable[..., Task],
    lease: Callable[..., Granted],
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


def test_a_resting_worker_is_shown_with_the_reason_on_both_pages(
    group: Group, laptop: Worker, alice: User, bob: User, browser: Browser
) -> None:
    asyncio.run(presence.note_resting(group.pk, laptop.pk, "on battery"))
    assert "laptop Resting: on battery" in words(browser(alice).get("/workers/"))
    assert "resting: on battery" in words(browser(bob).get(f"/groups/{group.pk}/"))
    here(group, laptop)
    asyncio.run(presence.note_resting(group.pk, laptop.pk, ""))
    assert "laptop Ready" in words(browser(alice).get("/workers/"))


def test_a_group_sees_what_a_worker_does_not_do(
    group: Group, laptop: Worker, bob: User, browser: Browser
) -> None:
    Worker.objects.update(
        consent={"*": {"kinds": []}, str(group.pk): {"kinds": ["ECHO"], "network": "none"}}
    )
    here(group, laptop)
    assert "ready, only ECHO, no network" in words(browser(bob).get(f"/groups/{group.pk}/"))


def test_its_owner_alone_sees_a_rule_that_fits_no_group(
    group: Group, laptop: Worker, alice: User, bob: User, browser: Browser
) -> None:
    other = "aaaaaaaa-0000-4000-8000-000000000001"
    rules = {
        "*": {},
        str(group.pk): {"slots": 1, "written": "Fine"},
        other: {"written": "Left"},
        "Sevn": {},
    }
    Worker.objects.update(consent=rules)
    here(group, laptop)
    seen = words(browser(alice).get("/workers/"))
    assert "It has a rule for Left, Sevn, which fits no group of yours." in seen
    assert "Fine" not in seen
    assert "Sevn" not in words(browser(bob).get(f"/groups/{group.pk}/"))
    Worker.objects.update(consent={"*": {}, group.name.upper(): {}})
    assert "has a rule for" not in words(browser(alice).get("/workers/"))


def test_a_suspended_worker_says_why_and_is_let_back(
    group: Group, laptop: Worker, alice: User, bob: User, browser: Browser
) -> None:
    Worker.objects.update(suspended="2026-01-01T00:00Z", suspended_reason="It failed.")
    here(group, laptop)
    page = browser(alice, htmx=True).get("/workers/")
    assert "Suspended It failed." in words(page)
    assert 'data-state="ready"' not in page.content.decode()
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


APPEARED = "/workers/get/appeared/"


def test_a_new_worker_appears_on_the_page_that_tells_how_to_get_one(
    group: Group, laptop: Worker, alice: User, bob: User, browser: Browser
) -> None:
    page = browser(alice).get("/workers/get/")
    assert "Waiting for the first sign of it" in words(page)
    asks = asks_again(page)
    assert browser(alice).get(asks).status_code == 204, "nothing new, so no news"
    here(group, laptop)
    seen = browser(alice).get(asks)
    assert "laptop is ready" in words(seen)
    assert browser(alice).get(asks_again(seen)).status_code == 204
    assert "laptop" not in words(browser(bob).get(f"{APPEARED}?before="))


def test_a_worker_that_was_here_already_is_not_taken_for_the_new_one(
    group: Group, laptop: Worker, alice: User, browser: Browser
) -> None:
    here(group, laptop)
    page = browser(alice).get("/workers/get/")
    assert "Waiting for the first sign of it" in words(page)
    tower = Worker.objects.create(owner=alice, name="tower", slots=4)
    here(group, tower)
    seen = words(browser(alice).get(asks_again(page)))
    assert "tower is ready" in seen
    assert "laptop" not in seen


def test_without_script_the_page_itself_is_looked_at_again(
    group: Group, laptop: Worker, alice: User, browser: Browser
) -> None:
    page = browser(alice).get("/workers/get/").content.decode()
    (again,) = re.findall(r'<noscript>.*?href="([^"]+)"', page, re.DOTALL)
    here(group, laptop)
    assert "laptop is ready" in words(browser(alice).get(unescape(again)))


def test_a_user_in_no_group_reads_that_a_worker_needs_one(
    make_user: Callable[[str], User], browser: Browser
) -> None:
    assert "You are in no group yet" in words(browser(make_user("dora")).get("/workers/get/"))


@pytest.mark.parametrize("odd", ["", ",", "x" * 3000, "%00", '"><b>'])
def test_whatever_it_is_asked_with_it_answers(alice: User, browser: Browser, odd: str) -> None:
    answer = browser(alice).get(APPEARED, {"before": odd})
    assert answer.status_code == 200
    assert '"><b>' not in answer.content.decode()


def asks_again(answer: Any) -> str:
    """What the page asks next, every few seconds."""
    (found,) = re.findall(r'hx-get="(/workers/get/appeared/[^"]*)"', answer.content.decode())
    return unescape(found)


# What is handed out


@pytest.fixture
def built(settings: Settings, tmp_path: Path) -> client_wheel.Wheel:
    settings.CLIENT_ROOT = tmp_path / "client"
    client_wheel.build()
    found = client_wheel.find()
    assert found
    return found


def test_the_wheel_is_built_once_and_handed_out(
    built: client_wheel.Wheel, bob: User, browser: Browser
) -> None:
    made = built.path.stat().st_mtime_ns
    client_wheel.build()
    assert built.path.stat().st_mtime_ns == made
    page = browser(bob).get("/workers/get/").content.decode()
    install = f"pip install http://testserver/download/{built.name}"
    assert f"{install} &amp;&amp; firmlight login http://testserver --worker" in page
    answer = Client().get(f"/download/{built.name}")
    assert b"".join(answer.streaming_content) == built.path.read_bytes()  # type: ignore[attr-defined]
    assert f"{built.name}#sha256={built.sha256}" in Client().get("/download/").content.decode()


def test_who_has_the_wheel_is_told_so_and_who_wants_the_newest_is_led_to_it(
    db: None, built: client_wheel.Wheel
) -> None:
    address = f"/download/{built.name}"
    head = Client().head(address)
    head.close()
    assert head.status_code == 200
    assert int(head["Content-Length"]) == built.path.stat().st_size
    assert head["Cache-Control"] == "no-cache", "it may be built anew under its name"
    assert Client().get(address, headers={"If-None-Match": head["ETag"]}).status_code == 304
    with contextlib.closing(Client().get(address, headers={"If-None-Match": '"other"'})) as other:
        assert other.status_code == 200
    assert Client().get("/download/latest").url == address
    assert Client().post(address).status_code == 405


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


def test_nothing_else_is_handed_out(
    settings: Settings, tmp_path: Path, bob: User, browser: Browser
) -> None:
    settings.CLIENT_ROOT = tmp_path
    (tmp_path / "secret").write_text("no")
    for name in ("secret", "..%2Fsecret", "x.whl"):
        assert Client().get(f"/download/{name}").status_code == 404
    assert Client().get("/download/latest").status_code == 404
    assert "There is nothing to download here now." in words(Client().get("/download/"))
    assert "This server has no client to download." in words(browser(bob).get("/workers/get/"))
