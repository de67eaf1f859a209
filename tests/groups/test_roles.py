"""Roles, the hand-over of a group, who may submit, and the races between them."""

import pytest
from django.db import IntegrityError, transaction

from accounts.models import Notification, User
from core.errors import Conflict, FirmlightError
from groups import selectors, services
from groups.models import Membership
from groups.services.roles import owner_of
from groups.signals import member_leaving
from tests.support.racing import race


def member_address(group, user):
    return f"/api/groups/{group.pk}/members/{user.pk}/"


def hand_over_address(group):
    return f"/api/groups/{group.pk}/hand-over/"


def owners(roles):
    return [name for name, role in roles.items() if role == "owner"]


# Roles


def test_the_owner_makes_moderators_and_members(crew, alice, bob, carol, api, roles, notified):
    answer = api(alice).patch(member_address(crew, bob), {"role": "moderator"})
    assert (answer.status_code, answer.json()["role"]) == (200, "moderator")
    api(alice).patch(member_address(crew, carol), {"role": "member"})
    assert roles(crew) == {
        "alice": "owner",
        "bob": "moderator",
        "carol": "member",
        "dora": "member",
    }
    assert (notified(bob), notified(carol), notified(alice)) == (
        ["role_changed"],
        ["role_changed"],
        [],
    )
    assert (
        Notification.objects.get(user=bob).text
        == "alice has made you moderator of the group Lab Seven."
    )


def test_nobody_else_does(crew, bob, carol, make_user, api, roles):
    before, people = roles(crew), (carol, bob, make_user("eve"), None)
    change = {"role": "moderator"}
    assert [api(user).patch(member_address(crew, bob), change).status_code for user in people] == [
        403,
        403,
        404,
        401,
    ]
    assert roles(crew) == before


@pytest.mark.parametrize("role", ["owner", "king", "", None])
def test_there_are_two_roles_to_give(crew, alice, bob, api, role):
    answer = api(alice).patch(member_address(crew, bob), {"role": role})
    assert (answer.status_code, answer.json()["fields"].keys()) == (400, {"role"})


def test_the_same_role_again_is_no_news(crew, alice, bob, api, notified):
    assert api(alice).patch(member_address(crew, bob), {"role": "member"}).status_code == 200
    assert notified(bob) == []


def test_the_owner_keeps_their_role_and_a_stranger_gets_none(crew, alice, make_user, api, roles):
    assert api(alice).patch(member_address(crew, alice), {"role": "member"}).status_code == 409
    assert (
        api(alice).patch(member_address(crew, make_user("eve")), {"role": "member"}).status_code
        == 404
    )
    assert owners(roles(crew)) == ["alice"]


# Handing over


def test_the_owner_hands_the_group_over_and_is_a_moderator_then(
    crew, alice, bob, carol, api, roles, notified
):
    answer = api(alice).post(hand_over_address(crew), {"user": str(bob.pk)})
    assert (answer.status_code, answer.json()["role"]) == (200, "moderator")
    assert roles(crew) == {
        "alice": "moderator",
        "bob": "owner",
        "carol": "moderator",
        "dora": "member",
    }
    assert (notified(bob), notified(carol), notified(alice)) == (["ownership_handed_over"], [], [])
    text = "alice has handed the group Lab Seven over to you. You own it now."
    assert Notification.objects.get().text == text
    assert api(bob).post(hand_over_address(crew), {"user": str(alice.pk)}).status_code == 200
    assert owners(roles(crew)) == ["alice"]


def test_nobody_else_hands_it_over(crew, bob, carol, make_user, api, roles):
    people, body = (carol, bob, make_user("eve"), None), {"user": str(bob.pk)}
    assert [api(user).post(hand_over_address(crew), body).status_code for user in people] == [
        403,
        403,
        404,
        401,
    ]
    assert [api(user).post(hand_over_address(crew), {}).status_code for user in people] == [
        403,
        403,
        404,
        401,
    ]
    assert owners(roles(crew)) == ["alice"]


