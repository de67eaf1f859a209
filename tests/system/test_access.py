"""Nobody waits for the next look: sockets end with what opened them, news comes to open pages, work
to who is back.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from embedded.system import System
from firmlight_client import protocol
from tests.support.databases import fresh
from tests.support.systems import SHORT
from tests.system.lab import PASSWORD, Lab
from tests.system.peer import Peer
from tests.system.test_emails import link
from tests.system.test_live_socket import ask, closes_with, hear, watching

pytestmark = pytest.mark.storage

Connect = Callable[..., Peer]
AT_ONCE_SECONDS = 5.0  # on a machine that is busy; they look by themselves after ten minutes
NEW = "another good one 23"
LEASE_SECONDS = 1.5


@pytest.fixture(scope="module")
def letters(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the slow system's letters are written, a file for each."""
    return tmp_path_factory.mktemp("letters")


@pytest.fixture(scope="module")
def slow(
    tmp_path_factory: pytest.TempPathFactory, static_root: str, letters: Path
) -> Iterator[System]:
    """A system that checks only every ten minutes: what ends a socket here is the message."""
    env = {
        "DJANGO_SETTINGS_MODULE": SHORT["DJANGO_SETTINGS_MODULE"],
        "STATIC_ROOT": static_root,
        "MEMBERSHIP_CHECK_SECONDS": "600",
        "IDLE_ASK_SECONDS": "600",
        "LEASE_SECONDS": str(LEASE_SECONDS),
        "HEARTBEAT_SECONDS": "0.3",
        "LOG_LEVEL": "WARNING",
    }
    env["EMAIL_URL"] = f"filemail:///{letters}"
    folder = tmp_path_factory.mktemp("slow")
    with fresh(folder) as database, System(folder, env=env | database) as running:
        yield running


@pytest.fixture
def lab(slow: System) -> Iterator[Lab]:
    with Lab(slow.url) as made:
        yield made


@contextlib.contextmanager
def at_once() -> Iterator[None]:
    began = time.monotonic()
    yield
    assert time.monotonic() - began < AT_ONCE_SECONDS


def test_a_revoked_worker_token_ends_its_socket_and_no_other(lab: Lab, peer: Connect) -> None:
    worker, other = peer(person=1), peer(person=2)
    (token,) = lab.api[1].get("worker-tokens/").json()["results"]
    with at_once():
        assert lab.api[1].delete(f"worker-tokens/{token['id']}/").status_code == 204
        assert worker.closed_with()[0] == protocol.CLOSE_BAD_TOKEN
    lab.submit(count=1)
    other.work(1)


def test_logging_out_everywhere_ends_open_pages_but_not_machines(lab: Lab, peer: Connect) -> None:
    worker = peer(person=1)
    with watching(lab, lab.access[1]) as page, watching(lab, lab.access[2]) as other:
        ask(other, type="subscribe", notifications=True)
        hear(other)
        with at_once():
            assert lab.api[1].post("auth/logout-everywhere/").status_code == 204
            assert closes_with(page) == 4401
        assert hears_nothing(other)
    lab.submit(count=1)
    worker.work(1)


def test_logging_out_ends_the_page_of_that_session_only(lab: Lab) -> None:
    body = {"login": lab.names[1], "password": PASSWORD}
    second = httpx.post(f"{lab.url}/api/auth/login/", json=body).json()
    with watching(lab, second["access"]) as page, watching(lab, lab.access[1]) as other:
        with at_once():
            httpx.post(
                f"{lab.url}/api/auth/logout/", json={"refresh": second["refresh"]}
            ).raise_for_status()
            assert closes_with(page) == 4401
        assert hears_nothing(other)


def test_a_new_password_ends_the_other_pages(lab: Lab) -> None:
    second = httpx.post(
        f"{lab.url}/api/auth/login/", json={"login": lab.names[1], "password": PASSWORD}
    ).json()
    with watching(lab, second["access"]) as page, watching(lab, lab.access[1]) as mine:
        with at_once():
            body = {"old_password": PASSWORD, "new_password": NEW}
            assert lab.api[1].post("users/me/password/", json=body).status_code == 204
            assert closes_with(page) == 4401
        assert hears_nothing(mine)


def test_what_people_are_told_comes_to_their_open_page(lab: Lab, peer: Connect) -> None:
    with watching(lab, lab.access[1]) as page, watching(lab, lab.access[2]) as others:
        for socket in (page, others):
            ask(socket, type="subscribe", notifications=True)
        first = hear(page)
        assert first == {"type": "notifications", "unread": first["unread"], "new": []}
        before = hear(others)["unread"]
        lab.submit(count=1, person=1)
        with contextlib.suppress(TimeoutError):
            peer(person=2).work(1)
        message = hear(page)
        assert message["unread"] == first["unread"] + 1
        (new,) = message["new"]
        assert new == lab.api[1].get("notifications/").json()["results"][0]
        assert new["code"] == "task_finished"
        assert lab.api[1].post(f"notifications/{new['id']}/read/").status_code == 204
        assert hear(page) == {"type": "notifications", "unread": first["unread"], "new": []}
        assert lab.api[2].get("notifications/").json()["unread"] == before
        assert hears_nothing(others)
        ask(page, type="unsubscribe", notifications=True)
        lab.api[1].delete("notifications/")
        assert hears_nothing(page)


