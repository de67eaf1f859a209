"""Register, log in, log out, forgotten password, confirmed address."""

from __future__ import annotations

import pytest
from django.test import override_settings

from accounts.models import Session, User
from accounts.services.email_addresses import confirmation_token
from accounts.services.passwords import reset_tokens
from tests.conftest import PASSWORD
from tests.support.pages import attributes, beside, words

NEW = {"username": "erin", "email": "erin@example.org", "password": "four unrelated words"}


def test_registering_logs_in(db, browser):
    client = browser()
    answer = client.post("/register/", NEW)
    assert answer.headers["Location"] == "/groups/"
    assert "erin" in words(client.get("/groups/"))
    assert Session.objects.filter(user__username="erin", revoked=None).count() == 1


def test_errors_are_beside_their_fields_and_the_first_has_the_focus(alice, browser):
    answer = browser().post(
        "/register/", NEW | {"username": "ALICE", "email": "nowhere", "password": "12345678"}
    )
    assert answer.status_code == 422
    assert "valid email" in beside(answer, "email")
    answer = browser().post("/register/", NEW | {"username": "ALICE", "password": "12345678"})
    assert beside(answer, "username") == "This user name is taken."
    assert "too common" in beside(answer, "password")
    assert b'name="username" value="ALICE"' in answer.content
    assert answer.content.count(b"autofocus") == 1
    assert b"12345678" not in answer.content


@pytest.mark.parametrize("login", ["alice", "ALICE", "alice@example.org"])
def test_one_logs_in_by_name_or_address(alice, browser, login):
    assert (
        browser().post("/login/", {"login": login, "password": PASSWORD}).headers["Location"]
        == "/groups/"
    )


def test_a_wrong_password_and_a_missing_account_look_the_same(alice, browser):
    wrong = browser().post("/login/", {"login": "alice", "password": "no"})
    missing = browser().post("/login/", {"login": "nobody", "password": "no"})
    assert wrong.status_code == missing.status_code == 422
    assert words(wrong) == words(missing)
    assert "User name, e-mail or password is wrong." in words(wrong)


@pytest.mark.parametrize(
    "elsewhere", ["https://example.com/", "//example.com/", "/\\example.com", "javascript:alert(1)"]
)
def test_logging_in_leads_nowhere_but_to_this_server(alice, browser, elsewhere):
    answer = browser().post("/login/", {"login": "alice", "password": PASSWORD, "next": elsewhere})
    assert answer.headers["Location"] == "/groups/"


def test_too_many_wrong_passwords_lock_the_account_and_say_so(alice, browser):
    with override_settings(LOGIN_FAILURES_MAX=2):
        for _ in range(3):
            answer = browser().post("/login/", {"login": "alice", "password": "no"})
        assert answer.status_code == 429
        assert "Too many failed log-ins" in words(answer)


def test_too_many_accounts_from_one_address_are_too_many(db, browser):
    with override_settings(REGISTER_PER_HOUR_MAX=1):
        browser().post("/register/", NEW)
        answer = browser().post(
            "/register/", NEW | {"username": "frank", "email": "frank@example.org"}
        )
    assert answer.status_code == 429
    assert not User.objects.filter(username="frank").exists()


def test_logging_out_takes_a_post_and_ends_the_session(alice, browser):
    client = browser(alice)
    assert client.get("/logout/").status_code == 405
    assert client.post("/logout/").headers["Location"] == "/"
    assert client.get("/groups/").status_code == 302
    assert not Session.objects.filter(user=alice, revoked=None).exists()


def test_a_session_ended_elsewhere_is_logged_out_here(alice, browser):
    client = browser(alice)
    Session.objects.filter(user=alice).revoke()
    assert client.get("/groups/").headers["Location"].startswith("/login/")


def test_a_forgotten_password_gets_the_same_answer_with_and_without_an_account(alice, browser):
    for email in ("alice@example.org", "nobody@example.org"):
        assert (
            browser().post("/password/forgotten/", {"email": email}).headers["Location"]
            == "/password/sent/"
        )


def test_the_link_of_an_email_sets_a_new_password_once(alice, browser):
    address = f"/password/reset/{alice.pk}/{reset_tokens.make_token(alice)}/"
    weak = browser().post(address, {"password": "12345678"})
    assert "too common" in beside(weak, "password")
    assert (
        browser().post(address, {"password": "four unrelated words"}).headers["Location"]
        == "/groups/"
    )
    again = browser().post(address, {"password": "four other words here"})
    assert again.status_code == 422
    assert "no longer valid" in words(again)


def test_a_link_confirms_an_address_only_when_the_button_is_pressed(alice, browser):
    address = f"/email/confirm/{confirmation_token(alice, alice.email)}/"
    browser().get(address)
    assert not User.objects.get(pk=alice.pk).email_confirmed
    browser().post(address)
    assert User.objects.get(pk=alice.pk).email_confirmed
    assert "no longer valid" in words(browser().post("/email/confirm/nonsense/"))


def test_the_theme_is_written_into_the_page_by_the_server(db, browser):
    client = browser()
    client.post("/theme/", {"theme": "dark", "next": "/about/"})
    assert attributes(client.get("/about/"), "html") == {"lang": "en", "data-theme": "dark"}
    client.post("/theme/", {"theme": '"><script>'})
    assert attributes(client.get("/about/"), "html") == {"lang": "en"}
