"""The profile, the password and finding people."""

import pytest

from accounts import services
from accounts.models import User
from core.errors import Conflict
from tests.conftest import PASSWORD
from tests.support.racing import race

ME = "/api/users/me/"
NEW = "another-good-one-23"


def test_i_see_my_own_profile(alice, api):
    mine = {
        "id": str(alice.pk),
        "username": "alice",
        "email": "alice@example.org",
        "email_confirmed": False,
    }
    assert api(alice).get(ME).json() == mine


@pytest.mark.parametrize(
    ("method", "address"),
    [("get", ME), ("patch", ME), ("post", ME + "password/"), ("get", "/api/users/")],
)
def test_nobody_gets_in_without_a_token(api, db, method, address):
    answer = getattr(api(), method)(address)
    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")


def test_i_change_my_name_and_address(alice, api, log_in):
    answer = api(alice).patch(
        ME, {"username": "Alicia", "email": "New@Example.org", "password": PASSWORD}
    )
    assert answer.status_code == 200
    mine = {
        "id": str(alice.pk),
        "username": "Alicia",
        "email": "new@example.org",
        "email_confirmed": False,
    }
    assert answer.json() == mine
    log_in("alicia")
    log_in("new@example.org")


def test_i_may_change_the_case_of_my_name_or_nothing(alice, api):
    assert api(alice).patch(ME, {"username": "ALICE"}).json()["username"] == "ALICE"
    assert api(alice).patch(ME, {}).json()["username"] == "ALICE"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"username": "BOB"}, "username"),
        ({"email": "new@example.org", "username": "alicia"}, "password"),
        ({"email": "new@example.org", "username": "alicia", "password": "wrong"}, "password"),
        ({"username": "x"}, "username"),
        ({"email": "x"}, "email"),
        ({"username": None}, "username"),
    ],
)
def test_a_name_or_address_that_is_taken_or_bad_is_refused(alice, bob, api, changes, field):
    answer = api(alice).patch(ME, changes)
    assert (answer.status_code, answer.json()["fields"].keys()) == (400, {field})
    assert api(alice).get(ME).json()["username"] == "alice"


def test_fields_that_are_not_mine_to_set_are_ignored(alice, api):
    api(alice).patch(ME, {"is_staff": True, "is_superuser": True, "id": "x", "password": "y"})
    alice.refresh_from_db()
    assert not alice.is_staff
    assert alice.check_password(PASSWORD)


def test_a_new_password_ends_all_sessions_but_this_one(alice, api, log_in, bearing):
    elsewhere = bearing(log_in("alice")["access"])
    here = api(alice)
    answer = here.post(ME + "password/", {"old_password": PASSWORD, "new_password": NEW})
    assert answer.status_code == 204
    assert here.get(ME).status_code == 200
    assert elsewhere.get(ME).status_code == 401
    log_in("alice", NEW)


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("wrong", NEW, "old_password"),
        (PASSWORD, "12345678", "new_password"),
        (PASSWORD, "alice@example", "new_password"),
    ],
)
def test_a_password_is_not_changed_for_a_weak_one_or_without_the_old_one(
    alice, api, old, new, field
):
    answer = api(alice).post(ME + "password/", {"old_password": old, "new_password": new})
    assert (answer.status_code, answer.json()["fields"].keys()) == (400, {field})
    alice.refresh_from_db()
    assert alice.check_password(PASSWORD)


def test_of_two_simultaneous_changes_of_a_password_one_counts(transactional_db, alice):
    def change(new):
        return services.change_password(user=User.objects.get(), old=PASSWORD, new=new)

    words = [f"{NEW}-{i}" for i in range(3)]
    outcomes = race(*(lambda new=new: change(new) for new in words))
    alice.refresh_from_db()
    assert [alice.check_password(new) for new in words].count(True) == 1
    assert all(
        outcome is None or getattr(outcome, "status", None) in (400, 409) for outcome in outcomes
    )


def test_renewing_an_old_hash_does_not_undo_a_new_password(alice, settings):
    before = User.objects.get()
    with pytest.raises(Conflict):
        services.change_password(user=_stale(alice), old=PASSWORD, new="never-to-be-seen-9")
    services.change_password(user=alice, old=PASSWORD, new=NEW)
    settings.PASSWORD_HASHERS = [
        "django.contrib.auth.hashers.PBKDF2PasswordHasher",
        *settings.PASSWORD_HASHERS,
    ]
    assert before.check_password(PASSWORD)  # checked against what was read before, and hashed anew
    assert User.objects.get().check_password(NEW)


def _stale(user):
    """The user as read before their password was hashed again."""
    copy = User.objects.get(pk=user.pk)
    user.set_password(PASSWORD)
    user.save(update_fields=["password"])
    return copy


def test_an_outdated_hash_is_renewed_at_log_in(alice, settings, log_in):
    settings.PASSWORD_HASHERS = [
        "django.contrib.auth.hashers.PBKDF2PasswordHasher",
        *settings.PASSWORD_HASHERS,
    ]
    log_in("alice")
    alice.refresh_from_db()
    assert alice.password.startswith("pbkdf2_sha256$")
    log_in("alice")


def test_people_are_found_by_a_part_of_their_name_and_show_no_address(alice, bob, carol, api):
    answer = api(alice).get("/api/users/", {"search": "O"})
    assert answer.json() == {
        "count": 2,
        "next": None,
        "previous": None,
        "results": [
            {"id": str(bob.pk), "username": "bob"},
            {"id": str(carol.pk), "username": "carol"},
        ],
    }


@pytest.mark.parametrize("search", ["%", "_", "\\", "\x00", "example.org", "é", "'"])
def test_a_search_for_what_is_in_no_name_finds_nobody(alice, api, search):
    answer = api(alice).get("/api/users/", {"search": search})
    assert (answer.status_code, answer.json()["count"]) == (200, 0)


def test_people_who_are_not_active_are_not_found(alice, bob, api):
    User.objects.filter(pk=bob.pk).update(is_active=False)
    assert api(alice).get("/api/users/").json()["count"] == 1


def test_a_long_list_comes_in_pages(alice, make_user, api):
    for i in range(4):
        make_user(f"user{i}")
    answer = api(alice).get("/api/users/", {"page_size": 2, "page": 2}).json()
    assert (answer["count"], [row["username"] for row in answer["results"]]) == (
        5,
        ["user1", "user2"],
    )
    assert "page=3" in answer["next"]
    assert api(alice).get("/api/users/", {"page": 99}).json()["code"] == "not_found"
