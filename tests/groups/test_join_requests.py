"""Asking to be let in: who may ask, who answers, and the races between them."""

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
    """Eve asks to be let in."""
    return services.ask_to_join(user=eve, group_id=house.pk)


def test_a_stranger_asks_and_the_leaders_see_it(house, alice, bob, carol, eve, api, told):
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
    assert [told(user) for user in (alice, carol, bob, eve)] == [
        ["join_requested"],
        ["join_requested"],
        [],
        [],
    ]
    assert api(eve).get(f"/api/groups/{house.pk}/").status_code == 404


def test_who_asks_again_has_asked_once(house, eve, asked, api, told, alice):
    assert api(eve).post(to_group(house)).json() == {"outcome": "asked", "request": str(asked.pk)}
    assert told(alice) == ["join_requested"]


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


def test_whoever_asks_while_invited_accepts(group, alice, carol, invitation, api, told):
    """Even where the group may not be asked: he has been asked by it."""
    assert api(carol).post(to_group(group)).json() == {"outcome": "joined", "request": None}
    assert selectors.membership(carol, group.pk)
    assert Invitation.objects.get().status == "accepted"
    assert told(alice) == ["invitation_accepted"]


def test_whoever_invites_who_has_asked_accepts(house, alice, carol, eve, asked, api, told):
    answer = api(carol).post(f"/api/groups/{house.pk}/invitations/", {"usernames": ["eve"]})
    assert answer.status_code == 201
    assert answer.json() == [{"username": "eve", "outcome": "joined", "invitation": None}]
    assert selectors.membership(eve, house.pk)
    assert (told(eve), told(alice)) == (["join_accepted"], ["join_requested", "member_joined"])
    assert not Invitation.objects.open().exists()
    assert not JoinRequest.objects.open().exists()


def test_leaders_let_people_in(house, alice, bob, carol, eve, asked, api, told):
    assert api(carol).post(to_group(house, asked, "accept")).status_code == 204
    assert selectors.membership(eve, house.pk).role == "member"
    assert (told(eve), told(carol)) == (["join_accepted"], ["join_requested"])
    assert (told(alice), told(bob)) == (["join_requested", "member_joined"], [])
    note = Notification.objects.get(user=eve)
    assert (note.level, note.text) == ("success", "carol has let you into the group Lab Seven.")


def test_leaders_turn_people_down_and_they_may_ask_again(house, alice, eve, asked, api, told):
    assert api(alice).post(to_group(house, asked, "decline")).status_code == 204
    assert selectors.membership(eve, house.pk) is None
    assert (told(eve), Notification.objects.get(user=eve).level) == (["join_declined"], "warning")
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


def test_who_asked_may_withdraw_and_nobody_else(house, alice, bob, eve, make_user, asked, api):
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


def test_what_was_asked_can_be_answered_when_the_door_is_shut_meanwhile(house, alice, eve, asked):
    services.update_group(editor=alice, group_id=house.pk, joining="invited")
    services.answer_request(leader=alice, group_id=house.pk, request_id=asked.pk, accepted=True)
    assert selectors.membership(eve, house.pk)


def test_who_comes_in_by_another_way_asks_no_more(house, alice, eve, asked):
    _, code = services.make_link(maker=alice, group_id=house.pk, days=1, uses=1)
    services.join_by_code(user=eve, code=code)
    asked.refresh_from_db()
    assert asked.status == "accepted"


# Races


def test_two_who_ask_for_one_at_once_have_asked_once(transactional_db, house, eve, alice, told):
    outcomes = race(*[lambda: services.ask_to_join(user=eve, group_id=house.pk)] * 4)
    assert len({outcome.pk for outcome in outcomes}) == 1
    assert JoinRequest.objects.count() == 1
    assert told(alice) == ["join_requested"]


def test_of_two_leaders_who_answer_at_once_one_does(
    transactional_db, house, alice, carol, eve, asked, told
):
    def answer(leader, accepted):
        return lambda: services.answer_request(
            leader=leader, group_id=house.pk, request_id=asked.pk, accepted=accepted
        )

    outcomes = race(answer(alice, True), answer(carol, True), answer(carol, False))
    assert outcomes.count(None) == 1
    assert sum(isinstance(outcome, RequestClosed) for outcome in outcomes) == 2
    accepted = told(eve) == ["join_accepted"]
    assert accepted or told(eve) == ["join_declined"]
    assert bool(selectors.membership(eve, house.pk)) == accepted


def test_accepted_and_withdrawn_at_once_the_status_tells_who_was_faster(
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


def test_asked_and_invited_at_once_he_is_in_and_nothing_stays_open(
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


def test_asked_while_the_group_goes_nothing_is_left_of_it(transactional_db, house, alice, eve):
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
