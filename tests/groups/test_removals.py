"""A member who was removed stays out until a leader lets them in again."""

import pytest

from accounts import services as accounts
from groups import selectors, services
from groups.errors import Removed
from groups.models import Group, InviteLink, Membership, Removal
from groups.services import joining
from tests.conftest import PASSWORD
from tests.groups.conftest import invite

JOIN = "/api/groups/join/"


@pytest.fixture
def code(group, alice):
    return services.make_link(maker=alice, group_id=group.pk, days=1, uses=3)[1]


@pytest.fixture
def removed(group, alice, bob):
    """Bob, whom Alice has removed."""
    services.remove_member(remover=alice, group_id=group.pk, user_id=bob.pk)
    return bob


def uses_left():
    return InviteLink.objects.get().uses_left


def test_the_old_link_does_not_let_them_in_again(code, removed, group, api, browser):
    answer = api(removed).post(JOIN, {"code": code})
    assert (answer.status_code, answer.json()["code"]) == (403, "removed_from_group")
    page = browser(removed).post(f"/join/{code}/")
    assert page.status_code == 403
    assert b"You were removed from this group." in page.content
    assert not selectors.membership(removed, group.pk)
    assert uses_left() == 3


def test_they_cannot_ask_to_join_either(group, removed, api, browser):
    Group.objects.filter(pk=group.pk).update(joining="ask")
    answer = api(removed).post(f"/api/groups/{group.pk}/join-requests/")
    assert (answer.status_code, answer.json()["code"]) == (403, "removed_from_group")
    assert browser(removed).post(f"/groups/{group.pk}/ask/").status_code == 403
    assert not group.join_requests.exists()
    assert not selectors.joinable_groups(removed).exists()


def test_an_invitation_lets_them_in_by_every_way(group, alice, removed, code, api):
    invite(alice, group, "bob")
    assert api(removed).post(JOIN, {"code": code}).status_code == 200
    assert selectors.membership(removed, group.pk)
    assert uses_left() == 3, "it was the invitation that let them in"
    assert not Removal.objects.exists()
    services.leave_group(user=removed, group_id=group.pk)
    assert api(removed).post(JOIN, {"code": code}).status_code == 200, "those who left may return"


def test_an_invitation_that_was_withdrawn_lets_nobody_in(group, alice, removed, code, api):
    invitation = invite(alice, group, "bob")
    services.withdraw(leader=alice, group_id=group.pk, invitation_id=invitation.pk)
    assert api(removed).post(JOIN, {"code": code}).status_code == 403


def test_others_still_join_by_the_link(code, removed, carol, api):
    assert api(carol).post(JOIN, {"code": code}).status_code == 200


def test_of_a_removal_and_a_link_used_at_the_same_time_the_removal_wins(
    group, alice, bob, code, monkeypatch
):
    services.leave_group(user=bob, group_id=group.pk)
    looks = []

    def meanwhile(group, user):
        looks.append(user)
        return len(looks) > 1  # not barred yet at the first look

    monkeypatch.setattr(joining, "is_barred", meanwhile)
    with pytest.raises(Removed):
        services.join_by_code(user=bob, code=code)
    assert not selectors.membership(bob, group.pk)
    assert uses_left() == 3


def test_a_removal_that_came_to_nothing_bars_nobody(group, alice, bob, monkeypatch):
    monkeypatch.setattr(services.departures, "_take_out", lambda *_: False)
    with pytest.raises(Exception, match="not possible"):
        services.remove_member(remover=alice, group_id=group.pk, user_id=bob.pk)
    assert not Removal.objects.exists()


def test_the_link_that_they_joined_by_ends(group, alice, carol, code, make_user, api):
    _, other = services.make_link(maker=alice, group_id=group.pk, days=1, uses=3)
    assert api(carol).post(JOIN, {"code": code}).status_code == 200
    services.remove_member(remover=alice, group_id=group.pk, user_id=carol.pk)
    second = make_user("carol2")
    assert api(second).post(JOIN, {"code": code}).status_code == 404
    assert api(second).post(JOIN, {"code": other}).status_code == 200


@pytest.fixture
def anew(removed, make_user):
    """Bob, who has deleted his account and made another with the same name."""
    accounts.delete_account(user=removed, password=PASSWORD)
    return make_user("Bob")


def test_an_account_of_the_same_name_is_kept_out_too(anew, group, alice, code, api):
    answer = api(anew).post(JOIN, {"code": code})
    assert (answer.status_code, answer.json()["code"]) == (403, "removed_from_group")
    Group.objects.filter(pk=group.pk).update(joining="ask")
    asked = api(anew).post(f"/api/groups/{group.pk}/join-requests/")
    assert asked.json()["code"] == "removed_from_group"
    assert "bob" not in Removal.objects.get().key
    invite(alice, group, "bob")
    assert api(anew).post(JOIN, {"code": code}).status_code == 200
    assert not Removal.objects.exists()


def test_a_second_account_of_the_same_name_can_be_removed_too(anew, group, alice, make_user, code):
    services.accept(user=anew, invitation_id=invite(alice, group, "bob").pk)
    services.remove_member(remover=alice, group_id=group.pk, user_id=anew.pk)
    accounts.delete_account(user=anew, password=PASSWORD)
    accounts.delete_account(user=make_user("bob"), password=PASSWORD)
    assert Removal.objects.count() == 1
    with pytest.raises(Removed):
        services.join_by_code(user=make_user("bob"), code=code)


def test_removals_go_with_their_group(group, alice, removed, make_user):
    dora = make_user("dora")
    Membership.objects.create(group=group, user=dora)
    services.remove_member(remover=alice, group_id=group.pk, user_id=dora.pk)
    accounts.delete_account(user=dora, password=PASSWORD)
    assert Removal.objects.count() == 2
    services.delete_group(user=alice, group_id=group.pk)
    assert not Removal.objects.exists()


def test_a_member_can_be_removed_a_second_time(group, alice, removed):
    invitation = invite(alice, group, "bob")
    services.accept(user=removed, invitation_id=invitation.pk)
    services.remove_member(remover=alice, group_id=group.pk, user_id=removed.pk)
    assert Removal.objects.count() == 1
