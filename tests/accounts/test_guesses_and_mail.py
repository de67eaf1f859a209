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


@pytest.mark.parametrize("login", ["Alice", "Alice@example.org", "nobody", "nobody@example.org"])
def test_guesses_from_many_addresses_are_limited_for_what_is_typed(alice, api, settings, login):
    settings.LOGIN_FAILURES_PER_HOUR_MAX = 3
    answers = [log_in(api, (login, login.upper())[i % 2], f"10.0.0.{i}") for i in range(4)]
    assert [answer.status_code for answer in answers] == [401, 401, 401, 429]
    assert answers[-1].json()["code"] == "too_many_attempts"
    assert 0 < int(answers[-1]["Retry-After"]) <= throttling.HOUR


def test_guesses_from_many_addresses_do_not_tell_which_account_has_an_address(alice, api, settings):
    settings.LOGIN_FAILURES_PER_HOUR_MAX = 3
    locked = [log_in(api, "alice", f"10.0.0.{i}").status_code for i in range(4)]
    assert locked[-1] == 429
    tried = [log_in(api, login, "10.0.0.9") for login in ("other@example.org", "alice@example.org")]
    assert [answer.status_code for answer in tried] == [401, 401]
    assert tried[0].content == tried[1].content


@pytest.mark.parametrize("first", ["page", "api", "register"])
def test_strangers_who_guess_do_not_lock_out_a_device_that_was_logged_in(
    alice, api, settings, first
):
    settings.LOGIN_FAILURES_PER_HOUR_MAX = 2
    settings.REGISTER_PER_HOUR_MAX = 100
    mine, name, password = Client(), "alice", PASSWORD
    if first == "page":
        mine.post("/login/", {"login": name, "password": password})
    elif first == "api":
        mine.post(LOGIN, {"login": name, "password": password})
    else:
        name, password = "newcomer", NEW
        sent = {"username": name, "email": "n@example.org", "password": password}
        assert mine.post("/register/", sent).status_code == 302
    mine.post("/logout/")
    for i in range(4):
        log_in(api, name, f"10.0.0.{i}")
    assert log_in(api, name, "10.0.0.9", password).status_code == 429
    assert mine.post(LOGIN, {"login": name, "password": password}).status_code == 200


def test_a_known_device_has_a_limit_of_its_own(alice, bob, api, settings):
    settings.LOGIN_FAILURES_PER_HOUR_MAX = 2
    mine = Client()
    mine.post(LOGIN, {"login": "alice", "password": PASSWORD})
    cookie = mine.cookies["known_device"]
    assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")
    tried = []
    for i, login in enumerate(("alice", "alice@example.org", "alice")):
        sent = {"login": login, "password": WRONG}
        tried.append(mine.post(LOGIN, sent, REMOTE_ADDR=f"10.0.0.{i}").status_code)
    assert tried == [401, 401, 429]
    assert log_in(api, "alice", password=PASSWORD).status_code == 200, "others are not locked"
    others = [
        mine.post(LOGIN, {"login": "bob", "password": WRONG}, REMOTE_ADDR=f"10.1.0.{i}").status_code
        for i in range(3)
    ]
    assert others == [401, 401, 429], "it is known to alice's account only"


def test_a_cookie_that_is_made_up_or_old_makes_no_device_known(alice, settings):
    settings.LOGIN_FAILURES_PER_HOUR_MAX = 1
    mine = Client()
    mine.post(LOGIN, {"login": "alice", "password": PASSWORD})
    genuine = mine.cookies["known_device"].value
    for _ in range(2):
        Client().post(LOGIN, {"login": "alice", "password": WRONG})
    right = {"login": "alice", "password": PASSWORD}
    mine.cookies["known_device"] = f"{genuine[:-1]}!"
    assert mine.post(LOGIN, right).status_code == 429
    mine.cookies["known_device"] = genuine
    settings.KNOWN_DEVICE_DAYS = -1
    assert mine.post(LOGIN, right).status_code == 429
    settings.KNOWN_DEVICE_DAYS = 1
    assert mine.post(LOGIN, right).status_code == 200
    assert mine.cookies["known_device"].value.split(":")[0] == genuine.split(":")[0]


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
    logins = ("alice", "alice@example.org")
    for login in logins:
        log_in(api, login)
        assert log_in(api, login, password=PASSWORD).status_code == 429
    services.reset_password(str(alice.pk), reset_tokens.make_token(alice), NEW)
    assert [log_in(api, login, password=NEW).status_code for login in logins] == [200, 200]


# E-mails


def ask(api, email, address):
    return api().post(ASK, {"email": email}, REMOTE_ADDR=address)


@pytest.mark.parametrize("email", ["alice@example.org", "nobody@example.org"])
def test_one_address_gets_few_emails_whoever_asks_and_whether_or_not_it_has_an_account(
    alice, api, settings, email, waiting
):
    settings.MAIL_PER_RECIPIENT_PER_HOUR_MAX = 2
    spelled = [email, email, email.upper(), email]
    answers = [ask(api, one, f"10.0.0.{i}").status_code for i, one in enumerate(spelled)]
    assert answers == [204] * 4, "a refusal would keep the owner of the address from asking"
    assert len(waiting()) == 2


