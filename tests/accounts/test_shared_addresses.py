"""Several accounts with one address: nobody learns of the others, and one can confirm it."""

import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts import selectors, services
from accounts.errors import AddressTaken
from accounts.models import User, unconfirmed_key
from accounts.services.email_addresses import confirmation_token
from core.errors import Invalid
from tests.conftest import PASSWORD
from tests.support.racing import race

REGISTER, ME, CONFIRM = "/api/auth/register/", "/api/users/me/", "/api/auth/email/confirm/"
NEW = {"username": "mallory", "password": "a-very-good-one-17"}
pytestmark = pytest.mark.usefixtures("mail_configured")


@pytest.fixture
def owner(alice):
    """Alice, whose address is confirmed."""
    return services.confirm_email(confirmation_token(alice, alice.email))


def shape(answer):
    """An answer without what differs for every account."""
    body = answer.json()
    user = body.get("user", body)
    return answer.status_code, sorted(body), sorted(user), user.get("email_confirmed")


def test_registering_answers_the_same_whether_or_not_the_address_has_an_account(
    owner, api, waiting
):
    answers = []
    for name, email in (("mallory", "alice@example.org"), ("norbert", "free@example.org")):
        body = NEW | {"username": name, "email": email}
        answers.append(shape(api().post(REGISTER, body)))
    assert answers[0] == answers[1]
    assert answers[0][0] == 201
    jobs = [(template, sorted(facts)) for template, facts in waiting()]
    assert jobs[0] == jobs[1], "the job looks the address up, not the request"


def test_it_takes_as_many_queries_too(owner, api):
    counts = []
    for name, email in (("mallory", "alice@example.org"), ("norbert", "free@example.org")):
        with CaptureQueriesContext(connection) as queries:
            api().post(REGISTER, NEW | {"username": name, "email": email})
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_the_page_answers_the_same_too(owner):
    answers = []
    for name, email in (("mallory", "ALICE@example.org"), ("norbert", "free@example.org")):
        answer = Client().post("/register/", NEW | {"username": name, "email": email})
        answers.append((answer.status_code, answer.headers["Location"]))
    assert answers == [(302, "/groups/")] * 2


def test_changing_to_a_taken_address_answers_as_for_a_free_one(owner, bob, api, browser):
    answers = []
    for email in ("alice@example.org", "free@example.org"):
        answer = api(bob).patch(ME, {"email": email, "password": PASSWORD})
        sent = {"email-email": email, "email-password": PASSWORD}
        page = browser(bob).post("/profile/email/", sent)
        answers.append((answer.status_code, answer.json(), page.status_code))
    assert answers[0] == answers[1]
    assert answers[0][2] == 302


def test_the_owner_of_the_address_is_told_and_gets_no_link_of_the_other_account(
    owner, api, emails, bob
):
    api().post(REGISTER, NEW | {"email": "Alice@example.org"})
    api(bob).patch(ME, {"email": "alice@example.org", "password": PASSWORD})
    found = emails()
    assert [email.to for email in found] == [["alice@example.org"]] * 2
    assert {email.subject for email in found} == {"You have a Firmlight account already"}
    for email in found:
        assert "Hello alice," in email.body
        assert "/email/confirm/" not in email.body
        assert "mallory" not in email.body, "a name is free: it would be a message of a stranger"


def test_log_in_and_reset_by_address_reach_the_account_that_confirmed_it(owner, api, emails):
    api().post(REGISTER, NEW | {"email": "alice@example.org"})
    login = {"login": "alice@example.org", "password": PASSWORD}
    answer = api().post("/api/auth/login/", login)
    assert answer.json()["user"]["username"] == "alice"
    wrong = {"login": "alice@example.org", "password": NEW["password"]}
    assert api().post("/api/auth/login/", wrong).status_code == 401
    emails()
    api().post("/api/auth/password-reset/", {"email": "alice@example.org"})
    (email,) = emails()
    assert str(owner.pk) in email.body


@pytest.mark.parametrize("is_taken", [True, False])
def test_logging_in_does_not_tell_either_whether_an_address_has_an_account(
    alice, api, emails, is_taken
):
    if is_taken:
        services.confirm_email(confirmation_token(alice, alice.email))
    email = "alice@example.org" if is_taken else "free@example.org"
    api().post(REGISTER, NEW | {"email": email})
    login = {"login": email, "password": NEW["password"]}
    assert api().post("/api/auth/login/", login).status_code == 401
    assert api().post("/api/auth/login/", login | {"login": "mallory"}).status_code == 200


