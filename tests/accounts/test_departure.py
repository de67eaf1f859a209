"""Deleting an account: with the password, and after the other apps have settled what it held."""

import pytest

from accounts import selectors, services
from accounts.models import Notification, Session, User, WorkerToken
from accounts.notifications import notify
from accounts.signals import user_leaving
from tests.conftest import PASSWORD

ME = "/api/users/me/"


@pytest.fixture
def on_leaving():
    """on_leaving(do): `do(user=…)` is called when an account is deleted."""
    connected = []

    def connect(do):
        def receive(sender, user, **_):
            do(user)

        connected.append(receive)
        user_leaving.connect(receive)

    yield connect
    for receive in connected:
        user_leaving.disconnect(receive)


def test_i_delete_my_account_with_my_password(alice, bob, api, bearing, log_in):
    elsewhere, _, token = (
        bearing(log_in("alice")["access"]),
        *services.create_worker_token(owner=alice, name="attic"),
    )
    notify([alice.pk, bob.pk], code="hello", level="info", text="Hello.")
    assert api(alice).delete(ME, {"password": PASSWORD}).status_code == 204
    assert list(User.objects.all()) == [bob]
    assert elsewhere.get(ME).status_code == 401
    assert selectors.bearer(token) is None
    assert not Session.objects.exists()
    assert not WorkerToken.objects.exists()
    assert Notification.objects.get().user == bob
    answer = api().post("/api/auth/login/", {"login": "alice", "password": PASSWORD})
    assert answer.json()["code"] == "bad_credentials"


@pytest.mark.parametrize("body", [{"password": "wrong"}, {"password": ""}, {"password": None}, {}])
def test_without_my_password_it_stays(alice, api, body):
    client = api(alice)
    answer = client.delete(ME, body)
    assert (answer.status_code, answer.json()["code"], answer.json()["fields"].keys()) == (
        400,
        "invalid",
        {"password"},
    )
    assert client.get(ME).status_code == 200


def test_nobody_deletes_an_account_without_a_token(alice, api):
    assert api().delete(ME, {"password": PASSWORD}).status_code == 401
    assert User.objects.exists()


def test_its_name_and_address_are_free_again(alice, api):
    services.remove_user(alice)
    body = {"username": "alice", "email": "alice@example.org", "password": "another-good-one-23"}
    assert api().post("/api/auth/register/", body).status_code == 201


def test_other_apps_settle_while_the_row_exists_and_its_tokens_do_not(alice, on_leaving):
    seen = []
    bearer = selectors.bearer(services.create_worker_token(owner=alice, name="attic")[1])
    on_leaving(
        lambda user: seen.append(
            (User.objects.filter(pk=user.pk).exists(), selectors.still_valid(bearer))
        )
    )
    services.remove_user(alice)
    assert seen == [(True, False)]


def test_if_a_deletion_fails_the_user_can_log_in_and_ask_again(alice, on_leaving, api, log_in):
    fails = [True]

    def fail_once(user):
        if fails.pop():
            raise ConnectionError

    on_leaving(fail_once)
    with pytest.raises(ConnectionError):
        services.remove_user(alice)
    log_in("alice")
    fails.append(False)
    services.remove_user(alice)
    assert not User.objects.exists()