def test_it_goes_to_a_member_who_can_log_in(crew, alice, bob, make_user, api, roles):
    client, address = api(alice), hand_over_address(crew)
    assert client.post(address, {"user": str(make_user("eve").pk)}).status_code == 404
    assert client.post(address, {"user": str(alice.pk)}).status_code == 409
    User.objects.filter(pk=bob.pk).update(is_active=False)
    assert client.post(address, {"user": str(bob.pk)}).status_code == 409
    assert [
        client.post(address, body).status_code for body in ({}, {"user": "bob"}, {"user": None})
    ] == [400] * 3
    assert owners(roles(crew)) == ["alice"]


def test_the_database_itself_allows_one_owner(crew, bob):
    membership = selectors.membership(bob, crew.pk)
    assert membership.move("member", "owner") is False
    membership.role = "owner"
    with pytest.raises(IntegrityError), transaction.atomic():
        membership.save(update_fields=["role"])


def test_a_hand_over_to_a_member_who_leaves_changes_nothing(crew, alice, bob, roles, monkeypatch):
    move = Membership.move

    def leave_first(self, start, finish):
        if self.user_id == bob.pk:
            Membership.objects.filter(user=bob).delete()
        return move(self, start, finish)

    monkeypatch.setattr(Membership, "move", leave_first)
    with pytest.raises(Conflict):
        services.hand_over(owner=alice, group_id=crew.pk, user_id=bob.pk)
    assert owners(roles(crew)) == ["alice"]


def test_without_transactions_the_owner_also_takes_it_back(crew, alice, bob, roles, monkeypatch):
    """As on MongoDB: nothing is rolled back."""
    from contextlib import nullcontext

    from groups.services import roles as module

    monkeypatch.setattr(module.transaction, "atomic", lambda *_, **__: nullcontext())
    move = Membership.move
    monkeypatch.setattr(
        Membership, "move", lambda self, *way: self.user_id != bob.pk and move(self, *way)
    )
    with pytest.raises(Conflict):
        services.hand_over(owner=alice, group_id=crew.pk, user_id=bob.pk)
    assert owners(roles(crew)) == ["alice"]


def test_two_simultaneous_hand_overs_make_one_owner(
    transactional_db, crew, alice, bob, carol, roles, notified
):
    outcomes = race(
        *(
            lambda to=to: services.hand_over(owner=alice, group_id=crew.pk, user_id=to.pk)
            for to in (bob, carol) * 2
        )
    )
    assert outcomes.count(None) == 1
    assert all(outcome is None or isinstance(outcome, FirmlightError) for outcome in outcomes), (
        outcomes
    )
    (owner,) = owners(roles(crew))
    assert owner in ("bob", "carol")
    assert sorted([*notified(bob), *notified(carol)]) == ["ownership_handed_over"]


@pytest.mark.parametrize("leaver", ["alice", "bob"])
def test_a_hand_over_while_one_of_the_two_leaves_leaves_one_owner(
    transactional_db, crew, alice, bob, roles, leaver
):
    going = {"alice": alice, "bob": bob}[leaver]
    outcomes = race(
        lambda: services.hand_over(owner=alice, group_id=crew.pk, user_id=bob.pk),
        lambda: services.leave_group(user=going, group_id=crew.pk),
    )
    assert all(outcome is None or isinstance(outcome, FirmlightError) for outcome in outcomes), (
        outcomes
    )
    left = roles(crew)
    assert leaver not in left
    assert len(owners(left)) == 1


def test_a_hand_over_to_a_member_who_is_removed_leaves_one_owner(
    transactional_db, crew, alice, bob, carol, roles
):
    outcomes = race(
        lambda: services.hand_over(owner=alice, group_id=crew.pk, user_id=bob.pk),
        lambda: services.remove_member(remover=carol, group_id=crew.pk, user_id=bob.pk),
        lambda: services.set_role(owner=alice, group_id=crew.pk, user_id=bob.pk, role="moderator"),
    )
    assert all(outcome is None or isinstance(outcome, FirmlightError) for outcome in outcomes), (
        outcomes
    )
    assert len(owners(roles(crew))) == 1


