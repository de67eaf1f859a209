"""Worker tokens of whoever had the account before: a reset lists and revokes them."""

import re

import pytest

from accounts import selectors, services
from accounts.models import AuditEntry, User, WorkerToken
from accounts.services.email_addresses import confirmation_token
from accounts.services.passwords import reset_tokens
from accounts.signals import access_ended

NEW = "another-good-one-23"
RESET, CONFIRM = "/api/auth/password-reset/", "/api/auth/email/confirm/"


def token_of(user, name):
    row, text = services.create_worker_token(owner=user, name=name)
    return row.pk, text


@pytest.fixture
def two(alice):
    """Two tokens of Alice's account: (id, text) of each."""
    return token_of(alice, "intruder"), token_of(alice, "laptop")


def link(user):
    return {"uid": str(user.pk), "token": reset_tokens.make_token(user)}


def test_a_reset_lists_them_and_revokes_all_that_are_not_kept(alice, two, api):
    (_, theirs), (laptop, hers) = two
    shown = api().post(f"{RESET}worker-tokens/", link(alice))
    assert shown.status_code == 200
    assert {row["name"] for row in shown.json()} == {"intruder", "laptop"}
    assert "digest" not in shown.content.decode() and hers not in shown.content.decode()
    body = {**link(alice), "password": NEW, "keep_worker_tokens": [str(laptop)]}
    assert api().post(f"{RESET}confirm/", body).status_code == 204
    assert selectors.bearer(theirs) is None
    assert selectors.bearer(hers).user == alice
    entry = AuditEntry.objects.get(action="worker_tokens_revoked")
    assert (entry.target_id, entry.details) == (str(alice.pk), {"tokens": 1})


def test_who_says_nothing_revokes_all_and_open_sockets_hear_of_it(alice, two, api):
    heard = []

    def listener(user_id, **_):
        heard.append((user_id, WorkerToken.objects.live().count()))

    access_ended.connect(listener)
    assert api().post(f"{RESET}confirm/", {**link(alice), "password": NEW}).status_code == 204
    assert not WorkerToken.objects.live().exists()
    assert heard[-1] == (alice.pk, 0)


def test_nobody_keeps_a_strangers_token_or_sees_it_without_the_link(alice, bob, two, api):
    other, text = token_of(bob, "his")
    body = {**link(alice), "password": NEW, "keep_worker_tokens": [str(other)]}
    assert api().post(f"{RESET}worker-tokens/", {**link(alice), "uid": bob.pk}).status_code == 400
    assert api().post(f"{RESET}worker-tokens/", {**link(alice), "token": "x"}).status_code == 400
    assert api().post(f"{RESET}confirm/", body).status_code == 204
    assert list(WorkerToken.objects.live()) == [WorkerToken.objects.get(pk=other)]
    assert selectors.bearer(text).user == bob


def test_the_page_ticks_all_and_revokes_what_stays_ticked(alice, two, client):
    (intruder, theirs), (laptop, hers) = two
    address = f"/password/reset/{alice.pk}/{reset_tokens.make_token(alice)}/"
    page = client.get(address).content.decode()
    boxes = re.findall(r'type="checkbox"\s+name="revoke"\s+value="(\S+)"\s+checked', page)
    assert set(boxes) == {str(intruder), str(laptop)}
    sent = {"shown": boxes, "revoke": [str(intruder)], "password": "12345678"}
    again = client.post(address, sent).content.decode()
    boxes = re.findall(r'type="checkbox"\s+name="revoke"\s+value="(\S+)"\s+checked', again)
    assert boxes == [str(intruder)], "what was unticked stays so when the password is too weak"
    assert client.post(address, {**sent, "password": NEW}).status_code == 302
    assert selectors.bearer(theirs) is None
    assert selectors.bearer(hers).user == alice


def test_a_token_made_since_the_page_was_shown_ends_too(alice, two, client):
    (_, theirs), (laptop, hers) = two
    _, late = token_of(alice, "late")
    address = f"/password/reset/{alice.pk}/{reset_tokens.make_token(alice)}/"
    sent = {"shown": [str(laptop), "no id"], "password": NEW}
    assert client.post(address, sent).status_code == 302
    assert [selectors.bearer(text) is None for text in (theirs, late, hers)] == [True, True, False]


# Confirming an address


@pytest.fixture
def squatter(make_user, alice):
    """Somebody else gave Alice's address, and made a worker token."""
    user = make_user("squatter")
    User.objects.filter(pk=user.pk).update(email=alice.email)
    return User.objects.get(pk=user.pk)


def test_confirming_an_address_that_nobody_else_gave_revokes_nothing(alice, two, api):
    body = {"token": confirmation_token(alice, alice.email)}
    assert api().post(f"{CONFIRM}worker-tokens/", body).json() == []
    assert api().post(CONFIRM, body).status_code == 204
    assert WorkerToken.objects.live().count() == 2


def test_confirming_one_that_somebody_else_gave_lists_the_tokens_of_both(alice, squatter, two, api):
    (_, first), (laptop, hers) = two
    _, theirs = token_of(squatter, "foreign")
    body = {"token": confirmation_token(alice, alice.email)}
    shown = api().post(f"{CONFIRM}worker-tokens/", body).json()
    assert {(row["owner"], row["name"]) for row in shown} == {
        ("alice", "intruder"),
        ("alice", "laptop"),
        ("squatter", "foreign"),
    }
    answer = api().post(CONFIRM, {**body, "keep_worker_tokens": [str(laptop)]})
    assert answer.status_code == 204
    assert [selectors.bearer(text) is None for text in (first, theirs, hers)] == [True, True, False]
    _, new = token_of(alice, "new")
    assert api().post(f"{CONFIRM}worker-tokens/", body).json() == []
    assert api().post(CONFIRM, body).status_code == 204
    assert selectors.bearer(new), "following the link a second time changes nothing"


def test_the_page_of_the_link_shows_them(alice, squatter, two, client):
    (_, first), (laptop, hers) = two
    address = f"/email/confirm/{confirmation_token(alice, alice.email)}/"
    page = client.get(address).content.decode()
    assert page.count('name="revoke"') == page.count("checked") == 2
    sent = {"shown": [str(row.pk) for row in WorkerToken.objects.all()]}
    sent["revoke"] = [pk for pk in sent["shown"] if pk != str(laptop)]
    assert client.post(address, sent).status_code == 302
    assert selectors.bearer(first) is None
    assert selectors.bearer(hers).user == alice


def test_who_had_a_confirmed_address_keeps_their_own_tokens(alice, squatter, two, api):
    User.objects.filter(pk=alice.pk).update(
        email="old@example.org", email_confirmed=True, address_key="old@example.org"
    )
    before = User.objects.get(pk=alice.pk)
    _, theirs = token_of(squatter, "foreign")
    body = {"token": confirmation_token(before, squatter.email)}
    shown = api().post(f"{CONFIRM}worker-tokens/", body).json()
    assert [row["owner"] for row in shown] == ["squatter"]
    assert api().post(CONFIRM, body).status_code == 204
    assert selectors.bearer(theirs) is None
    assert WorkerToken.objects.live().filter(owner=alice).count() == 2
