"""Leaving a group, being removed, handing over, and the races between them."""

from uuid import uuid4

import pytest

from accounts.models import Notification, User
from core.errors import Conflict, FirmlightError, NotFound
from groups import selectors, services
from groups.models import Group, Invitation, Membership
from groups.signals import member_leaving
from tests.conftest import PASSWORD
from tests.groups.conftest import invite
from tests.support.racing import race


def leave_address(group):
    return f"/api/groups/{group.pk}/leave/"


def member_address(group, user):
    return f"/api/groups/{group.pk}/members/{user.pk}/"


# Leaving


def test_a_member_leaves_and_the_owner_is_notified(group, alice, bob, api, roles, notified):
    assert api(bob).post(leave_address(group)).status_code == 204
    assert roles(group) == {"alice": "owner"}
    assert (notified(alice), notified(bob)) == (["member_left"], [])
    note = Notification.objects.get()
    assert (note.level, note.text, note.group_id) == (
        "info",
        "bob has left the group Lab Seven.",
        group.pk,
    )
    assert api(bob).post(leave_address(group)).status_code == 404


def test_a_stranger_and_nobody_cannot_leave(group, carol, api):
    assert [api(user).post(leave_address(group)).status_code for user in (carol, None)] == [
        404,
        401,
    ]
    assert api(carol).post(f"/api/groups/{uuid4()}/leave/").status_code == 404


def test_moderators_are_notified_of_a_departure_and_members_are_not(
    crew, alice, bob, carol, make_user, api, notified
):
    api(User.objects.get(username="dora")).post(leave_address(crew))
    assert (notified(alice), notified(bob), notified(carol)) == (
        ["member_left"],
        [],
        ["member_left"],
    )


def test_if_the_owner_leaves_the_longest_moderator_follows(
    crew, alice, carol, api, roles, notified
):
    assert api(alice).post(leave_address(crew)).status_code == 204
    assert roles(crew) == {"bob": "member", "carol": "owner", "dora": "member"}
    assert (notified(carol), Notification.objects.count()) == (["ownership_handed_over"], 1)
    assert (
        Notification.objects.get().text
        == "You now own the group Lab Seven, because its owner has left."
    )


def test_the_other_moderators_are_notified_that_the_owner_has_left(
    crew, alice, bob, carol, notified
):
    Membership.objects.filter(user=bob).update(role="moderator")
    services.leave_group(user=alice, group_id=crew.pk)
    assert (notified(bob), notified(carol)) == (["ownership_handed_over"], ["member_left"])


def test_blocked_users_follow_last(crew, alice, bob, carol, roles):
    User.objects.filter(pk__in=[bob.pk, carol.pk]).update(is_active=False)
    services.leave_group(user=alice, group_id=crew.pk)
    assert roles(crew) == {"bob": "member", "carol": "moderator", "dora": "owner"}


def test_without_moderators_the_longest_member_follows(crew, alice, bob, api, roles, notified):
    Membership.objects.filter(role="moderator").update(role="member")
    api(alice).post(leave_address(crew))
    assert roles(crew) == {"bob": "owner", "carol": "member", "dora": "member"}
    assert notified(bob) == ["ownership_handed_over"]


def test_the_group_is_deleted_with_its_last_member(group, alice, bob, carol, api, notified):
    invite(alice, group, "carol")
    api(alice).post(leave_address(group))
    api(bob).post(leave_address(group))
    assert not Group.objects.exists()
    assert not Invitation.objects.exists()
    assert (notified(alice), notified(bob)) == ([], ["ownership_handed_over"])
    assert api(carol).get("/api/invitations/").json()["count"] == 0
    services.create_group(owner=carol, name="Lab Seven")


def test_a_user_who_has_left_can_be_invited_again(group, alice, bob):
    services.leave_group(user=bob, group_id=group.pk)
    invitation = invite(alice, group, "bob")
    assert services.accept(user=bob, invitation_id=invitation.pk)


def test_signals_are_sent_before_and_after_a_departure(group, bob, heard):
    services.leave_group(user=bob, group_id=group.pk)
    facts = {"group_id": group.pk, "user_id": bob.pk}
    assert heard == [("member_leaving", True, facts), ("member_left", False, facts)]


def test_the_last_departure_is_followed_by_the_end_of_the_group(group, alice, bob, heard):
    services.leave_group(user=bob, group_id=group.pk)
    heard.clear()
    services.leave_group(user=alice, group_id=group.pk)
    assert [name for name, *_ in heard] == [
        "member_leaving",
        "member_left",
        "group_closing",
        "group_closed",
    ]
    assert heard[-1][2] == {"group_id": group.pk, "members": [], "closed_by": alice.pk}


# Removing


@pytest.mark.parametrize(
    ("remover", "removed", "status"),
    [
        ("alice", "bob", 204),
        ("alice", "carol", 204),
        ("carol", "bob", 204),
        ("carol", "alice", 403),
        ("bob", "dora", 403),
        ("bob", "carol", 403),
        ("bob", "alice", 403),
        ("alice", "alice", 409),
        ("bob", "bob", 409),
        ("eve", "bob", 404),
        ("eve", "eve", 404),
        ("alice", "eve", 404),
    ],
)
def test_who_may_remove_whom(crew, make_user, api, roles, remover, removed, status):
    make_user("eve")
    people = {user.username: user for user in User.objects.all()}
    answer = api(people[remover]).delete(member_address(crew, people[removed]))
    assert answer.status_code == status, answer.content
    assert len(roles(crew)) == (3 if status == 204 else 4)


