"""Sessions: listing and ending them, and what that does to browsers and their cookies."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends.cached_db import SessionStore
from django.contrib.sessions.models import Session as DjangoSession
from django.test import Client, RequestFactory
from django.utils import timezone

from accounts import services
from accounts.models import AuditEntry, Session, User
from tests.conftest import PASSWORD

ME, LIST, EVERYWHERE = "/api/users/me/", "/api/sessions/", "/api/auth/logout-everywhere/"
NEW = "another-good-one-23"


def browser_of(user, agent=""):
    """A browser in which this user has logged in."""
    request = RequestFactory().post("/", headers={"User-Agent": agent})
    request.session, request.user = SessionStore(), AnonymousUser()
    services.open_browser_session(request, user)
    return with_cookie(request.session)


def with_cookie(session):
    session.save()
    browser = Client()
    browser.cookies["sessionid"] = session.session_key
    return browser


def write(browser, address, body=None, method="post"):
    return getattr(browser, method)(address, body, content_type="application/json")


def test_the_list_shows_where_i_am_logged_in_and_which_is_this(alice, bob, api, log_in):
    browser_of(bob)
    log_in("alice")
    here = api(alice)
    rows = here.get(LIST).json()["results"]
    assert len(rows) == 2
    assert {"id", "device", "created", "last_used", "expires", "this"} == rows[0].keys()
    assert [row["device"] for row in rows if row["this"]] == ["tests"]
    assert api().get(LIST).status_code == 401


def test_a_browser_is_among_them_and_knows_itself(alice, log_in):
    log_in("alice")
    rows = browser_of(alice, "Firefox").get(LIST).json()["results"]
    assert {row["device"]: row["this"] for row in rows} == {"Firefox": True, "": False}


def test_i_end_one_of_them(alice, bob, api, log_in, bearing):
    elsewhere, browser, here = bearing(log_in("alice")["access"]), browser_of(alice), api(alice)
    for row in here.get(LIST).json()["results"]:
        if not row["this"]:
            assert api(bob).delete(f"{LIST}{row['id']}/").status_code == 404
            assert here.delete(f"{LIST}{row['id']}/").status_code == 204
            assert here.delete(f"{LIST}{row['id']}/").status_code == 404
    assert [client.get(ME).status_code for client in (elsewhere, browser, here)] == [401, 401, 200]
    assert here.delete(f"{LIST}{uuid4()}/").status_code == 404


def test_i_log_out_everywhere(alice, bob, api, log_in, bearing):
    token = services.create_worker_token(owner=alice, name="attic")
    elsewhere, browser, here, other = (
        bearing(log_in("alice")["access"]),
        browser_of(alice),
        api(alice),
        api(bob),
    )
    assert here.post(EVERYWHERE).status_code == 204
    assert [client.get(ME).status_code for client in (elsewhere, browser, here, other)] == [
        401,
        401,
        401,
        200,
    ]
    assert token[0].owner.worker_tokens.live().exists(), "machines go on"
    assert AuditEntry.objects.get().action == "sessions_ended"


def test_a_cookie_whose_session_has_ended_is_emptied(alice):
    browser = browser_of(alice)
    services.end_all_sessions(alice)
    assert browser.get(ME).status_code == 401
    assert "_auth_user_id" not in browser.session
    again = browser_of(alice)
    assert again.get(ME).status_code == 200


def test_a_cookie_of_a_time_without_rows_is_not_believed(alice):
    browser = browser_of(alice)
    session = browser.session
    del session["sid"]
    session.save()
    assert browser.get(ME).status_code == 401


def test_a_cookie_that_names_somebody_elses_session_is_logged_out(alice, bob):
    browser, row = browser_of(alice), services.open_session(bob)
    session = browser.session
    session["sid"] = str(Session.objects.get(jti=row.jti).pk)
    session.save()
    assert browser.get(ME).status_code == 401


def test_logging_out_in_the_browser_ends_its_row_only(alice, log_in, bearing):
    elsewhere, browser = bearing(log_in("alice")["access"]), browser_of(alice)
    browser.logout()
    assert Session.objects.live().count() == 1
    assert elsewhere.get(ME).status_code == 200


def test_logging_in_as_somebody_else_ends_the_session_before(alice, bob):
    request = RequestFactory().post("/")
    request.session, request.user = browser_of(alice).session, alice
    services.open_browser_session(request, bob)
    (row,) = Session.objects.live()
    assert row.user == bob
    assert with_cookie(request.session).get(ME).json()["username"] == "bob"


def test_logging_in_once_more_leaves_one_row(alice):
    request = RequestFactory().post("/")
    request.session, request.user = browser_of(alice).session, alice
    services.open_browser_session(request, alice)
    assert Session.objects.live().count() == 1


def test_a_new_password_keeps_only_the_browser_that_asked(alice, log_in, bearing):
    here, other, elsewhere = (
        browser_of(alice),
        browser_of(alice),
        bearing(log_in("alice")["access"]),
    )
    answer = write(here, f"{ME}password/", {"old_password": PASSWORD, "new_password": NEW})
    assert answer.status_code == 204
    assert [client.get(ME).status_code for client in (here, other, elsewhere)] == [200, 401, 401]
    assert AuditEntry.objects.get().action == "password_changed"


def test_a_cookie_beside_an_access_token_changes_nothing(alice, bob, api):
    mixed = api(alice)
    mixed.force_login(bob)
    answer = mixed.post(f"{ME}password/", {"old_password": PASSWORD, "new_password": NEW})
    assert answer.status_code == 204
    assert mixed.get(ME).json()["username"] == "alice"
    assert browser_of(bob).get(ME).status_code == 200


def test_the_use_of_a_browser_is_recorded_once_a_minute(alice, django_assert_num_queries):
    browser = browser_of(alice)
    old = timezone.now() - timedelta(minutes=2)
    Session.objects.update(last_used=old)
    with django_assert_num_queries(
        3
    ):  # our session, the note, the user; Django's lies in the cache
        browser.get(ME)
    assert Session.objects.get().last_used > old
    with django_assert_num_queries(2):
        browser.get(ME)


def test_a_token_and_no_cookie_costs_no_look_for_a_browser(alice, api, django_assert_num_queries):
    client = api(alice)
    with django_assert_num_queries(1):
        client.get(ME)


def test_a_browsers_row_ends_with_its_cookie_and_is_purged(alice, settings):
    settings.SESSION_COOKIE_AGE = -1
    browser_of(alice)
    assert services.purge_sessions() == 1
    assert not DjangoSession.objects.exists()


def test_writing_with_a_cookie_needs_djangos_token_against_forgery(alice):
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(alice)
    assert write(browser, EVERYWHERE).status_code == 403
    assert browser.get(ME).status_code == 200


@pytest.mark.parametrize("method", ["get", "delete"])
def test_a_deleted_account_has_no_cookie_either(alice, method):
    browser = browser_of(alice)
    services.remove_user(User.objects.get())
    assert getattr(browser, method)(ME).status_code == 401
