"""How many groups, invitations, requests to join and links one user or group may have, or make in a
day.
"""

from __future__ import annotations

import pytest

from core import throttling
from groups import services
from groups.errors import TooManyGroups, TooManyJoinRequests, TooManyLinks
from groups.models import Group, Invitation, InviteLink, JoinRequest, Membership
from tests.support.pages import words
from tests.support.racing import race

WHOLE = {"description": "", "joining": "ask", "submitting": "members"}


@pytest.fixture(autouse=True)
def _still(monkeypatch):
    """The clock stands ten seconds before midnight, so that no day ends in a test."""
    monkeypatch.setattr(throttling.time, "time", lambda: 20_000 * 86_400.0 - 10)


@pytest.fixture
def house(alice):
    """A group that anybody may ask to join."""
    return services.create_group(owner=alice, name="Open house", joining="ask")


def refused_until_tomorrow(answer, code):
    assert (answer.status_code, answer.json()["code"]) == (429, code)
    assert answer["Retry-After"] == "10"
    assert answer.json()["message"]


def test_a_user_makes_so_many_groups_a_day_even_if_they_delete_them(settings, api, browser, carol):
    settings.GROUPS_PER_DAY_MAX = 2
    for number in range(2):
        made = api(carol).post("/api/groups/", {"name": f"Group {number}"})
        assert made.status_code == 201
        api(carol).delete(f"/api/groups/{made.json()['id']}/")
    refused_until_tomorrow(
        api(carol).post("/api/groups/", {"name": "Group 2"}), "too_many_groups_today"
    )
    answer = browser(carol).post("/groups/new/", {**WHOLE, "name": "Group 2"})
    assert answer.status_code == 429
    assert "in a day" in words(answer)
    assert not Group.objects.filter(name="Group 2").exists()


def test_what_is_refused_for_another_reason_does_not_count(settings, api, carol):
    settings.GROUPS_PER_DAY_MAX = 1
    for _ in range(3):
        assert api(carol).post("/api/groups/", {"name": "x"}).status_code == 400
    assert api(carol).post("/api/groups/", {"name": "Night shift"}).status_code == 201


def test_of_simultaneous_requests_no_more_groups_come_than_a_day_allows(
    settings, transactional_db, carol
):
    settings.GROUPS_PER_DAY_MAX = 2
    race(*[lambda n=n: services.create_group(owner=carol, name=f"Group {n}") for n in range(5)])
    assert Group.objects.count() == 2


def test_a_user_is_in_so_many_groups_by_whatever_way(settings, api, browser, house, alice, carol):
    settings.GROUPS_PER_USER_MAX = 1
    services.create_group(owner=carol, name="My own")
    services.invite(inviter=alice, group_id=house.pk, usernames=["carol"])
    invitation = Invitation.objects.get()
    _, code = services.make_link(maker=alice, group_id=house.pk, days=1, uses=1)
    client = api(carol)
    ways = (
        ("/api/groups/", {"name": "Another"}),
        (f"/api/invitations/{invitation.pk}/accept/", {}),
        ("/api/groups/join/", {"code": code}),
    )
    for address, body in ways:
        answer = client.post(address, body)
        assert (answer.status_code, answer.json()["code"]) == (409, "too_many_groups"), address
        assert "carol is in 1 groups, the maximum" in answer.json()["message"]
    assert client.post("/api/invitations/accept-all/").json() == {"joined": []}
    answer = browser(carol).post("/groups/new/", {**WHOLE, "name": "Another"})
    assert answer.status_code == 422 and "the maximum" in words(answer)
    # Neither the invitation nor the link was used up.
    assert Invitation.objects.open().count() == InviteLink.objects.open().count() == 1
    settings.GROUPS_PER_USER_MAX = 2
    assert client.post("/api/groups/join/", {"code": code}).status_code == 200
    assert client.post("/api/groups/join/", {"code": code}).status_code == 200  # a member already