@pytest.mark.parametrize("email", ["alice@example.org", "nobody@example.org"])
def test_a_stranger_cannot_use_up_the_links_to_reset_a_password(
    alice, api, settings, email, waiting
):
    settings.MAIL_PER_PAIR_PER_HOUR_MAX = 2
    settings.MAIL_PER_RECIPIENT_PER_HOUR_MAX = 3
    same = ["2001:db8::1", "2001:db8::2", "2001:db8::3"]
    answers = [ask(api, email, address) for address in same]
    assert [answer.status_code for answer in answers] == [204, 204, 429]
    assert answers[-1].json()["code"] == "throttled"
    assert 0 < int(answers[-1]["Retry-After"]) <= throttling.HOUR
    assert ask(api, email, "10.0.0.1").status_code == 204
    assert len(waiting()) == 3


def test_e_mails_of_other_kinds_do_not_use_up_the_links_to_reset_a_password(
    alice, api, settings, waiting
):
    settings.MAIL_CONFIGURED = True
    settings.MAIL_PER_RECIPIENT_PER_HOUR_MAX = 1
    for name in ("mallory", "norbert"):
        body = {"username": name, "email": alice.email, "password": NEW}
        assert api().post("/api/auth/register/", body).status_code == 201
    assert ask(api, alice.email, "10.0.0.1").status_code == 204
    assert [template for template, _ in waiting()] == ["confirm_email", "password_reset"]


def test_every_way_to_mail_an_address_counts(alice, bob, api, settings, waiting, browser):
    settings.MAIL_CONFIGURED = True
    settings.MAIL_PER_RECIPIENT_PER_HOUR_MAX = 3
    to = "victim@example.org"
    User.objects.filter(pk=bob.pk).update(email=to)
    register = {"username": "mallory", "email": to, "password": NEW}
    assert api().post("/api/auth/register/", register).status_code == 201
    sent = {"email": to, "password": PASSWORD}
    assert api(alice).patch(ME, sent).status_code == 200
    assert api(bob).post(f"{ME}confirmation/").status_code == 204
    assert ask(api, to, "10.0.0.1").status_code == 204
    assert len(waiting()) == 4
    for _ in range(2):
        ask(api, to, "10.0.0.1")
    assert len(waiting()) == 2
    again = [
        api().post("/api/auth/register/", register | {"username": "norbert"}),
        api(alice).patch(ME, sent),
        api(bob).post(f"{ME}confirmation/"),
        ask(api, to, "10.0.0.2"),
        Client().post("/register/", register | {"username": "oswald"}),
        Client().post("/password/forgotten/", {"email": to}),
        browser(alice).post("/profile/email/", {"email-email": to, "email-password": PASSWORD}),
        browser(bob).post("/profile/email/confirm/"),
    ]
    assert [answer.status_code for answer in again] == [201, 200, 204, 204, 302, 302, 302, 302]
    assert waiting() == []


def test_changes_of_the_address_count_as_emails_of_the_user(alice, api, settings, waiting):
    settings.MAIL_CONFIGURED, settings.MAIL_PER_HOUR_MAX = True, 2
    answers = []
    for i in range(3):
        body = {"email": f"stranger{i}@example.org", "password": PASSWORD}
        here = {"REMOTE_ADDR": f"10.0.0.{i}"}
        answers.append(api(alice).patch(ME, body, **here).status_code)
    answers.append(api(alice).post(f"{ME}confirmation/").status_code)
    assert answers == [200, 200, 429, 429]
    assert len(waiting()) == 2


def test_one_address_has_one_limit_of_emails_however_many_accounts_it_makes(
    db, api, settings, waiting
):
    settings.MAIL_CONFIGURED, settings.MAIL_PER_HOUR_MAX = True, 4
    answers, made = [], []
    for i in range(6):
        body = {"username": f"free{i}", "email": f"stranger{i}@example.org", "password": NEW}
        answers.append(api().post("/api/auth/register/", body).status_code)
        made.append(User.objects.get(username=f"free{i}"))
    assert answers == [201] * 6, "a school behind one address can register without the e-mail"
    for i, user in enumerate(made):
        body = {"email": f"other{i}@example.org", "password": NEW}
        assert api(user).patch(ME, body).status_code == 429
        assert api(user).post(f"{ME}confirmation/").status_code == 429
        change = {"old_password": NEW, "new_password": f"{NEW}{i}"}
        assert api(user).post(f"{ME}password/", change).status_code == 204
    assert len(waiting()) == 4, "nor do notices to unconfirmed addresses get past it"
    elsewhere = api(made[0]).post(f"{ME}confirmation/", REMOTE_ADDR="10.0.0.1")
    assert (elsewhere.status_code, len(waiting())) == (204, 1)


def test_a_stranger_cannot_use_up_the_notices_of_an_account(alice, settings, waiting):
    settings.MAIL_PER_RECIPIENT_PER_HOUR_MAX = 1
    User.objects.filter(pk=alice.pk).update(email_confirmed=True, address_key=alice.email)
    alice.refresh_from_db()
    events.count_recipient(alice.email, "confirm_email")
    services.change_password(user=alice, old=PASSWORD, new=NEW)
    assert [template for template, _ in waiting()] == ["password_changed"]


def test_an_unconfirmed_address_gets_no_flood_of_notices(alice, settings, waiting):
    settings.MAIL_PER_RECIPIENT_PER_HOUR_MAX = 2
    for old, new in pairwise([PASSWORD, NEW, PASSWORD, NEW]):
        services.change_password(user=alice, old=old, new=new)
    assert len(waiting()) == 2
