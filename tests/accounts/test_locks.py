"""Repeated bad log-ins: locked for one account from one address, whether or not there is such an
account.
"""

import pytest
from django.core.cache import cache
from django.test import Client

from accounts.models import User
from tests.conftest import PASSWORD

LOGIN = "/api/auth/login/"


@pytest.fixture(autouse=True)
def _three_failures(settings):
    settings.LOGIN_FAILURES_MAX = 3


@pytest.fixture
def attempt(api):
    """attempt("alice", "wrong", "10.0.0.1"): the answer to a log-in from this address."""

    def post(login, password=PASSWORD, address="10.0.0.1"):
        return api().post(LOGIN, {"login": login, "password": password}, REMOTE_ADDR=address)

    return post


def fail(attempt, login, times=3, **where):
    return [attempt(login, "wrong", **where).status_code for _ in range(times)]


def test_after_too_many_failures_even_the_password_is_refused(alice, attempt):
    assert fail(attempt, "alice") == [401, 401, 429]
    answer = attempt("alice")
    assert (answer.status_code, answer.json()["code"]) == (429, "too_many_attempts")
    assert 0 < int(answer["Retry-After"]) <= 15 * 60


def test_a_lock_looks_the_same_for_an_account_that_does_not_exist(alice, attempt):
    known, unknown = fail(attempt, "alice"), fail(attempt, "nobody")
    assert known == unknown
    assert attempt("alice").content == attempt("nobody").content


def test_other_addresses_and_other_accounts_are_not_locked(alice, bob, attempt):
    fail(attempt, "alice")
    assert attempt("alice", address="10.0.0.2").status_code == 200
    assert attempt("bob").status_code == 200


def test_a_name_counts_in_any_case(alice, attempt):
    logins = ("alice", "ALICE", "Alice")
    assert [attempt(login, "wrong").status_code for login in logins] == [401, 401, 429]


def test_a_lock_does_not_tell_which_account_has_an_address(alice, attempt):
    fail(attempt, "alice")
    tried = [attempt(login, "wrong") for login in ("other@example.org", "alice@example.org")]
    assert [answer.status_code for answer in tried] == [401, 401]
    assert tried[0].content == tried[1].content


def test_of_ipv6_all_addresses_of_a_network_count_together(alice, attempt):
    tried = [attempt("alice", "wrong", f"2001:db8::{i}").status_code for i in range(3)]
    assert tried == [401, 401, 429]
    assert attempt("alice", address="2001:db8:0:1::1").status_code == 200


def test_a_success_counts_from_nought_again(alice, attempt):
    fail(attempt, "alice", times=2)
    assert attempt("alice").status_code == 200
    assert fail(attempt, "alice", times=2) == [401, 401]


def test_a_lock_ends_by_itself(alice, attempt, settings):
    settings.LOGIN_LOCK_MINUTES = 1 / 60
    assert fail(attempt, "alice")[-1] == 429
    assert int(attempt("alice")["Retry-After"]) == 1
    cache.clear()  # what time does
    assert attempt("alice").status_code == 200


def test_failures_during_the_lock_do_not_prolong_it(alice, attempt, settings):
    settings.LOGIN_LOCK_MINUTES = 10
    fail(attempt, "alice")
    first = int(attempt("alice")["Retry-After"])
    settings.LOGIN_LOCK_MINUTES = 20
    assert fail(attempt, "alice") == [429, 429, 429]
    assert int(attempt("alice")["Retry-After"]) <= first


def test_the_admin_has_the_same_lock(alice, attempt):
    root = User.objects.create_superuser("root", "root@example.org", PASSWORD)
    fail(attempt, "root")
    form = {"username": root.username, "password": PASSWORD}
    answer = Client().post("/admin/login/", form, REMOTE_ADDR="10.0.0.1")
    assert answer.status_code == 429
    assert answer["Retry-After"]
    assert Client().post("/admin/login/", form, REMOTE_ADDR="10.0.0.2").status_code == 302


def test_behind_our_proxy_the_address_that_it_adds_counts(alice, api, settings):
    settings.BEHIND_PROXY = True

    def attempt(forwarded, password):
        body = {"login": "alice", "password": password}
        return api().post(LOGIN, body, headers={"X-Forwarded-For": forwarded}).status_code

    assert [attempt(f"1.1.1.{i}, 10.0.0.1", "wrong") for i in range(3)][-1] == 429
    assert attempt("1.1.1.9, 10.0.0.1", PASSWORD) == 429
    assert attempt("10.0.0.1, 10.0.0.2", PASSWORD) == 200


def test_without_a_proxy_the_header_does_not_count(alice, api):
    body = {"login": "alice", "password": "wrong"}
    answers = [
        api().post(LOGIN, body, headers={"X-Forwarded-For": f"1.1.1.{i}"}).status_code
        for i in range(3)
    ]
    assert answers[-1] == 429