def test_a_leader_cannot_accept_a_request_of_a_user_in_too_many_groups(
    settings, api, house, alice, carol
):
    request = services.ask_to_join(user=carol, group_id=house.pk)
    settings.GROUPS_PER_USER_MAX = 1
    services.create_group(owner=carol, name="My own")
    address = f"/api/groups/{house.pk}/join-requests/{request.pk}/accept/"
    assert api(alice).post(address).json()["code"] == "too_many_groups"
    services.invite(inviter=alice, group_id=house.pk, usernames=["carol"])
    assert JoinRequest.objects.open().count() == 1


def test_two_ways_in_at_once_pass_the_last_place_at_most_once(
    settings, transactional_db, alice, carol
):
    settings.GROUPS_PER_USER_MAX = 3
    codes = []
    for number in range(5):
        group = Group.objects.create(name=f"Group {number}")
        Membership.objects.create(group=group, user=alice, role="owner")
        codes.append(services.make_link(maker=alice, group_id=group.pk, days=1, uses=1)[1])
    for code in codes[:2]:
        services.join_by_code(user=carol, code=code)
    outcomes = race(
        *[lambda code=code: services.join_by_code(user=carol, code=code) for code in codes[2:]]
    )
    assert all(isinstance(one, Membership | TooManyGroups) for one in outcomes)
    assert Membership.objects.filter(user=carol).count() <= 3


def test_one_person_is_invited_so_often_a_day_even_if_it_is_withdrawn(
    settings, api, browser, group, house, alice, carol
):
    settings.INVITATIONS_PER_PAIR_DAY_MAX = 2
    address = "/api/groups/{}/invitations/"
    for where in (group, house):
        answer = api(alice).post(address.format(where.pk), {"usernames": ["carol"]})
        (one,) = answer.json()
        assert one["outcome"] == "invited"
        api(alice).delete(f"{address.format(where.pk)}{one['invitation']}/")
    answer = api(alice).post(address.format(group.pk), {"usernames": ["carol"]})
    refused_until_tomorrow(answer, "too_many_invitations")
    assert list(answer.json()["fields"]) == ["usernames"]
    answer = browser(alice).post(f"/groups/{group.pk}/invitations/", {"usernames": "carol"})
    assert answer.status_code == 429
    assert not Invitation.objects.open().exists()


def test_among_others_such_a_person_has_an_outcome_of_their_own(
    settings, api, browser, group, alice, carol, make_user
):
    settings.INVITATIONS_PER_PAIR_DAY_MAX = 1
    make_user("dora"), make_user("erik")
    services.invite(inviter=alice, group_id=group.pk, usernames=["carol"])
    services.withdraw(leader=alice, group_id=group.pk, invitation_id=Invitation.objects.get().pk)
    address = f"/api/groups/{group.pk}/invitations/"
    answer = api(alice).post(address, {"usernames": ["carol", "dora"]})
    outcomes = {one["username"]: one["outcome"] for one in answer.json()}
    assert (answer.status_code, outcomes) == (201, {"carol": "too_often", "dora": "invited"})
    page = browser(alice).post(f"/groups/{group.pk}/invitations/", {"usernames": "carol erik"})
    assert "carol cannot be invited today" in words(page)


@pytest.mark.parametrize(
    "setting", ["INVITATIONS_PER_GROUP_DAY_MAX", "INVITATIONS_PER_USER_DAY_MAX"]
)
def test_a_group_and_a_user_invite_so_many_people_a_day(
    settings, setting, api, group, alice, carol, make_user
):
    setattr(settings, setting, 2)
    for name in ("dora", "erik"):
        make_user(name)
    address = f"/api/groups/{group.pk}/invitations/"
    answer = api(alice).post(address, {"usernames": ["carol", "dora", "erik"]})
    assert [one["outcome"] for one in answer.json()] == ["invited", "invited", "too_often"]
    refused_until_tomorrow(
        api(alice).post(address, {"usernames": ["erik"]}), "too_many_invitations"
    )
    # To ask for what is there already costs nothing.
    answer = api(alice).post(address, {"usernames": ["carol"]})
    assert answer.json()[0]["outcome"] == "already_invited"


