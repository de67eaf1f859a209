"""How often each user may do something, or each address where nobody is logged in."""

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.cache import cache
from django.test import RequestFactory
from django.urls import get_resolver

from accounts.api.accounts import PublicView
from core import throttling
from core.errors import TooMany
from tests.conftest import PASSWORD
from tests.support.racing import race

LIMITED = [
    ("LOGIN_PER_MINUTE_MAX", "auth/login/", {"login": "nobody", "password": "wrong"}),
    (
        "LOGIN_PER_MINUTE_MAX",
        "auth/password-reset/confirm/",
        {"uid": "x", "token": "x", "password": "x"},
    ),
    ("LOGIN_PER_MINUTE_MAX", "auth/email/confirm/", {"token": "x"}),
    ("REGISTER_PER_HOUR_MAX", "auth/register/", {}),
    ("REFRESH_PER_MINUTE_MAX", "auth/refresh/", {"refresh": "x"}),
    ("MAIL_PER_HOUR_MAX", "auth/password-reset/", {"email": "nobody@example.org"}),
    ("MAIL_PER_HOUR_MAX", "users/me/confirmation/", {}),
    ("LOGIN_PER_MINUTE_MAX", "users/me/password/", {"old_password": "x", "new_password": "y"}),
    ("SUBMIT_PER_MINUTE_MAX", "tasks/", {}),
    ("INVITE_PER_HOUR_MAX", "groups/{group}/invitations/", {}),
]


@pytest.fixture
def still(monkeypatch):
    """The clock stands, in the middle of a window."""
    monkeypatch.setattr(throttling.time, "time", lambda: 1_800_000_010.0)


@pytest.mark.parametrize(("setting", "address", "body"), LIMITED)
def test_too_many_requests_are_refused_with_the_time_to_wait(
    still, setting, address, body, settings, alice, api, group
):
    setattr(settings, setting, 2)
    client = api() if address.startswith("auth/") else api(alice)
    answers = [client.post(f"/api/{address.format(group=group.pk)}", body) for _ in range(3)]
    assert [answer.status_code == 429 for answer in answers] == [False, False, True]
    assert answers[-1].json().keys() == {"code", "message"}
    assert answers[-1].json()["code"] == "throttled"
    hour = setting.endswith("HOUR_MAX")
    assert int(answers[-1]["Retry-After"]) == (throttling.HOUR if hour else throttling.MINUTE) - 10


def test_searching_people_is_limited_too(still, settings, alice, api):
    settings.SEARCH_PER_MINUTE_MAX = 1
    client = api(alice)
    assert [client.get("/api/users/").status_code for _ in range(2)] == [200, 429]


def test_users_do_not_use_up_each_others_share(still, settings, alice, bob, api):
    settings.SUBMIT_PER_MINUTE_MAX = 1
    assert [api(alice).post("/api/tasks/", {}).status_code for _ in range(2)] == [400, 429]
    assert api(bob).post("/api/tasks/", {}).status_code == 400


def test_addresses_do_not_either(still, settings, db, api):
    settings.LOGIN_PER_MINUTE_MAX = 1
    body = {"login": "nobody", "password": PASSWORD}
    answers = [
        api().post("/api/auth/login/", body, REMOTE_ADDR=f"10.0.0.{i}").status_code
        for i in (1, 1, 2)
    ]
    assert answers == [401, 429, 401]


def test_all_addresses_of_an_ipv6_network_are_one(still, settings, db, api):
    settings.LOGIN_PER_MINUTE_MAX = 1
    body = {"login": "nobody", "password": PASSWORD}
    addresses = ("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", "2001:db8:0:2::1")
    answers = [
        api().post("/api/auth/login/", body, REMOTE_ADDR=address).status_code
        for address in addresses
    ]
    assert answers == [401, 429, 401]


WRITES = ("WRITES_PER_MINUTE_MAX", "WRITES_PER_DAY_MAX")