def test_nobody_removes_without_a_token(crew, bob, api):
    assert api().delete(member_address(crew, bob)).status_code == 401


def test_two_moderators_cannot_remove_each_other(crew, bob, carol, api):
    Membership.objects.filter(user=bob).update(role="moderator")
    assert api(carol).delete(member_address(crew, bob)).status_code == 403


def test_a_removed_member_is_notified_and_no_longer_sees_the_group(
    crew, bob, carol, api, notified, heard
):
    api(carol).delete(member_address(crew, bob))
    assert notified(bob) == ["member_removed"]
    note = Notification.objects.get()
    assert (note.level, note.text) == ("warning", "carol has removed you from the group Lab Seven.")
    assert api(bob).get(f"/api/groups/{crew.pk}/").status_code == 404
    assert [name for name, *_ in heard] == ["member_leaving", "member_left"]


def test_members_look_at_a_member(crew, alice, bob, carol, make_user, api):
    answer = api(bob).get(member_address(crew, carol))
    assert answer.status_code == 200
    assert answer.json().keys() == {"user", "role", "submitting", "may_submit", "joined"}
    assert answer.json()["user"] == {"id": str(carol.pk), "username": "carol"}
    eve = make_user("eve")
    assert [api(user).get(member_address(crew, carol)).status_code for user in (eve, None)] == [
        404,
        401,
    ]
    assert api(alice).get(member_address(crew, eve)).status_code == 404


# An account goes


def test_deleting_an_account_leaves_all_its_groups_first(
    crew, alice, bob, carol, api, roles, notified, heard
):
    alone, others = (
        services.create_group(owner=owner, name=name)
        for owner, name in ((alice, "Solo"), (bob, "Bobs"))
    )
    Membership.objects.create(group=others, user=alice)
    assert api(alice).delete("/api/users/me/", {"password": PASSWORD}).status_code == 204
    assert roles(crew) == {"bob": "member", "carol": "owner", "dora": "member"}
    assert roles(others) == {"bob": "owner"}
    assert not Group.objects.filter(pk=alone.pk).exists()
    assert (notified(bob), notified(carol)) == (["member_left"], ["ownership_handed_over"])
    assert {name for name, *_ in heard} == {
        "member_leaving",
        "member_left",
        "group_closing",
        "group_closed",
    }


# Races


def test_simultaneous_departures_of_one_member_are_one_departure(
    transactional_db, crew, alice, bob, notified
):
    outcomes = race(*[lambda: services.leave_group(user=bob, group_id=crew.pk)] * 3)
    assert all(outcome is None or isinstance(outcome, NotFound) for outcome in outcomes)
    assert notified(alice) == ["member_left"]


@pytest.mark.parametrize(
    "leavers", [["alice", "carol"], ["alice", "bob", "carol"], ["alice", "carol", "dora"]]
)
def test_however_many_leave_simultaneously_one_owner_is_left(
    transactional_db, crew, roles, leavers
):
    members = [
        m
        for m in Membership.objects.filter(group=crew).select_related("user")
        if m.user.username in leavers
    ]
    race(
        *(
            lambda user=member.user: services.leave_group(user=user, group_id=crew.pk)
            for member in members
        )
    )
    left = roles(crew)
    assert left.keys().isdisjoint(leavers)
    assert list(left.values()).count("owner") == 1


def test_if_all_leave_simultaneously_the_group_is_deleted(transactional_db, crew):
    members = Membership.objects.filter(group=crew).select_related("user")
    race(
        *(
            lambda user=member.user: services.leave_group(user=user, group_id=crew.pk)
            for member in members
        )
    )
    assert not Group.objects.exists()
    assert not Membership.objects.exists()


def test_a_user_who_joins_while_the_last_member_leaves_owns_the_group_or_finds_none(
    transactional_db, alice, carol, roles
):
    group = services.create_group(owner=alice, name="Lab Eight")
    invitation = invite(alice, group, "carol")
    _, accepted = race(
        lambda: services.leave_group(user=alice, group_id=group.pk),
        lambda: services.accept(user=carol, invitation_id=invitation.pk),
    )
    if isinstance(accepted, Membership):
        assert roles(group) == {"carol": "owner"}
    else:
        assert isinstance(accepted, NotFound)
        assert not Group.objects.exists()


def test_the_next_in_line_is_removed_or_owns_the_group(
    transactional_db, crew, alice, bob, carol, roles
):
    """Carol, who follows Alice, is removed by her in one window while Alice leaves in another."""
    outcomes = race(
        lambda: services.leave_group(user=alice, group_id=crew.pk),
        lambda: services.remove_member(remover=alice, group_id=crew.pk, user_id=carol.pk),
    )
    assert all(outcome is None or isinstance(outcome, FirmlightError) for outcome in outcomes), (
        outcomes
    )
    assert roles(crew)["carol" if selectors.membership(carol, crew.pk) else "bob"] == "owner"


def test_a_member_whose_role_changes_during_removal_stays(crew, alice, bob, heard):
    """The receiver of `member_leaving` stands for a caller that is faster."""

    def promote(sender, **_):
        Membership.objects.filter(user=bob).update(role="moderator")

    member_leaving.connect(promote)
    try:
        with pytest.raises(Conflict):
            services.remove_member(remover=alice, group_id=crew.pk, user_id=bob.pk)
    finally:
        member_leaving.disconnect(promote)
    assert selectors.membership(bob, crew.pk)
    assert [name for name, *_ in heard] == ["member_leaving"]
