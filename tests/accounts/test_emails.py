"""E-mails: a forgotten password, confirming an address, changing it; what their links do."""

import re

import pytest
from django.core import signing

from accounts import jobs, services
from accounts.models import AuditEntry, User
from accounts.services.email_addresses import confirmation_token
from core import broker
from tests.conftest import PASSWORD

NEW = "another-good-one-23"
ASK, SET = "/api/auth/password-reset/", "/api/auth/password-reset/confirm/"
CONFIRM, ME = "/api/auth/email/confirm/", "/api/users/me/"


@pytest.fixture
def ask(api, emails):
    """ask("alice@example.org"): the e-mails that follow."""

    def forgot(email):
        assert api().post(ASK, {"email": email}).status_code == 204
        return emails()

    return forgot


def link_of(email):
    (link,) = re.findall(r"^http://\S+$", email.body, re.MULTILINE)
    return link


def reset_facts(email):
    _, uid, token, _ = link_of(email).rsplit("/", 3)
    return {"uid": uid, "token": token}


def confirm_token(email):
    return link_of(email).rsplit("/", 2)[1]


# A forgotten password


def test_a_forgotten_password_is_reset_by_the_link_of_an_email(
    alice, ask, api, log_in, bearing, sign_in
):
    elsewhere, browser = bearing(log_in("alice")["access"]), sign_in(alice)
    (email,) = ask("Alice@Example.org")
    assert email.to == ["alice@example.org"]
    assert "alice" in email.body
    assert api().post(SET, {**reset_facts(email), "password": NEW}).status_code == 204
    log_in("alice", NEW)
    assert elsewhere.get(ME).status_code == 401
    assert browser.get(ME).status_code == 401
    assert AuditEntry.objects.get().action == "password_reset"
    alice.refresh_from_db()
    assert alice.email_confirmed, "the link proves that the address is theirs"


def test_the_answer_says_nothing_about_the_account(
    alice, bob, api, waiting, django_assert_num_queries
):
    User.objects.filter(pk=bob.pk).update(is_active=False)
    answers = []
    for email in ("alice@example.org", "nobody@example.org", "bob@example.org"):
        with django_assert_num_queries(0):
            answers.append(api().post(ASK, {"email": email}))
    assert {(answer.status_code, answer.content) for answer in answers} == {(204, b"")}
    assert [facts["email"] for _, facts in waiting()] == [
        "alice@example.org",
        "nobody@example.org",
        "bob@example.org",
    ]


def test_strangers_and_blocked_users_get_no_email(bob, ask):
    User.objects.filter(pk=bob.pk).update(is_active=False)
    assert ask("nobody@example.org") + ask("bob@example.org") == []


def test_a_link_works_once(alice, ask, api):
    facts = reset_facts(ask("alice@example.org")[0])
    assert api().post(SET, {**facts, "password": NEW}).status_code == 204
    answer = api().post(SET, {**facts, "password": "yet-another-one-45"})
    assert (answer.status_code, answer.json()["code"]) == (400, "link_not_valid")
    alice.refresh_from_db()
    assert alice.check_password(NEW)


def test_a_link_expires(alice, ask, api, settings):
    facts = reset_facts(ask("alice@example.org")[0])
    settings.PASSWORD_RESET_TIMEOUT = -1
    assert api().post(SET, {**facts, "password": NEW}).json()["code"] == "link_not_valid"


@pytest.mark.parametrize(
    "changes", [{"uid": "x"}, {"token": "x"}, {"token": "bvx3xw-abc"}, {"uid": "bob"}]
)
def test_a_wrong_link_is_refused(alice, bob, ask, api, changes):
    facts = {**reset_facts(ask("alice@example.org")[0]), **changes}
    if facts["uid"] == "bob":
        facts["uid"] = str(bob.pk)
    answer = api().post(SET, {**facts, "password": NEW})
    assert (answer.status_code, answer.json()["code"]) == (400, "link_not_valid")


def test_a_weak_password_does_not_use_the_link_up(alice, ask, api):
    facts = reset_facts(ask("alice@example.org")[0])
    answer = api().post(SET, {**facts, "password": "12345678"})
    assert (answer.status_code, answer.json()["fields"].keys()) == (400, {"password"})
    assert api().post(SET, {**facts, "password": NEW}).status_code == 204


def test_the_link_lifts_a_lock_after_failed_log_ins(alice, ask, api, log_in, settings):
    settings.LOGIN_FAILURES_MAX = 1
    assert (
        api().post("/api/auth/login/", {"login": "alice", "password": "wrong"}).status_code == 429
    )
    facts = reset_facts(ask("alice@example.org")[0])
    assert api().post(SET, {**facts, "password": NEW}).status_code == 204
    log_in("alice", NEW)


def test_no_secret_goes_through_the_broker(alice, api, waiting):
    api().post(ASK, {"email": "alice@example.org"})
    ((template, facts),) = waiting()
    assert (template, facts.keys()) == ("password_reset", {"email", "address"})


# Confirming an address


def test_with_mail_a_new_user_is_asked_to_confirm_their_address(
    db, api, emails, mail_configured, log_in, bearing
):
    body = {"username": "dora", "email": "dora@example.org", "password": PASSWORD}
    assert api().post("/api/auth/register/", body).status_code == 201
    (email,) = emails()
    assert email.to == ["dora@example.org"]
    me = bearing(log_in("dora")["access"])
    assert not me.get(ME).json()["email_confirmed"]
    for _ in range(2):  # a second time changes nothing
        assert api().post(CONFIRM, {"token": confirm_token(email)}).status_code == 204
    assert me.get(ME).json()["email_confirmed"]