def test_a_user_asks_a_group_so_often_a_day_even_if_they_withdraw(
    settings, api, browser, house, carol
):
    settings.JOIN_REQUESTS_PER_PAIR_DAY_MAX = 2
    address = f"/api/groups/{house.pk}/join-requests/"
    for _ in range(2):
        request = api(carol).post(address).json()["request"]
        assert (
            api(carol).post(address).json()["request"] == request
        )  # asking again is no second one
        api(carol).delete(f"/api/join-requests/{request}/")
    refused_until_tomorrow(api(carol).post(address), "too_many_join_requests_today")
    browser(carol).post(f"/groups/{house.pk}/ask/")
    assert not JoinRequest.objects.open().exists()


def test_a_group_is_asked_so_often_a_day(settings, api, house, carol, make_user):
    settings.JOIN_REQUESTS_PER_GROUP_DAY_MAX = 1
    address = f"/api/groups/{house.pk}/join-requests/"
    assert api(carol).post(address).status_code == 200
    refused_until_tomorrow(api(make_user("dora")).post(address), "too_many_join_requests_today")


def test_many_accounts_at_one_address_do_not_use_up_the_requests_of_all(
    settings, house, carol, make_user, api
):
    settings.JOIN_REQUESTS_PER_ADDRESS_DAY_MAX = 2
    settings.JOIN_REQUESTS_PER_GROUP_DAY_MAX = 3
    address = f"/api/groups/{house.pk}/join-requests/"
    answers = [
        api(make_user(f"free{i}")).post(address, REMOTE_ADDR=f"2001:db8::{i}") for i in range(4)
    ]
    assert [answer.status_code for answer in answers[:2]] == [200, 200]
    for answer in answers[2:]:
        refused_until_tomorrow(answer, "too_many_join_requests_today")
    assert api(carol).post(address, REMOTE_ADDR="10.0.0.1").status_code == 200


def test_a_user_has_so_many_open_requests(settings, api, transactional_db, alice, carol):
    settings.JOIN_REQUESTS_PER_USER_MAX = 2
    houses = [
        services.create_group(owner=alice, name=f"House {number}", joining="ask")
        for number in range(6)
    ]
    services.ask_to_join(user=carol, group_id=houses[0].pk)
    outcomes = race(
        *[lambda one=one: services.ask_to_join(user=carol, group_id=one.pk) for one in houses[1:5]]
    )
    assert all(isinstance(one, JoinRequest | TooManyJoinRequests) for one in outcomes)
    assert JoinRequest.objects.open().count() <= 2
    while JoinRequest.objects.open().count() < 2:  # both may have given up at the last place
        services.ask_to_join(user=carol, group_id=houses[4].pk)
    answer = api(carol).post(f"/api/groups/{houses[5].pk}/join-requests/")
    assert (answer.status_code, answer.json()["code"]) == (409, "too_many_join_requests")


def test_a_group_makes_so_many_links_a_day_even_if_they_are_withdrawn(
    settings, api, browser, group, alice
):
    settings.LINKS_PER_GROUP_DAY_MAX = 2
    address = f"/api/groups/{group.pk}/links/"
    for _ in range(2):
        link = api(alice).post(address, {}).json()["id"]
        api(alice).delete(f"{address}{link}/")
    refused_until_tomorrow(api(alice).post(address, {}), "too_many_links_today")
    page = browser(alice).post(f"/groups/{group.pk}/links/", {"days": 1, "uses": 1})
    assert page.status_code == 429
    assert not InviteLink.objects.exists()


def test_of_simultaneous_links_no_more_stay_than_a_group_may_have(
    settings, transactional_db, group, alice
):
    settings.LINKS_PER_GROUP_MAX = 3
    make = lambda: services.make_link(maker=alice, group_id=group.pk, days=1, uses=1)  # noqa: E731
    for outcome in race(*[make] * 6):
        assert isinstance(outcome, tuple | TooManyLinks)
    assert InviteLink.objects.open().count() <= 3


def test_pages_make_links_no_oftener_than_the_api(settings, browser, group, alice):
    settings.INVITE_PER_HOUR_MAX = 1
    sent = {"days": 1, "uses": 1}
    address = f"/groups/{group.pk}/links/"
    assert [browser(alice).post(address, sent).status_code for _ in range(2)] == [200, 429]
