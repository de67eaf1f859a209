"""Inviting, accepting, declining, expiring, and the races between them."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import Notification, User
from groups import selectors, services
from groups.errors import InvitationClosed
from groups.models import Invitation, Membership, pending_key
from tests.groups.conftest import invite
from tests.support.racing import race

MINE = "/api/invitations/"


def to_group(group):
    return f"/api/groups/{group.pk}/invitations/"


def answer_address(invitation, verb):
    return f"{MINE}{invitation.pk}/{verb}/"


def expire(invitation):
    Invitation.objects.filter(pk=invitation.pk).update(expires=timezone.now())


def test_an_invitation_reaches_the_invitee(group, alice, bob, carol, api, settings, notified):
    settings.INVITATION_DAYS = 3
    answer = api(alice).post(to_group(group), {"usernames": ["CAROL"]})
    row = Invitation.objects.get()
    assert answer.status_code == 201
    assert answer.json() == [{"username": "carol", "outcome": "invited", "invitation": str(row.pk)}]
    (shown,) = api(carol).get(MINE).json()["results"]
    assert shown.keys() == {"id", "group", "inviter", "invitee", "status", "created", "expires"}
    about = {
        "id": str(group.pk),
        "name": "Lab Seven",
        "description": group.description,
        "members": 2,
    }
    assert (shown["id"], shown["group"], shown["status"]) == (str(row.pk), about, "pending")
    assert (shown["inviter"]["username"], shown["invitee"]["username"]) == ("alice", "carol")
    assert api(alice).get(to_group(group)).json()["results"] == [shown]
    assert [api(user).get(MINE).json()["count"] for user in (alice, bob)] == [0, 0]
    assert timedelta(days=2.9) < row.expires - timezone.now() <= timedelta(days=3)
    assert (notified(carol), notified(alice), notified(bob)) == (["invited"], [], [])
    assert Notification.objects.get().text == "alice invites you to the group Lab Seven."


def test_an_invited_person_sees_nothing_else_of_the_group(group, carol, invitation, api):
    for rest in ("", "members/", "invitations/", "links/", "join-requests/"):
        assert api(carol).get(f"/api/groups/{group.pk}/{rest}").status_code == 404


def test_owner_and_moderators_invite_and_see_who_is_invited(
    group, alice, bob, carol, make_user, api
):
    body = {"usernames": ["carol"]}
    assert [api(user).post(to_group(group), body).status_code for user in (bob, carol, None)] == [
        403,
        404,
        401,
    ]
    assert [api(user).get(to_group(group)).status_code for user in (alice, bob, carol, None)] == [
        200,
        403,
        404,
        401,
    ]
    Membership.objects.filter(user=bob).update(role="moderator")
    assert api(bob).post(to_group(group), body).status_code == 201
    assert api(bob).get(to_group(group)).json()["count"] == 1


def test_each_name_gets_an_answer_of_its_own(
    group, alice, bob, carol, make_user, invitation, api, notified
):
    dora, gone = make_user("dora"), make_user("gone")
    User.objects.filter(pk=gone.pk).update(is_active=False)
    names = ["dora", "nobody", "Bob", "alice", "carol", "gone", "DORA"]
    answer = api(alice).post(to_group(group), {"usernames": names})
    assert answer.status_code == 201
    assert [(row["username"], row["outcome"]) for row in answer.json()] == [
        ("dora", "invited"),
        ("nobody", "unknown"),
        ("bob", "already_member"),
        ("alice", "yourself"),
        ("carol", "already_invited"),
        ("gone", "unknown"),
    ]
    assert [row["invitation"] for row in answer.json() if row["outcome"] == "already_invited"] == [
        str(invitation.pk)
    ]
    assert b"example.org" not in answer.content
    assert Invitation.objects.count() == 2
    assert (notified(dora), notified(bob), notified(carol), notified(gone)) == (
        ["invited"],
        [],
        ["invited"],
        [],
    )


@pytest.mark.parametrize("name", ["nobody", "bob", "alice", "carol"])
def test_if_nobody_is_invited_the_answer_is_200(group, alice, carol, invitation, api, name):
    assert api(alice).post(to_group(group), {"usernames": [name]}).status_code == 200
    assert Invitation.objects.count() == 1


def test_inviting_many_costs_one_query_for_all_notifications(
    group, alice, make_user, django_assert_max_num_queries
):
    names = [make_user(f"user{i}").username for i in range(20)]
    with django_assert_max_num_queries(
        11 + 3 * len(names)
    ):  # one insert each, between savepoint and release
        services.invite(inviter=alice, group_id=group.pk, usernames=names)
    assert Notification.objects.filter(code="invited").count() == 20


@pytest.mark.parametrize(
    "names", [[], None, "carol", [""], [None], ["x" * 31], ["carol"] * 51, [["carol"]]]
)
def test_a_list_that_is_no_good_is_refused(group, alice, carol, api, names):
    answer = api(alice).post(to_group(group), {"usernames": names})
    assert answer.status_code == 400
    assert all(field.startswith("usernames") for field in answer.json()["fields"])
    assert not Invitation.objects.exists()


def test_a_name_given_twice_counts_once(group, alice, carol, api):
    assert len(api(alice).post(to_group(group), {"usernames": ["carol", "Carol"]}).json()) == 1


def test_accepting_makes_a_member(group, alice, bob, carol, invitation, api, notified):
    answer = api(carol).post(answer_address(invitation, "accept"))
    assert answer.status_code == 200
    assert (answer.json()["id"], answer.json()["role"], answer.json()["members"]) == (
        str(group.pk),
        "member",
        3,
    )
    assert api(carol).get(MINE).json()["count"] == 0
    assert Invitation.objects.get().status == "accepted"
    assert (notified(alice), notified(bob), notified(carol)) == (
        ["invitation_accepted"],
        [],
        ["invited"],
    )
    note = Notification.objects.get(user=alice)
    assert (note.level, note.text) == (
        "success",
        "carol has accepted your invitation to the group Lab Seven.",
    )


def test_the_other_leaders_are_notified_of_a_new_member_and_an_inviter_who_has_left_is_not(
    crew, bob, carol, make_user, notified
):
    one, two = (invite(carol, crew, make_user(name).username) for name in ("eve", "fay"))
    services.accept(user=one.invitee, invitation_id=one.pk)
    assert (notified(carol), notified(bob)) == (["invitation_accepted"], [])
    services.leave_group(user=carol, group_id=crew.pk)
    services.accept(user=two.invitee, invitation_id=two.pk)
    assert notified(carol) == ["invitation_accepted"]
    assert notified(User.objects.get(username="alice")) == [
        "member_joined",
        "member_left",
        "member_joined",
    ]


def test_declining_makes_none_and_leaves_room_for_another_invitation(
    group, alice, carol, invitation, api, notified
):
    assert api(carol).post(answer_address(invitation, "decline")).status_code == 204
    assert selectors.membership(carol, group.pk) is None
    assert api(carol).get(MINE).json()["count"] == 0
    assert notified(alice) == ["invitation_declined"]
    assert api(alice).post(to_group(group), {"usernames": ["carol"]}).status_code == 201


@pytest.mark.parametrize("verb", ["accept", "decline"])
def test_only_the_invitee_answers(group, alice, bob, make_user, invitation, api, verb):
    users = (alice, bob, make_user("dora"), None)
    assert [api(user).post(answer_address(invitation, verb)).status_code for user in users] == [
        404,
        404,
        404,
        401,
    ]
    assert Invitation.objects.get().status == "pending"


@pytest.mark.parametrize("verb", ["accept", "decline"])
def test_an_invitation_that_does_not_exist_is_not_found(carol, api, verb):
    answer = api(carol).post(f"{MINE}{uuid4()}/{verb}/")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize("first", ["accept", "decline"])
@pytest.mark.parametrize("second", ["accept", "decline"])
def test_an_answer_is_final(group, carol, invitation, api, first, second):
    api(carol).post(answer_address(invitation, first))
    answer = api(carol).post(answer_address(invitation, second))
    assert (answer.status_code, answer.json()["code"]) == (409, "invitation_closed")
    assert bool(selectors.membership(carol, group.pk)) == (first == "accept")


def test_an_old_invitation_does_not_bring_back_somebody_who_left(group, carol, invitation, api):
    api(carol).post(answer_address(invitation, "accept"))
    selectors.membership(carol, group.pk).delete()
    assert api(carol).post(answer_address(invitation, "accept")).status_code == 409
    assert selectors.membership(carol, group.pk) is None


@pytest.mark.parametrize("verb", ["accept", "decline"])
def test_an_expired_invitation_is_good_for_nothing(group, carol, invitation, api, verb):
    expire(invitation)
    answer = api(carol).post(answer_address(invitation, verb))
    assert (answer.status_code, answer.json()["code"]) == (409, "invitation_expired")
    assert api(carol).get(MINE).json()["count"] == 0
    assert selectors.membership(carol, group.pk) is None


def test_a_user_can_be_invited_again_after_an_invitation_expired(
    group, alice, carol, invitation, api
):
    expire(invitation)
    (again,) = api(alice).post(to_group(group), {"usernames": ["carol"]}).json()
    assert again["invitation"] != str(invitation.pk)
    invitation.refresh_from_db()
    assert invitation.status == "expired"
    assert (
        api(carol).post(answer_address(invitation, "accept")).json()["code"] == "invitation_expired"
    )
    assert api(carol).post(f"{MINE}{again['invitation']}/accept/").status_code == 200


def test_the_database_itself_allows_one_open_invitation_a_person(group, alice, carol, invitation):
    key = pending_key(group.pk, carol.pk)
    with pytest.raises(IntegrityError), transaction.atomic():
        Invitation.objects.create(group=group, invitee=carol, inviter=alice, pending_key=key)


def test_two_simultaneous_acceptances_make_one_member(transactional_db, group, carol, invitation):
    outcomes = race(*[lambda: services.accept(user=carol, invitation_id=invitation.pk)] * 4)
    assert sum(isinstance(outcome, Membership) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, InvitationClosed) for outcome in outcomes) == 3
    assert Membership.objects.filter(group=group, user=carol).count() == 1


def test_simultaneous_accepting_and_declining_agree_with_the_membership(
    transactional_db, group, carol, invitation
):
    race(
        lambda: services.accept(user=carol, invitation_id=invitation.pk),
        lambda: services.decline(user=carol, invitation_id=invitation.pk),
    )
    accepted = Invitation.objects.get().status == "accepted"
    assert Membership.objects.filter(group=group, user=carol).exists() == accepted


def test_two_simultaneous_inviters_send_one_invitation(
    transactional_db, group, alice, bob, carol, notified
):
    Membership.objects.filter(user=bob).update(role="moderator")
    outcomes = race(
        *(
            lambda who=who: services.invite(inviter=who, group_id=group.pk, usernames=["carol"])
            for who in (alice, bob)
        )
    )
    assert {answer.outcome for (answer,) in outcomes} == {"invited", "already_invited"}
    assert len({answer.invitation for (answer,) in outcomes}) == 1
    assert notified(carol) == ["invited"]


def test_an_invitation_outlives_its_senders_account(group, alice, bob, carol, api):
    Membership.objects.filter(user=bob).update(role="moderator")
    invite(bob, group, "carol")
    bob.delete()
    (row,) = api(carol).get(MINE).json()["results"]
    assert row["inviter"] is None