def test_without_a_mail_server_an_unconfirmed_address_logs_in(alice, log_in, settings):
    settings.MAIL_CONFIGURED = False
    assert log_in("Alice@example.org")["user"]["username"] == "alice"


def test_who_came_first_without_confirming_cannot_keep_the_address_from_its_owner(
    db, api, emails, log_in
):
    api().post(REGISTER, NEW | {"email": "victim@example.org"})
    api().post(REGISTER, NEW | {"username": "victim", "email": "victim@example.org"})
    _, email = emails()
    (token,) = re.findall(r"/email/confirm/(\S+)/$", email.body, re.MULTILINE)
    assert api().post(CONFIRM, {"token": token}).status_code == 204
    assert log_in("victim@example.org", NEW["password"])["user"]["username"] == "victim"


def test_without_a_confirmed_one_the_oldest_account_is_meant(db):
    for name in ("first", "second"):
        services.register(username=name, email="one@example.org", password=NEW["password"])
    assert selectors.user_by_address("one@example.org").username == "first"


def test_confirming_what_somebody_confirmed_meanwhile_is_refused_plainly(alice, bob, api, browser):
    User.objects.filter(pk=bob.pk).update(email=alice.email)
    bob.refresh_from_db()
    his = confirmation_token(bob, bob.email)
    services.confirm_email(confirmation_token(alice, alice.email))
    answer = api().post(CONFIRM, {"token": his})
    assert (answer.status_code, answer.json()["fields"].keys()) == (400, {"email"})
    page = browser().post(f"/email/confirm/{his}/")
    assert b"Another account of yours has confirmed this address already." in page.content
    bob.refresh_from_db()
    assert not bob.email_confirmed


def test_a_reset_of_the_other_account_works_without_confirming(alice, bob):
    User.objects.filter(pk=bob.pk).update(email=alice.email)
    bob.refresh_from_db()
    token = services.passwords.reset_tokens.make_token(bob)
    services.confirm_email(confirmation_token(alice, alice.email))
    services.reset_password(str(bob.pk), token, "another-good-one-23")
    bob.refresh_from_db()
    assert bob.check_password("another-good-one-23")
    assert not bob.email_confirmed


def test_of_those_who_confirm_one_address_simultaneously_one_has_it(transactional_db, make_user):
    tokens = []
    for name in ("ann", "ben", "cleo", "dan"):
        make_user(name)
        User.objects.filter(username=name).update(email="one@example.org")
        tokens.append(confirmation_token(User.objects.get(username=name), "one@example.org"))
    outcomes = race(*(lambda token=token: services.confirm_email(token) for token in tokens))
    assert sum(isinstance(outcome, AddressTaken) for outcome in outcomes) == 3
    assert User.objects.filter(email_confirmed=True).count() == 1


def test_an_admin_cannot_give_a_confirmed_account_the_address_of_another(owner, bob, client):
    User.objects.filter(pk=bob.pk).update(email_confirmed=True, address_key=bob.email)
    root = User.objects.create_superuser("root", "root@example.org", PASSWORD)
    client.force_login(root, backend="accounts.backends.LoginBackend")
    address = f"/admin/accounts/user/{bob.pk}/change/"
    page = client.post(address, {"username": "bob", "email": "ALICE@example.org"})
    assert b"Another account has confirmed this address." in page.content
    assert client.post(address, {"username": "bob", "email": "b@example.org"}).status_code == 302
    assert User.objects.get(pk=bob.pk).address_key == "b@example.org"


def test_saving_keeps_the_key_true(alice):
    key = alice.address_key
    assert key.startswith("nobodys:")
    alice.save()
    assert alice.address_key == key
    alice.email_confirmed = True
    alice.save(update_fields=["email_confirmed"])
    alice.refresh_from_db()
    assert alice.address_key == "alice@example.org"
    alice.email_confirmed = False
    alice.save()
    assert alice.address_key not in (key, "alice@example.org")
    assert unconfirmed_key() != unconfirmed_key()


def test_a_taken_name_is_still_refused(owner):
    with pytest.raises(Invalid) as caught:
        services.register(username="ALICE", email="x@example.org", password=NEW["password"])
    assert caught.value.fields.keys() == {"username"}
