"""How many log-ins and worker tokens one user may have, and make in a day."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts import services
from accounts.models import Session, WorkerToken
from core import throttling
from tests.conftest import PASSWORD
from tests.support.pages import words
from tests.support.racing import race

TOKENS = "/api/worker-tokens/"


@pytest.fixture
def still(monkeypatch):
    """The clock of the limits stands ten seconds before midnight."""
    monkeypatch.setattr(throttling.time, "time", lambda: 20_000 * 86_400.0 - 10)


def test_a_user_makes_so_many_tokens_a_day_even_if_they_revoke_them(
    still, settings, alice, bob, api, browser
):
    settings.WORKER_TOKENS_PER_DAY_MAX = 2
    for _ in range(2):
        made = api(alice).post(TOKENS, {"name": "a"}).json()
        api(alice).delete(f"{TOKENS}{made['id']}/")
    answer = api(alice).post(TOKENS, {"name": "a"})
    assert (answer.status_code, answer.json()["code"]) == (429, "too_many_tokens_today")
    assert answer["Retry-After"] == "10"
    page = browser(alice).post("/profile/tokens/", {"name": "a"})
    assert page.status_code == 429 and "Go on tomorrow" in words(page)
    assert not WorkerToken.objects.live().exists()
    assert api(bob).post(TOKENS, {"name": "a"}).status_code == 201


def test_tokens_that_were_revoked_long_ago_are_deleted(settings, alice):
    rows = [services.create_worker_token(owner=alice, name=name)[0] for name in ("a", "b", "c")]
    now = timezone.now()
    long_ago = now - timedelta(days=settings.REFRESH_TOKEN_DAYS + 1)
    WorkerToken.objects.filter(pk=rows[0].pk).update(revoked=long_ago)
    WorkerToken.objects.filter(pk=rows[1].pk).update(revoked=now)
    assert services.purge_worker_tokens() == 1
    assert set(WorkerToken.objects.values_list("name", flat=True)) == {"b", "c"}


def test_a_user_has_so_many_sessions_and_the_longest_unused_one_ends(
    settings, alice, bob, api, bearing
):
    settings.SESSIONS_PER_USER_MAX = 3
    pairs = [services.open_session(alice, f"machine {number}") for number in range(4)]
    services.open_session(bob)
    assert Session.objects.filter(user=alice).count() == 3
    statuses = [bearing(pair.access).get("/api/users/me/").status_code for pair in pairs]
    assert statuses == [401, 200, 200, 200]
    browser = Client()
    browser.post("/login/", {"login": "alice", "password": PASSWORD})
    assert browser.get("/profile/").status_code == 200
    assert Session.objects.filter(user=alice).count() == 3
    assert Session.objects.filter(user=bob).count() == 1


def test_sessions_that_have_ended_go_before_living_ones(settings, alice, bearing):
    settings.SESSIONS_PER_USER_MAX = 2
    first = services.open_session(alice)
    second = services.open_session(alice)
    services.log_out(second.refresh)
    services.open_session(alice)
    assert bearing(first.access).get("/api/users/me/").status_code == 200
    assert Session.objects.filter(user=alice).count() == 2


def test_simultaneous_log_ins_keep_no_more_sessions(settings, transactional_db, alice):
    settings.SESSIONS_PER_USER_MAX = 3
    race(*[lambda: services.open_session(alice)] * 8)
    services.open_session(alice)
    assert Session.objects.filter(user=alice).count() <= 3


def test_an_account_is_logged_in_so_often_a_day(still, settings, alice, api):
    settings.LOGINS_PER_DAY_MAX = 2
    log_in = {"login": "alice", "password": PASSWORD}
    answers = [api().post("/api/auth/login/", log_in) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[-1].json()["code"] == "too_many_logins"
    assert answers[-1]["Retry-After"] == "10"
    Client().post("/login/", log_in)
    assert Session.objects.filter(user=alice).count() == 2
    # Wrong passwords of others do not count.
    settings.LOGINS_PER_DAY_MAX = 3
    for _ in range(3):
        api().post("/api/auth/login/", {**log_in, "password": "wrong"})
    settings.LOGINS_PER_DAY_MAX = 5
    assert api().post("/api/auth/login/", log_in).status_code == 200
