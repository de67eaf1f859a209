"""One throttle for every place that checks a password, and one for every e-mail."""

from itertools import pairwise

import pytest
from django.test import Client

from accounts import events, services
from accounts.models import User
from accounts.services.passwords import reset_tokens
from core import throttling
from tests.conftest import PASSWORD
from tests.support.racing import race

ME, LOGIN, ASK = "/api/users/me/", "/api/auth/login/", "/api/auth/password-reset/"
WRONG, NEW = "wrong-horse-battery", "another-good-one-23"


@pytest.fixture(autouse=True)
def still(monkeypatch):
    """The clock stands, in the middle of a window."""
    monkeypatch.setattr(throttling.time, "time", lambda: 1_800_000_010.0)


def patch(client, password):
    return client.patch(ME, {"email": "new@example.org", "password": password})


def delete(client, password):
    return client.post(f"{ME}delete/", {"password": password})


def delete_in_the_old_way(client, password):
    return client.delete(ME, {"password": password})


def change(client, password):
    return client.post(f"{ME}password/", {"old_password": password, "new_password": NEW})


PLACES = [patch, delete, delete_in_the_old_way, change]


@pytest.mark.parametrize("place", PLACES)
def test_guesses_of_a_password_are_limited_wherever_they_are_made(alice, api, settings, place):
    settings.PASSWORD_FAILURES_PER_HOUR_MAX = 3
    client = api(alice)
    assert [place(client, WRONG).status_code for _ in range(4)] == [400, 400, 400, 429]
    answer = place(client, PASSWORD)
    assert answer.status_code == 429, "the right one is refused too"
    assert answer.json()["code"] == "too_many_attempts"
    assert 0 < int(answer["Retry-After"]) <= throttling.HOUR
    assert User.objects.get(pk=alice.pk).check_password(PASSWORD)


def test_all_places_count_together(alice, api, settings, browser):
    settings.PASSWORD_FAILURES_PER_HOUR_MAX = len(PLACES)
    assert [place(api(alice), WRONG).status_code for place in PLACES] == [400] * len(PLACES)
    page = browser(alice)
    pages = [
        page.post("/profile/email/", {"email-email": "n@example.org", "email-password": PASSWORD}),
        page.post(
            "/profile/password/", {"password-old_password": PASSWORD, "password-new_password": NEW}
        ),
        page.post("/profile/delete/", {"password": PASSWORD}),
    ]
    assert [answer.status_code for answer in pages] == [429] * 3
    assert all(0 < int(answer["Retry-After"]) <= throttling.HOUR for answer in pages)


def test_users_do_not_use_up_each_others_guesses(alice, bob, api, settings):
    settings.PASSWORD_FAILURES_PER_HOUR_MAX = 1
    assert [patch(api(alice), WRONG).status_code for _ in range(2)] == [400, 429]
    assert patch(api(bob), PASSWORD).status_code == 200


def test_right_passwords_do_not_count(alice, api, settings):
    settings.PASSWORD_FAILURES_PER_HOUR_MAX = 1
    for i in range(3):
        body = {"email": f"new{i}@example.org", "password": PASSWORD}
        assert api(alice).patch(ME, body).status_code == 200


def test_simultaneous_guesses_do_not_get_past_the_limit(transactional_db, alice, settings):
    settings.PASSWORD_FAILURES_PER_HOUR_MAX = 3
    asked = []

    def guess():
        user = User.objects.get(pk=alice.pk)
        checked = user.check_password

        def counted(password):
            asked.append(password)
            return checked(password)

        user.check_password = counted
        services.delete_account(user=user, password=WRONG)

    race(*[guess] * 8)
    assert len(asked) == 3


# Log-ins


def log_in(api, login, address="10.0.0.1", password=WRONG):
    return api().post(LOGIN, {"login": login, "password": password}, REMOTE_ADDR=address)


@pytest.mark.parametrize("logins", [("alice", "ALICE@example.org"), ("nobody", "NOBODY")])
def test_guesses_from_many_addresses_are_limited_for_one_account(alice, api, settings, logins):
    settings.LOGIN_FAILURES_PER_HOUR_MAX = 3
    answers = [log_in(api, logins[i % 2], f"10.0.0.{i}") for i in range(4)]
    assert [answer.status_code for answer in answers] == [401, 401, 401, 429]
    assert answers[-1].json()["code"] == "too_many_attempts"
    assert 0 < int(answers[-1]["Retry-After"]) <= throttling.HOUR


def test_strangers_who_guess_do_not_keep_users_from_what_is_theirs(alice, api, settings):
    settings.LOGIN_FAILURES_PER_HOUR_MAX = 1
    for i in range(3):
        log_in(api, "alice", f"10.0.0.{i}")
    assert patch(api(alice), PASSWORD).status_code == 200


def test_the_page_and_the_admin_are_limited_with_the_api(alice, settings):
    settings.LOGIN_FAILURES_PER_HOUR_MAX = 1
    sent = {"login": "alice", "username": "alice", "password": WRONG}
    client = Client()
    assert client.post("/login/", sent).status_code == 422
    for address in ("/login/", "/admin/login/"):
        answer = client.post(address, sent)
        assert answer.status_code == 429
        assert 0 < int(answer["Retry-After"]) <= throttling.HOUR


