"""Worker tokens, and how the sockets ask who a bearer is."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts import selectors, services
from accounts.errors import TooManyTokens
from accounts.models import Session, User, WorkerToken
from tests.support.moments import stored
from tests.support.racing import race

TOKENS = "/api/worker-tokens/"


@pytest.fixture
def token(alice):
    """The text of a worker token of Alice."""
    return services.create_worker_token(owner=alice, name="attic")[1]


def test_a_token_is_shown_once_and_stored_as_a_digest(alice, api):
    answer = api(alice).post(TOKENS, {"name": "attic"})
    assert answer.status_code == 201
    body = answer.json()
    assert body.keys() == {"id", "name", "created", "last_used", "token"}
    assert body["token"].startswith("flw_")
    assert len(body["token"]) == 4 + 43
    (row,) = WorkerToken.objects.values()
    assert body["token"] not in str(row)
    listed = api(alice).get(TOKENS).json()
    assert listed["results"] == [
        {
            "id": body["id"],
            "name": "attic",
            **stored({"created": body["created"]}),
            "last_used": None,
        }
    ]


def test_tokens_differ_even_if_their_names_do_not(alice):
    texts = {services.create_worker_token(owner=alice, name="attic")[1] for _ in range(3)}
    assert len(texts) == 3


@pytest.mark.parametrize("name", ["", "  ", "x" * 65, None, "a\x00b"])
def test_a_token_needs_a_name(alice, api, name):
    answer = api(alice).post(TOKENS, {"name": name})
    assert (answer.status_code, answer.json()["fields"].keys()) == (400, {"name"})


def test_nobody_without_a_token_sees_or_makes_one(api, db):
    assert [api().get(TOKENS).status_code, api().post(TOKENS, {"name": "x"}).status_code] == [
        401,
        401,
    ]


def test_a_stranger_neither_sees_nor_revokes_my_token(alice, bob, api, token):
    row = WorkerToken.objects.get()
    assert api(bob).get(TOKENS).json()["count"] == 0
    assert api(bob).delete(f"{TOKENS}{row.pk}/").status_code == 404
    assert api().delete(f"{TOKENS}{row.pk}/").status_code == 401
    assert selectors.bearer(token)


def test_a_revoked_token_is_good_for_nothing(alice, api, token):
    bearer = selectors.bearer(token)
    assert selectors.still_valid(bearer)
    address = f"{TOKENS}{bearer.id}/"
    assert api(alice).delete(address).status_code == 204
    assert selectors.bearer(token) is None
    assert not selectors.still_valid(bearer)
    assert api(alice).get(TOKENS).json()["count"] == 0
    assert api(alice).delete(address).status_code == 404


def test_there_is_a_limit_and_revoking_makes_room(alice, bob, api, settings):
    settings.WORKER_TOKENS_PER_USER_MAX = 2
    first, _ = [api(alice).post(TOKENS, {"name": "a"}).json() for _ in range(2)]
    answer = api(alice).post(TOKENS, {"name": "a"})
    assert (answer.status_code, answer.json()["code"]) == (409, "too_many_tokens")
    assert "2" in answer.json()["message"]
    assert api(bob).post(TOKENS, {"name": "a"}).status_code == 201
    api(alice).delete(f"{TOKENS}{first['id']}/")
    assert api(alice).post(TOKENS, {"name": "a"}).status_code == 201


def test_simultaneous_callers_do_not_get_past_the_limit_of_tokens(
    transactional_db, alice, settings
):
    settings.WORKER_TOKENS_PER_USER_MAX = 2
    outcomes = race(*[lambda: services.create_worker_token(owner=alice, name="a")] * 5)
    assert sum(isinstance(outcome, TooManyTokens) for outcome in outcomes) >= 3
    assert selectors.worker_tokens_of(alice).count() <= 2


@pytest.mark.parametrize("address", ["/api/users/me/", TOKENS, "/api/groups/"])
def test_the_rest_api_does_not_take_a_worker_token(bearing, token, address):
    answer = bearing(token).get(address)
    assert (answer.status_code, answer.json()["code"]) == (401, "token_not_valid")
    assert "permits nothing but work" in answer.json()["message"]


def test_a_bearer_is_known_by_either_token_with_one_query(alice, token, django_assert_num_queries):
    access = services.open_session(alice).access
    with django_assert_num_queries(1):
        worker = selectors.bearer(token)
        assert (worker.user.username, worker.kind) == ("alice", "worker")
    with django_assert_num_queries(1):
        person = selectors.bearer(access)
        assert (person.user.username, person.kind) == ("alice", "access")
    assert (worker.id, person.id) == (WorkerToken.objects.get().pk, Session.objects.get().pk)
    for bearer in (worker, person):
        with django_assert_num_queries(1):
            assert selectors.still_valid(bearer)


@pytest.mark.parametrize(
    "text",
    ["", "flw_", "flw_" + "x" * 43, "x.y.z", "é", "\x00", "flw_é\x00", "flw_\ud800", "\ud800"],
)
def test_what_is_no_token_has_no_bearer(db, text):
    assert selectors.bearer(text) is None


def test_a_refresh_token_has_no_bearer(alice):
    assert selectors.bearer(services.open_session(alice).refresh) is None


def test_a_bearer_ends_with_its_session_or_its_user(alice, token):
    pair = services.open_session(alice)
    worker, person = selectors.bearer(token), selectors.bearer(pair.access)
    services.log_out(pair.refresh)
    assert (selectors.still_valid(worker), selectors.still_valid(person)) == (True, False)
    User.objects.update(is_active=False)
    assert not selectors.still_valid(worker)
    assert selectors.bearer(token) is None


def test_the_use_of_a_token_is_recorded_once_a_minute(token, django_assert_num_queries):
    services.note_use(selectors.bearer(token))
    first = WorkerToken.objects.get().last_used
    assert timezone.now() - first < timedelta(seconds=30)
    bearer = selectors.bearer(token)
    with django_assert_num_queries(0):
        services.note_use(bearer)
    WorkerToken.objects.update(last_used=first - timedelta(minutes=2))
    services.note_use(selectors.bearer(token))
    assert WorkerToken.objects.get().last_used > first - timedelta(seconds=1)