@pytest.mark.parametrize("setting", WRITES)
def test_whatever_a_user_changes_is_limited(still, setting, settings, alice, bob, group, api):
    setattr(settings, setting, 2)
    client = api(alice)
    changes = [
        ("post", f"/api/groups/{group.pk}/star/", {"starred": True}),
        ("patch", f"/api/groups/{group.pk}/", {"description": "x"}),
        ("delete", "/api/notifications/", {}),
    ]
    answers = [getattr(client, verb)(address, body) for verb, address, body in changes]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert int(answers[-1]["Retry-After"]) > 0
    assert client.get("/api/groups/").status_code == 200
    assert api(bob).delete("/api/notifications/").status_code == 204


@pytest.mark.parametrize("setting", WRITES)
def test_pages_count_what_is_changed_too(still, setting, settings, alice, browser):
    setattr(settings, setting, 1)
    page = browser(alice)
    names = [f"alice-{number}" for number in range(3)]
    for name in names:
        page.post("/profile/name/", {"name-username": name})
    alice.refresh_from_db()
    assert alice.username == names[0]
    assert page.get("/profile/").status_code == 200


def test_no_request_that_changes_something_goes_uncounted():
    """A view that is open to all names its scopes itself; every other one is counted as a write."""
    uncounted = set()
    for route in get_resolver().url_patterns:
        for pattern in getattr(route, "url_patterns", []):
            view = getattr(pattern.callback, "view_class", getattr(pattern.callback, "cls", None))
            if not issubclass(view or object, PublicView):
                continue
            if not getattr(view, "throttles", {}).get("POST"):
                uncounted.add(view.__name__)
    make_nothing = {"LogoutView"}
    counted_below = {"LoginView", "PasswordResetView"}  # with the password, and with the e-mail
    assert uncounted == make_nothing | counted_below


def test_reading_is_not_limited_with_writing(still, settings, alice, api):
    settings.SUBMIT_PER_MINUTE_MAX = 1
    client = api(alice)
    assert [client.post("/api/tasks/", {}).status_code for _ in range(2)] == [400, 429]
    assert client.get("/api/tasks/").status_code == 200


def test_files_have_a_limit_of_their_own(still, settings, alice, api):
    settings.UPLOAD_PER_MINUTE_MAX = 1
    client = api(alice)
    assert [client.post("/api/tasks/", {}, format="multipart").status_code for _ in range(2)] == [
        400,
        429,
    ]
    assert client.post("/api/tasks/", {}).status_code == 400


def test_the_next_window_counts_from_zero(monkeypatch, settings, alice, api):
    settings.SUBMIT_PER_MINUTE_MAX = 1
    client, answers = api(alice), []
    for moment in (1_800_000_010.0, 1_800_000_059.0, 1_800_000_060.0):
        monkeypatch.setattr(throttling.time, "time", lambda moment=moment: moment)
        answers.append(client.post("/api/tasks/", {}).status_code)
    assert answers == [400, 429, 400]


def test_simultaneous_callers_do_not_get_past_the_limit(still, settings, transactional_db):
    settings.LOGIN_PER_MINUTE_MAX = 3
    request = RequestFactory().get("/")
    request.user = AnonymousUser()
    outcomes = race(*[lambda: throttling.check("login", request)] * 8)
    assert sum(isinstance(outcome, TooMany) for outcome in outcomes) == 5


def test_what_is_counted_goes_by_itself(still, settings, alice, api):
    api(alice).post("/api/tasks/", {})
    (key,) = cache._cache.get_client().keys("*throttle-submit*")
    assert 0 < cache._cache.get_client().ttl(key) <= 2 * throttling.MINUTE


def test_every_scope_that_a_view_names_exists():
    named = set()
    for route in get_resolver().url_patterns:
        for pattern in getattr(route, "url_patterns", []):
            view = getattr(pattern.callback, "view_class", getattr(pattern.callback, "cls", None))
            named |= {
                scope for scopes in getattr(view, "throttles", {}).values() for scope in scopes
            }
    assert {"login", "register", "submit", "upload", "invite"} <= named <= throttling.SCOPES.keys()