def test_one_address_cannot_try_many_accounts_by_the_admins_page_either(db, settings):
    settings.LOGIN_PER_MINUTE_MAX = 3
    client = Client()
    answers = []
    for i, address in enumerate(("/login/", "/admin/login/", "/admin/login/", "/admin/login/")):
        sent = {"login": f"user{i}", "username": f"user{i}", "password": WRONG}
        answers.append(client.post(address, sent).status_code)
    assert answers == [422, 200, 200, 429]


def test_staff_change_their_password_where_guesses_count(browser):
    root = User.objects.create_superuser("root", "root@example.org", PASSWORD)
    sent = {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW}
    answer = browser(root).post("/admin/password_change/", sent)
    assert answer.headers["Location"] == "/profile/"
    assert User.objects.get().check_password(PASSWORD)


def test_a_reset_ends_the_count(alice, api, settings):
    settings.LOGIN_FAILURES_PER_HOUR_MAX = 1
    log_in(api, "alice")
    assert log_in(api, "alice", password=PASSWORD).status_code == 429
    services.reset_password(str(alice.pk), reset_tokens.make_token(alice), NEW)
    assert log_in(api, "alice", password=NEW).status_code == 200


# E-mails


def ask(api, email, address):
    return api().post(ASK, {"email": email}, REMOTE_ADDR=address)


@pytest.mark.parametrize("email", ["alice@example.org", "nobody@example.org"])
def test_one_address_gets_few_emails_whoever_asks_and_whether_or_not_it_has_an_account(
    alice, api, settings, email, waiting
):
    settings.MAIL_PER_RECIPIENT_PER_HOUR_MAX = 2
    answers = [ask(api, spelled, f"10.0.0.{i}") for i, spelled in enumerate([email] * 2)]
    answers.append(ask(api, email.upper(), "10.0.0.9"))
    assert [answer.status_code for answer in answers] == [204, 204, 429]
    assert answers[-1].json()["code"] == "throttled"
    assert 0 < int(answers[-1]["Retry-After"]) <= throttling.HOUR
    assert len(waiting()) == 2


def test_every_way_to_mail_an_address_counts(alice, bob, api, settings, waiting, browser):
    settings.MAIL_CONFIGURED = True
    settings.MAIL_PER_RECIPIENT_PER_HOUR_MAX = 4
    to = "victim@example.org"
    User.objects.filter(pk=bob.pk).update(email=to)
    register = {"username": "mallory", "email": to, "password": NEW}
    assert api().post("/api/auth/register/", register).status_code == 201
    sent = {"email": to, "password": PASSWORD}
    assert api(alice).patch(ME, sent).status_code == 200
    assert api(bob).post(f"{ME}confirmation/").status_code == 204
    assert ask(api, to, "10.0.0.1").status_code == 204
    assert len(waiting()) == 4
    register["username"] = "norbert"
    refused = [
        api().post("/api/auth/register/", register),
        api(alice).patch(ME, sent),
        api(bob).post(f"{ME}confirmation/"),
        ask(api, to, "10.0.0.2"),
        Client().post("/register/", register),
        Client().post("/password/forgotten/", {"email": to}),
        browser(alice).post("/profile/email/", {"email-email": to, "email-password": PASSWORD}),
        browser(bob).post("/profile/email/confirm/"),
    ]
    assert [answer.status_code for answer in refused] == [429] * len(refused)
    assert all("Retry-After" in answer for answer in refused)
    assert waiting() == []
    assert not User.objects.filter(username="norbert").exists(), "no account is made by halves"


def test_changes_of_the_address_count_as_emails_of_the_user(alice, api, settings, waiting):
    settings.MAIL_CONFIGURED, settings.MAIL_PER_HOUR_MAX = True, 2
    answers = []
    for i in range(3):
        body = {"email": f"stranger{i}@example.org", "password": PASSWORD}
        answers.append(api(alice).patch(ME, body).status_code)
    answers.append(api(alice).post(f"{ME}confirmation/").status_code)
    assert answers == [200, 200, 429, 429]
    assert len(waiting()) == 2


def test_a_stranger_cannot_use_up_the_notices_of_an_account(alice, settings, waiting):
    settings.MAIL_PER_RECIPIENT_PER_HOUR_MAX = 1
    User.objects.filter(pk=alice.pk).update(email_confirmed=True, address_key=alice.email)
    alice.refresh_from_db()
    events.count_recipient(alice.email)
    services.change_password(user=alice, old=PASSWORD, new=NEW)
    assert [template for template, _ in waiting()] == ["password_changed"]


def test_an_unconfirmed_address_gets_no_flood_of_notices(alice, settings, waiting):
    settings.MAIL_PER_RECIPIENT_PER_HOUR_MAX = 2
    for old, new in pairwise([PASSWORD, NEW, PASSWORD, NEW]):
        services.change_password(user=alice, old=old, new=new)
    assert len(waiting()) == 2
