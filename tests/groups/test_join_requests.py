"""Requests to join: who may ask, who answers, and the races between them."""

from uuid import uuid4

import pytest
from django.utils import timezone

from accounts.models import Notification
from core.errors import FirmlightError
from groups import selectors, services
from groups.errors import RequestClosed
from groups.models import Invitation, JoinRequest, Membership
from tests.groups.conftest import invite
from tests.support.racing import race

MINE = "/api/join-requests/"


def to_group(group, request=None, verb=""):
    return f"/api/groups/{group.pk}/join-requests/" + (f"{request.pk}/{verb}/" if request else "")


@pytest.fixture
def house(crew, alice, carol):
    """The crew's group may be asked: Alice owns it, Carol moderates, Bob and Dora are members."""
    services.update_group(editor=alice, group_id=crew.pk, joining="ask")
    return crew


@pytest.fixture
def eve(make_user):
    return make_user("eve")


@pytest.fixture
def asked(house, eve):
    """Eve asks to join."""
    return services.ask_to_join(user=eve, group_id=house.pk)


def test_a_stranger_asks_and_the_leaders_see_it(house, alice, bob, carol, eve, api, notified):
    answer = api(eve).post(to_group(house))
    row = JoinRequest.objects.get()
    assert (answer.status_code, answer.json()) == (
        200,
        {"outcome": "asked", "request": str(row.pk)},
    )
    (shown,) = api(eve).get(MINE).json()["results"]
    about = {
        "id": str(house.pk),
        "name": "Lab Seven",
        "description": house.description,
        "members": 4,
    }
    assert shown.keys() == {"id", "group", "user", "status", "created", "expires"}
    assert (shown["group"], shown["user"]["username"], shown["status"]) == (about, "eve", "pending")
    assert api(carol).get(to_group(house)).json()["results"] == [shown]
    assert [notified(user) for user in (alice, carol, bob, eve)] == [
        ["join_requested"],
        ["join_requested"],
        [],
        [],
    ]
    assert api(eve).get(f"/api/groups/{house.pk}/").status_code == 404


def test_asking_again_gives_the_same_request(house, eve, asked, api, notified, alice):
    assert api(eve).post(to_group(house)).json() == {"outcome": "asked", "request": str(asked.pk)}
    assert notified(alice) == ["join_requested"]


def test_a_group_that_may_not_be_asked_is_not_there(group, carol, api):
    assert (
        api(carol).post(to_group(group)).json()
        == api(carol).post(f"/api/groups/{uuid4()}/join-requests/").json()
    )
    assert [api(user).post(to_group(group)).status_code for user in (carol, None)] == [404, 401]
    assert not JoinRequest.objects.exists()


def test_a_member_need_not_ask(house, bob, api):
    answer = api(bob).post(to_group(house))
    assert (answer.status_code, answer.json()["code"]) == (409, "already_member")


def test_an_invited_user_who_asks_joins(group, alice, carol, invitation, api, notified):
    """Even if the group does not allow requests: this user was invited."""
    assert api(carol).post(to_group(group)).json() == {"outcome": "joined", "request": None}
    assert selectors.membership(carol, group.pk)
    assert Invitation.objects.get().status == "accepted"
    assert notified(alice) == ["invitation_accepted"]


def test_inviting_a_user_who_has_asked_accepts_the_request(
    house, alice, carol, eve, asked, api, notified
):
    answer = api(carol).post(f"/api/groups/{house.pk}/invitations/", {"usernames": ["eve"]})
    assert answer.status_code == 201
    assert answer.json() == [{"username": "eve", "outcome": "joined", "invitation": None}]
    assert selectors.membership(eve, house.pk)
    assert (notified(eve), notified(alice)) == (
        ["join_accepted"],
        ["join_requested", "member_joined"],
    )
    assert not Invitation.objects.open().exists()
    assert not JoinRequest.objects.open().exists()


def test_leaders_let_people_in(house, alice, bob, carol, eve, asked, api, notified):
    assert api(carol).post(to_group(house, asked, "accept")).status_code == 204
    assert selectors.membership(eve, house.pk).role == "member"
    assert (notified(eve), notified(carol)) == (["join_accepted"], ["join_requested"])
    assert (notified(alice), notified(bob)) == (["join_requested", "member_joined"], [])
    note = Notification.objects.get(user=eve)
    assert (note.level, note.text) == (
        "success",
        "carol has accepted your request to join the group Lab Seven.",
    )


def test_leaders_turn_people_down_and_they_may_ask_again(house, alice, eve, asked, api, notified):
    assert api(alice).post(to_group(house, asked, "decline")).status_code == 204
    assert selectors.membership(eve, house.pk) is None
    assert (notified(eve), Notification.objects.get(user=eve).level) == (
        ["join_declined"],
        "warning",
    )
    assert api(eve).get(MINE).json()["count"] == 0
    assert api(eve).post(to_group(house)).json()["request"] != str(asked.pk)


@pytest.mark.parametrize("verb", ["accept", "decline"])
def test_nobody_else_answers(house, alice, bob, eve, make_user, asked, api, verb):
    people = (bob, eve, make_user("fay"), None)
    address = to_group(house, asked, verb)
    assert [api(user).post(address).status_code for user in people] == [403, 404, 404, 401]
    assert [api(user).get(to_group(house)).status_code for user in people] == [403, 404, 404, 401]
    other = services.create_group(owner=alice, name="Other")
    assert api(alice).post(to_group(other, asked, verb)).status_code == 404
    asked.refresh_from_db()
    assert asked.status == "pending"


