"""Logging in, refreshing and logging out: who may, and what ends when."""

from datetime import timedelta

import pytest
from django.contrib.auth import hashers
from django.utils import timezone
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken

from accounts import services
from accounts.errors import BadToken, TokenReused
from accounts.models import Session, User
from tests.conftest import PASSWORD
from tests.support.racing import race

ME = "/api/users/me/"


def refresh(api, token):
    return api().post("/api/auth/refresh/", {"refresh": token})


@pytest.mark.parametrize("login", ["alice", "ALICE", "alice@example.org", "Alice@Example.ORG"])
def test_people_log_in_by_name_or_address_in_any_case(alice, log_in, bearing, login):
    body = log_in(login)
    assert body["user"] == {"id": str(alice.pk), "username": "alice", "email": "alice@example.org"}
    assert bearing(body["access"]).get(ME).status_code == 200


def test_every_failed_log_in_gets_the_same_answer(api, alice, bob):
    User.objects.filter(pk=bob.pk).update(is_active=False)
    tries = [
        ("alice", "wrong"),
        ("nobody", PASSWORD),
        ("no@example.org", PASSWORD),
        ("bob", PASSWORD),
        ("x\n", "y"),
    ]
    answers = [api().post("/api/auth/login/", {"login": who, "password": p}) for who, p in tries]
    assert {answer.status_code for answer in answers} == {401}
    assert {answer.content for answer in answers} == {answers[0].content}
    assert answers[0].json()["code"] == "bad_credentials"
    assert answers[0]["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("login", ["alice", "nobody"])
def test_one_password_is_hashed_whether_or_not_the_account_exists(api, alice, login, monkeypatch):
    hashed = []
    hasher = type(hashers.get_hasher())
    encode, verify = hasher.encode, hasher.verify
    monkeypatch.setattr(hasher, "encode", lambda *args: hashed.append(1) or encode(*args))
    monkeypatch.setattr(hasher, "verify", lambda *args: hashed.append(1) or verify(*args))
    api().post("/api/auth/login/", {"login": login, "password": "wrong"})
    assert len(hashed) == 1


@pytest.mark.parametrize(
    "body",
    [{}, {"login": "alice"}, {"login": "a\x00", "password": "b"}, {"login": [], "password": {}}],
)
def test_a_log_in_without_its_fields_is_refused(api, db, body):
    answer = api().post("/api/auth/login/", body)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")


def test_an_expired_token_in_the_header_does_not_prevent_a_log_in(alice, bearing):
    body = {"login": "alice", "password": PASSWORD}
    assert bearing("gone").post("/api/auth/login/", body).status_code == 200


def test_a_session_knows_its_device_within_bounds(api, alice):
    headers = {"User-Agent": "Fire\tfox " + "x" * 500}
    api().post("/api/auth/login/", {"login": "alice", "password": PASSWORD}, headers=headers)
    device = Session.objects.get().device
    assert device.startswith("Firefox xxx")
    assert len(device) == 200


def test_authentication_costs_one_query(alice, log_in, bearing, django_assert_num_queries):
    client = bearing(log_in("alice")["access"])
    with django_assert_num_queries(1):
        assert client.get(ME).status_code == 200


def test_last_used_is_written_once_a_minute(alice, log_in, bearing, django_assert_num_queries):
    client = bearing(log_in("alice")["access"])
    Session.objects.update(last_used=timezone.now() - timedelta(seconds=61))
    with django_assert_num_queries(2):
        client.get(ME)
    assert timezone.now() - Session.objects.get().last_used < timedelta(seconds=30)
    with django_assert_num_queries(1):
        client.get(ME)


def test_a_refresh_gives_a_new_pair_for_the_same_session(api, alice, log_in, bearing):
    old = log_in("alice")
    answer = refresh(api, old["refresh"])
    assert answer.status_code == 200
    new = answer.json()
    assert new.keys() == {"access", "refresh"}
    assert (
        RefreshToken(new["refresh"])["sid"]
        == RefreshToken(old["refresh"])["sid"]
        == str(Session.objects.get().pk)
    )
    assert bearing(new["access"]).get(ME).status_code == 200
    assert refresh(api, new["refresh"]).status_code == 200


def test_a_spent_refresh_token_ends_the_whole_session(api, alice, log_in, bearing):
    other = log_in("alice")
    stolen = log_in("alice")
    fresh = refresh(api, stolen["refresh"]).json()
    answer = refresh(api, stolen["refresh"])
    assert (answer.status_code, answer.json()["code"]) == (401, "token_reused")
    assert bearing(fresh["access"]).get(ME).status_code == 401
    assert refresh(api, fresh["refresh"]).json()["code"] == "token_not_valid"
    assert bearing(other["access"]).get(ME).status_code == 200


def test_of_simultaneous_refreshes_one_gets_a_pair(transactional_db, alice):
    token = services.open_session(alice).refresh
    outcomes = race(*[lambda: services.refresh_session(token)] * 4)
    assert sum(not isinstance(outcome, Exception) for outcome in outcomes) == 1
    assert {type(o) for o in outcomes if isinstance(o, Exception)} <= {TokenReused, BadToken}
    assert Session.objects.get().revoked


def test_a_refresh_keeps_an_active_session_from_expiring(alice):
    pair = services.open_session(alice)
    Session.objects.update(expires=timezone.now() + timedelta(minutes=1))
    services.refresh_session(pair.refresh)
    assert Session.objects.get().expires > timezone.now() + timedelta(days=1)


def test_logging_out_ends_access_and_refresh_tokens_of_that_session_only(
    api, alice, log_in, bearing
):
    here, there = log_in("alice"), log_in("alice")
    answer = api().post("/api/auth/logout/", {"refresh": here["refresh"]})
    assert (answer.status_code, answer.content) == (204, b"")
    answer = bearing(here["access"]).get(ME)
    assert (answer.status_code, answer.json()["code"]) == (401, "token_not_valid")
    assert refresh(api, here["refresh"]).status_code == 401
    assert bearing(there["access"]).get(ME).status_code == 200


def test_logging_out_twice_is_no_error(api, alice, log_in):
    body = {"refresh": log_in("alice")["refresh"]}
    assert [api().post("/api/auth/logout/", body).status_code for _ in range(2)] == [204, 204]


@pytest.mark.parametrize("address", ["refresh", "logout"])
@pytest.mark.parametrize("token", ["x", "a.b.c", "flw_" + "x" * 43, "é"])
def test_what_is_no_refresh_token_is_refused(api, db, address, token):
    answer = api().post(f"/api/auth/{address}/", {"refresh": token})
    assert (answer.status_code, answer.json()["code"]) == (401, "token_not_valid")


def test_tokens_do_not_stand_in_for_each_other(api, alice, log_in, bearing):
    pair = log_in("alice")
    assert bearing(pair["refresh"]).get(ME).status_code == 401
    assert refresh(api, pair["access"]).status_code == 401


def test_a_signed_token_without_a_living_session_is_refused(alice, bearing):
    for sid in (None, "", "x", 7, ["x"], "00000000-0000-4000-8000-000000000000"):
        token = AccessToken.for_user(alice)
        token["sid"] = sid
        assert bearing(token).get(ME).status_code == 401
    assert bearing(AccessToken.for_user(alice)).get(ME).status_code == 401


@pytest.mark.parametrize("changes", [{"revoked": timezone.now()}, {"expires": timezone.now()}])
def test_a_session_that_ended_lets_nobody_in(api, alice, log_in, bearing, changes):
    pair = log_in("alice")
    Session.objects.update(**changes)
    assert bearing(pair["access"]).get(ME).status_code == 401
    assert refresh(api, pair["refresh"]).status_code == 401


def test_an_inactive_user_is_let_in_nowhere(api, alice, log_in, bearing):
    pair = log_in("alice")
    User.objects.filter(pk=alice.pk).update(is_active=False)
    assert bearing(pair["access"]).get(ME).status_code == 401
    assert refresh(api, pair["refresh"]).status_code == 401


@pytest.mark.parametrize(
    "header", ["Bearer x", "Bearer a b", "Bearer \xff", "Bearer ..", "Basic YTpi", "Bearer"]
)
def test_a_bad_header_is_answered_in_our_shape(alice, api, header):
    answer = api().get(ME, headers={"Authorization": header})
    assert answer.status_code == 401
    assert answer.json().keys() == {"code", "message"}
    assert answer["WWW-Authenticate"].startswith("Bearer")


def test_the_browsable_pages_show_a_bad_token_too(alice, bearing):
    answer = bearing("x").get(ME, headers={"Accept": "text/html"})
    assert answer.status_code == 401
    assert "token_not_valid" in answer.content.decode()


def test_sessions_whose_time_is_over_are_purged(alice):
    services.open_session(alice)
    services.open_session(alice)
    Session.objects.filter(pk=Session.objects.first().pk).update(
        expires=timezone.now() - timedelta(days=1)
    )
    assert services.purge_sessions() == 1
    assert Session.objects.count() == 1