def test_a_group_that_lost_its_owner_finds_one_again(crew, alice, roles):
    """As after a crash in the middle of a hand-over, where the database has no transactions."""
    selectors.membership(alice, crew.pk).move("owner", "member")
    assert owner_of(crew).user.username == "carol"
    assert owners(roles(crew)) == ["carol"]


def test_a_member_who_becomes_owner_while_their_role_is_set_stays_owner(crew, alice, carol, roles):
    theirs = selectors.membership(carol, crew.pk)
    services.hand_over(owner=alice, group_id=crew.pk, user_id=carol.pk)
    assert theirs.move("moderator", "member") is False
    assert owners(roles(crew)) == ["carol"]


# Who may submit


def may_submit(group):
    rows = Membership.objects.filter(group=group).select_related("user", "group")
    return {row.user.username for row in rows if row.may_submit}


def test_a_group_lets_its_members_submit_or_its_leaders_only(crew, alice, bob, api):
    assert may_submit(crew) == {"alice", "bob", "carol", "dora"}
    services.update_group(editor=alice, group_id=crew.pk, submitting="leaders")
    assert may_submit(crew) == {"alice", "carol"}
    assert api(bob).get(f"/api/groups/{crew.pk}/").json()["may_submit"] is False
    assert not selectors.may_submit(bob, crew.pk)


def test_there_are_exceptions_both_ways(crew, alice, bob, carol, api):
    dora = User.objects.get(username="dora")
    answer = api(carol).patch(member_address(crew, bob), {"submitting": "never"})
    assert (answer.status_code, answer.json()["submitting"], answer.json()["may_submit"]) == (
        200,
        "never",
        False,
    )
    assert may_submit(crew) == {"alice", "carol", "dora"}
    services.update_group(editor=alice, group_id=crew.pk, submitting="leaders")
    api(alice).patch(member_address(crew, dora), {"submitting": "always"})
    assert may_submit(crew) == {"alice", "carol", "dora"}
    api(alice).patch(member_address(crew, dora), {"submitting": "group"})
    assert may_submit(crew) == {"alice", "carol"}


def test_leaders_alone_make_exceptions_and_for_members_alone(
    crew, alice, bob, carol, make_user, api
):
    people, change = (bob, make_user("eve"), None), {"submitting": "always"}
    assert [api(user).patch(member_address(crew, bob), change).status_code for user in people] == [
        403,
        404,
        401,
    ]
    assert [
        api(alice).patch(member_address(crew, who), change).status_code for who in (alice, carol)
    ] == [409, 409]
    for value in ("", "perhaps", None):
        assert api(alice).patch(member_address(crew, bob), {"submitting": value}).status_code == 400


@pytest.mark.parametrize("named", [True, False])
def test_a_member_who_may_only_work_submits_nothing(group, alice, bob, api, named):
    task = {"group": group.name if named else str(group.pk), "kind": "ECHO", "params": {"count": 1}}
    services.update_group(editor=alice, group_id=group.pk, submitting="leaders")
    answer = api(bob).post("/api/tasks/", task)
    assert (answer.status_code, answer.json()["code"]) == (403, "may_not_submit")
    assert api(alice).post("/api/tasks/", task).status_code == 201
    services.set_submitting(leader=alice, group_id=group.pk, user_id=bob.pk, submitting="always")
    assert api(bob).post("/api/tasks/", task).status_code == 201


def test_a_member_who_is_promoted_during_removal_stays_in_the_group(crew, alice, bob, roles):
    def promote(sender, **_):
        services.set_role(owner=alice, group_id=crew.pk, user_id=bob.pk, role="moderator")

    member_leaving.connect(promote)
    try:
        with pytest.raises(Conflict):
            services.remove_member(remover=alice, group_id=crew.pk, user_id=bob.pk)
    finally:
        member_leaving.disconnect(promote)
    assert roles(crew)["bob"] == "moderator"