def test_only_the_user_who_asked_may_withdraw(house, alice, bob, eve, make_user, asked, api):
    address = f"{MINE}{asked.pk}/"
    people = (alice, bob, make_user("fay"), None)
    assert [api(user).delete(address).status_code for user in people] == [404, 404, 404, 401]
    assert api(eve).delete(address).status_code == 204
    assert api(alice).get(to_group(house)).json()["count"] == 0
    answer = api(alice).post(to_group(house, asked, "accept"))
    assert (answer.status_code, answer.json()["code"]) == (409, "request_closed")
    assert api(eve).delete(address).json()["code"] == "request_closed"
    assert api(eve).get(MINE).json()["count"] == 0
    assert api().get(MINE).status_code == 401


def test_a_request_that_nobody_answered_expires_and_can_be_made_again(
    house, alice, eve, asked, api
):
    JoinRequest.objects.update(expires=timezone.now())
    assert api(alice).post(to_group(house, asked, "accept")).json()["code"] == "request_expired"
    assert api(eve).delete(f"{MINE}{asked.pk}/").json()["code"] == "request_expired"
    again = api(eve).post(to_group(house)).json()["request"]
    assert again != str(asked.pk)
    asked.refresh_from_db()
    assert asked.status == "expired"
    assert (
        api(alice).post(to_group(house, JoinRequest.objects.get(pk=again), "accept")).status_code
        == 204
    )


def test_a_request_can_be_answered_when_the_group_no_longer_allows_requests(
    house, alice, eve, asked
):
    services.update_group(editor=alice, group_id=house.pk, joining="invited")
    services.answer_request(leader=alice, group_id=house.pk, request_id=asked.pk, accepted=True)
    assert selectors.membership(eve, house.pk)


def test_joining_by_another_way_closes_the_request(house, alice, eve, asked):
    _, code = services.make_link(maker=alice, group_id=house.pk, days=1, uses=1)
    services.join_by_code(user=eve, code=code)
    asked.refresh_from_db()
    assert asked.status == "accepted"


# Races


def test_simultaneous_requests_of_one_user_are_one_request(
    transactional_db, house, eve, alice, notified
):
    outcomes = race(*[lambda: services.ask_to_join(user=eve, group_id=house.pk)] * 4)
    assert len({outcome.pk for outcome in outcomes}) == 1
    assert JoinRequest.objects.count() == 1
    assert notified(alice) == ["join_requested"]


def test_of_two_leaders_who_answer_simultaneously_one_does(
    transactional_db, house, alice, carol, eve, asked, notified
):
    def answer(leader, accepted):
        return lambda: services.answer_request(
            leader=leader, group_id=house.pk, request_id=asked.pk, accepted=accepted
        )

    outcomes = race(answer(alice, True), answer(carol, True), answer(carol, False))
    assert outcomes.count(None) == 1
    assert sum(isinstance(outcome, RequestClosed) for outcome in outcomes) == 2
    accepted = notified(eve) == ["join_accepted"]
    assert accepted or notified(eve) == ["join_declined"]
    assert bool(selectors.membership(eve, house.pk)) == accepted


def test_accepted_while_it_is_withdrawn_a_request_has_one_final_status(
    transactional_db, house, alice, eve, asked
):
    outcomes = race(
        lambda: services.answer_request(
            leader=alice, group_id=house.pk, request_id=asked.pk, accepted=True
        ),
        lambda: services.withdraw_request(user=eve, request_id=asked.pk),
    )
    assert sum(isinstance(outcome, RequestClosed) for outcome in outcomes) == 1
    asked.refresh_from_db()
    assert bool(selectors.membership(eve, house.pk)) == (asked.status == "accepted")


def test_a_user_who_asks_while_being_invited_joins_and_nothing_stays_open(
    transactional_db, house, alice, make_user
):
    for i in range(5):
        user = make_user(f"user{i}")
        outcomes = race(
            lambda user=user: services.ask_to_join(user=user, group_id=house.pk),
            lambda user=user: services.invite(
                inviter=alice, group_id=house.pk, usernames=[user.username]
            ),
        )
        assert not any(isinstance(outcome, FirmlightError) for outcome in outcomes), outcomes
        assert Membership.objects.filter(group=house, user=user).count() == 1
        assert not selectors.open_invitations_of(user).exists()
        assert not selectors.open_requests_of(user).exists()


def test_a_request_made_while_the_group_is_deleted_leaves_nothing(
    transactional_db, house, alice, eve
):
    asked, closed = race(
        lambda: services.ask_to_join(user=eve, group_id=house.pk),
        lambda: services.delete_group(user=alice, group_id=house.pk),
    )
    assert closed is None
    assert isinstance(asked, (JoinRequest, FirmlightError))
    assert not JoinRequest.objects.exists()


def test_invited_while_asked_before_is_one_story(house, alice, eve, asked):
    with pytest.raises(AssertionError):
        invite(alice, house, "eve")  # it is an acceptance, not an invitation
    assert selectors.membership(eve, house.pk)