def test_a_block_ends_open_pages_and_machines(lab: Lab, slow: System, peer: Connect) -> None:
    worker, other = peer(person=1), peer(person=2)
    with watching(lab, lab.access[1]) as page:
        code = f"""
from accounts import services
from accounts.models import User
by = User(username="by", is_superuser=True)
services.block_user(User.objects.get(username={lab.names[1]!r}), by)
"""
        manage(slow, "shell", "-c", code)
        assert closes_with(page) == 4401
        assert worker.closed_with()[0] == protocol.CLOSE_BAD_TOKEN
    with watching(lab, lab.access[1]) as page:
        assert closes_with(page) == 4401
    lab.submit(count=1)
    other.work(1)


def test_a_browser_watches_with_its_cookie_until_it_logs_out(lab: Lab, slow: System) -> None:
    with httpx.Client(base_url=lab.url) as browser:
        log_in_as_moderator(browser, slow)
        cookie = f"sessionid={browser.cookies['sessionid']}"
        with watching(lab, None, Cookie=cookie, Origin=lab.url) as page:
            ask(page, type="subscribe", notifications=True)
            assert hear(page)["type"] == "notifications"
            with at_once():
                browser.post(
                    "/admin/logout/", data={"csrfmiddlewaretoken": browser.cookies["csrftoken"]}
                )
                assert closes_with(page) == 4401
        with watching(lab, None, Cookie=cookie, Origin=lab.url) as again:
            assert closes_with(again) == 4401


def log_in_as_moderator(browser: httpx.Client, system: System) -> None:
    manage(
        system, "createsuperuser", "--noinput", "--username", "root", "--email", "root@example.org"
    )
    browser.get("/admin/login/")
    form = {
        "username": "root",
        "password": NEW,
        "csrfmiddlewaretoken": browser.cookies["csrftoken"],
    }
    assert browser.post("/admin/login/", data=form).status_code == 302


def manage(system: System, *command: str) -> None:
    env = {**os.environ, **system.environment, "DJANGO_SUPERUSER_PASSWORD": NEW}
    subprocess.run(
        [sys.executable, "manage.py", *command], env=env, check=True, capture_output=True
    )


# Work for a worker that was silent for so long that it counted as gone


def test_an_idle_worker_that_slept_gets_what_came_meanwhile(lab: Lab, peer: Connect) -> None:
    sleeper = peer()
    sleeper.ready()
    time.sleep(LEASE_SECONDS + 0.5)
    lab.submit(count=1)
    assert sleeper.hears_nothing()
    with at_once():
        sleeper.send(protocol.Heartbeat(leases=[], received=0))
        sleeper.expect(protocol.Lease)


def test_a_worker_that_slept_and_asks_is_told_of_what_comes_then(lab: Lab, peer: Connect) -> None:
    sleeper = peer()
    time.sleep(LEASE_SECONDS + 0.5)
    sleeper.ready()
    assert sleeper.hears_nothing(0.1)
    with at_once():
        lab.submit(count=1)
        sleeper.expect(protocol.Lease)


# Letters, through the real jobs


def test_letters_go_out_by_the_jobs(lab: Lab, letters: Path) -> None:
    body = {
        "username": f"{lab.names[0]}x",
        "email": f"{lab.names[0]}x@example.org",
        "password": PASSWORD,
    }
    access = httpx.post(f"{lab.url}/api/auth/register/", json=body).json()["access"]
    me = {"url": f"{lab.url}/api/users/me/", "headers": {"Authorization": f"Bearer {access}"}}
    token = link(lab, letters, body["email"], "/email/confirm/").rsplit("/", 2)[1]
    assert not httpx.get(**me).json()["email_confirmed"]
    httpx.post(f"{lab.url}/api/auth/email/confirm/", json={"token": token}).raise_for_status()
    assert httpx.get(**me).json()["email_confirmed"]
    httpx.post(
        f"{lab.url}/api/auth/password-reset/", json={"email": body["email"]}
    ).raise_for_status()
    uid, token = link(lab, letters, body["email"], "/password/reset/").rsplit("/", 3)[1:3]
    new = {"uid": uid, "token": token, "password": NEW}
    httpx.post(f"{lab.url}/api/auth/password-reset/confirm/", json=new).raise_for_status()
    assert httpx.get(**me).status_code == 401
    login = {"login": body["email"], "password": NEW}
    httpx.post(f"{lab.url}/api/auth/login/", json=login).raise_for_status()


def hears_nothing(socket: Any, seconds: float = 0.3) -> bool:
    try:
        hear(socket, seconds)
    except TimeoutError:
        return True
    return False