def test_without_mail_nobody_is_asked_to_confirm(db, api, emails):
    api().post(
        "/api/auth/register/",
        {"username": "dora", "email": "dora@example.org", "password": PASSWORD},
    )
    assert emails() == []


def test_the_email_is_sent_again_on_demand_until_the_address_is_confirmed(
    alice, api, emails, mail_configured
):
    client = api(alice)
    assert client.post(f"{ME}confirmation/").status_code == 204
    (email,) = emails()
    api().post(CONFIRM, {"token": confirm_token(email)})
    assert client.post(f"{ME}confirmation/").status_code == 204
    assert emails() == []


@pytest.mark.parametrize("token", ["x", "a:b:c", "é", "." * 50])
def test_text_that_is_no_token_is_refused(db, api, token):
    answer = api().post(CONFIRM, {"token": token})
    assert (answer.status_code, answer.json()["code"]) == (400, "link_not_valid")


def test_a_confirmation_link_expires_and_ends_with_the_account(
    alice, api, emails, mail_configured, settings
):
    services.send_confirmation(alice)
    token = confirm_token(emails()[0])
    settings.EMAIL_CONFIRM_HOURS = -1
    assert api().post(CONFIRM, {"token": token}).status_code == 400
    settings.EMAIL_CONFIRM_HOURS = 1
    User.objects.update(is_active=False)
    assert api().post(CONFIRM, {"token": token}).status_code == 400


# Another address


def test_without_mail_the_address_changes_immediately_and_the_old_one_gets_an_email(
    alice, api, emails
):
    answer = api(alice).patch(ME, {"email": "New@example.org", "password": PASSWORD})
    assert (answer.json()["email"], answer.json()["email_confirmed"]) == ("new@example.org", False)
    (email,) = emails()
    assert email.to == ["alice@example.org"]
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.actor_name, entry.address) == (
        "email_changed",
        "alice",
        "127.0.0.1",
    )
    assert "@" not in str(entry.details), "addresses are kept in the users' own table alone"


def test_with_mail_the_address_changes_when_the_link_is_followed(
    alice, api, emails, mail_configured
):
    client = api(alice)
    assert (
        client.patch(ME, {"email": "new@example.org", "password": PASSWORD}).json()["email"]
        == "alice@example.org"
    )
    (email,) = emails()
    assert email.to == ["new@example.org"]
    assert api().post(CONFIRM, {"token": confirm_token(email)}).status_code == 204
    me = client.get(ME).json()
    assert (me["email"], me["email_confirmed"]) == ("new@example.org", True)
    assert [email.to for email in emails()] == [["alice@example.org"]]


def test_a_new_password_invalidates_links_sent_under_the_old_one(
    alice, api, emails, mail_configured
):
    services.change_email(alice, PASSWORD, "thief@example.org")
    token = confirm_token(emails()[0])
    services.change_password(user=alice, old=PASSWORD, new=NEW)
    assert api().post(CONFIRM, {"token": token}).json()["code"] == "link_not_valid"


def test_an_older_link_does_not_undo_a_newer_change(alice, api, emails, mail_configured):
    services.change_email(alice, PASSWORD, "first@example.org")
    services.change_email(alice, PASSWORD, "second@example.org")
    first, second = (confirm_token(email) for email in emails())
    assert api().post(CONFIRM, {"token": second}).status_code == 204
    assert api().post(CONFIRM, {"token": first}).status_code == 400
    assert User.objects.get().email == "second@example.org"


def test_an_address_that_somebody_else_confirmed_meanwhile_is_refused(
    alice, make_user, api, emails, mail_configured
):
    services.change_email(alice, PASSWORD, "new@example.org")
    token = confirm_token(emails()[0])
    new = make_user("new")
    assert api().post(CONFIRM, {"token": confirmation_token(new, new.email)}).status_code == 204
    answer = api().post(CONFIRM, {"token": token})
    assert (answer.status_code, answer.json()["fields"].keys()) == (400, {"email"})
    alice.refresh_from_db()
    assert alice.email == "alice@example.org"


def test_links_are_signed_for_one_purpose(alice, api):
    facts = {"user": str(alice.pk), "was": alice.email, "email": "x@example.org", "mark": ""}
    assert api().post(CONFIRM, {"token": signing.dumps(facts, salt="other")}).status_code == 400


# The job


def test_a_new_password_is_announced_by_email(alice, emails):
    services.change_password(user=alice, old=PASSWORD, new=NEW)
    (email,) = emails()
    assert (email.to, email.subject) == (
        ["alice@example.org"],
        "Your Firmlight password was changed",
    )
    assert email.body.startswith("Hello alice,")


def test_a_deleted_user_gets_no_email(alice, emails):
    services.change_password(user=alice, old=PASSWORD, new=NEW)
    User.objects.all().delete()
    assert emails() == []


def test_an_unreachable_mail_server_is_tried_again(alice, settings):
    settings.EMAIL_BACKEND, settings.EMAIL_HOST, settings.EMAIL_PORT = (
        "django.core.mail.backends.smtp.EmailBackend",
        "127.0.0.1",
        1,
    )
    with pytest.raises(ConnectionError):  # called outside a worker, Celery's retry raises the cause
        jobs.mail("password_changed", {"user": str(alice.pk)})
    assert jobs.mail.max_retries == 6


def test_an_unreachable_broker_does_not_undo_the_change(alice, monkeypatch):
    def away(*_, **__):
        raise broker.OperationalError("away")

    monkeypatch.setattr(broker.current_app, "send_task", away)
    services.change_password(user=alice, old=PASSWORD, new=NEW)
    assert User.objects.get().check_password(NEW)


def test_the_email_says_how_long_its_link_is_valid(alice, ask, settings):
    settings.PASSWORD_RESET_MINUTES = 30
    assert "30 minutes" in ask("alice@example.org")[0].body
