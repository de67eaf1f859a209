"""Registering, and what names, addresses and passwords may be."""

import pytest
from django.core.management import call_command

from accounts import services
from accounts.models import User
from core.errors import Invalid
from tests.conftest import PASSWORD
from tests.support.racing import race

DORA = {"username": "Dora", "email": "Dora@Example.org", "password": "a-very-good-one-17"}


def register(api, **changes):
    return api().post("/api/auth/register/", {**DORA, **changes})


def test_registering_logs_the_new_user_in(api, db, bearing):
    answer = register(api)
    assert answer.status_code == 201
    body = answer.json()
    assert body["user"] == {
        "id": body["user"]["id"],
        "username": "Dora",
        "email": "dora@example.org",
    }
    assert bearing(body["access"]).get("/api/users/me/").json() == {
        **body["user"],
        "email_confirmed": False,
    }
    assert "password" not in answer.content.decode()


def test_the_password_is_stored_as_an_argon2_hash(api, db):
    register(api)
    assert User.objects.get(username="Dora").password.startswith("argon2$argon2id$")


def test_names_are_unique_without_regard_to_case(api, alice):
    answer = register(api, username="ALICE")
    assert answer.status_code == 400
    assert answer.json()["code"] == "invalid"
    assert answer.json()["fields"].keys() == {"username"}
    assert User.objects.count() == 1


@pytest.mark.parametrize(
    "username", ["ab", "a" * 31, "a b c", "a@b.c", "änne", "a/b", "abc\n.", "", "ab\x00c"]
)
def test_a_bad_user_name_is_refused_with_its_field(api, db, username):
    answer = register(api, username=username)
    assert (answer.status_code, answer.json()["fields"].keys()) == (400, {"username"})


@pytest.mark.parametrize("username", ["abc", "A-b_c.9", "a" * 30])
def test_every_allowed_character_is_taken(api, db, username):
    assert register(api, username=username).status_code == 201


@pytest.mark.parametrize("email", ["nobody", "a@", "@b.org", f"{'a' * 250}@b.org", ""])
def test_a_bad_address_is_refused_with_its_field(api, db, email):
    answer = register(api, email=email)
    assert (answer.status_code, answer.json()["fields"].keys()) == (400, {"email"})


@pytest.mark.parametrize(
    "password", ["short", "password123", "845739201845", "dora@example.org", "x" * 1025, ""]
)
def test_a_weak_password_is_refused_with_its_field(api, db, password):
    answer = register(api, password=password)
    assert (answer.status_code, answer.json()["fields"].keys()) == (400, {"password"})
    assert not User.objects.exists()


def test_blanks_belong_to_a_password(api, db, log_in):
    register(api, password="  two blanks around  ")
    log_in("dora", "  two blanks around  ")
    assert (
        api()
        .post("/api/auth/login/", {"login": "dora", "password": "two blanks around"})
        .status_code
        == 401
    )


@pytest.mark.parametrize("body", [[], "text", 3, None])
def test_a_body_that_is_no_object_is_refused(api, db, body):
    answer = api().post("/api/auth/register/", body)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")


def test_a_body_that_is_no_json_is_refused(api, db):
    answer = api().post("/api/auth/register/", "{", content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (400, "parse_error")


def test_of_two_people_who_register_one_name_simultaneously_one_gets_it(transactional_db):
    def take(email):
        return services.register(username="Dora", email=email, password=DORA["password"])

    outcomes = race(*(lambda i=i: take(f"dora{i}@example.org") for i in range(4)))
    losers = [outcome for outcome in outcomes if isinstance(outcome, Invalid)]
    assert len(losers) == 3
    assert all(loser.fields.keys() == {"username"} for loser in losers)
    assert User.objects.count() == 1


def test_createsuperuser_makes_a_user_who_may_enter_the_admin(client, db, monkeypatch):
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", PASSWORD)
    call_command(
        "createsuperuser", username="Root", email="root@example.org", interactive=False, verbosity=0
    )
    assert (
        client.post("/admin/login/", {"username": "ROOT", "password": PASSWORD}).status_code == 302
    )
    for page in (
        "user/",
        "user/add/",
        f"user/{User.objects.get().pk}/change/",
        "session/",
        "workertoken/",
    ):
        assert client.get(f"/admin/accounts/{page}").status_code == 200


def test_the_admin_refuses_a_name_taken_in_another_case(client, alice):
    client.force_login(User.objects.create_superuser("root", "root@example.org", PASSWORD))
    new = {
        "username": "ALICE",
        "email": "other@example.org",
        "password1": PASSWORD,
        "password2": PASSWORD,
    }
    page = client.post("/admin/accounts/user/add/", {**new, "usable_password": "true"})
    assert page.status_code == 200
    assert b"already exists" in page.content
    root = User.objects.get(username="root")
    page = client.post(
        f"/admin/accounts/user/{root.pk}/change/", {"username": "ALICE", "email": root.email}
    )
    assert b"This user name is taken." in page.content
