"""Inviting, accepting, declining, expiring, and the races between them."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import User
from firmlight.errors import Invalid
from groups import selectors, services
from groups.errors import InvitationClosed
from groups.models import Invitation, Membership, pending_key
from tests.support.racing import race

MINE = "/api/invitations/"


def to_group(group):
    return f"/api/groups/{group.pk}/invitations/"


def answer_address(invitation, verb):
    return f"{MINE}{invitation.pk}/{verb}/"


@pytest.fixture
def invitation(group, alice, carol) -> Invitation:
    """Alice asks Carol into the group."""
    return services.invite(inviter=alice, group_id=group.pk, usernames=["carol"])[0]


def expire(invitation):
    Invitation.objects.filter(pk=invitation.pk).update(expires=timezone.now())


def test_an_invitation_reaches_the_invitee(group, alice, bob, carol, api, settings):
    settings.INVITATION_DAYS = 3
    answer = api(alice).post(to_group(group), {"usernames": ["CAROL"]})
    assert answer.status_code == 201
    (sent,) = answer.json()
    assert sent.keys() == {"id", "group", "inviter", "invitee", "status", "created", "expires"}
    assert sent["group"] == {"id": str(group.pk), "name": "Lab Seven"}
    assert (sent["inviter"]["username"], sent["invitee"]["username"], sent["status"]) == ("alice", "carol", "pending")
    assert api(carol).get(MINE).json()["results"] == [sent]
    assert api(alice).get(to_group(group)).json()["results"] == [sent]
    assert [api(user).get(MINE).json()["count"] for user in (alice, bob)] == [0, 0]
    days = Invitation.objects.get().expires - timezone.now()
    assert timedelta(days=2.9) < days <= timedelta(days=3)


def test_owner_and_moderators_invite_and_see_who_is_invited(group, alice, bob, carol, make_user, api):
    body = {"usernames": ["carol"]}
    assert [api(user).post(to_group(group), body).status_code for user in (bob, carol, None)] == [403, 404, 401]
    assert [api(user).get(to_group(group)).status_code for user in (alice, bob, carol, None)] == [200, 403, 404, 401]
    Membership.objects.filter(user=bob).update(role="moderator")
    assert api(bob).post(to_group(group), body).status_code == 201
    assert api(bob).get(to_group(group)).json()["count"] == 1


def test_each_name_that_is_no_good_is_named_with_its_reason(group, alice, bob, carol, make_user, invitation, api):
    make_user("dora")
    User.objects.filter(pk=make_user("gone").pk).update(is_active=False)
    names = ["dora", "nobody", "Bob", "alice", "carol", "gone"]
    answer = api(alice).post(to_group(group), {"usernames": names})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert answer.json()["fields"] == {
        "usernames.1": ["There is no user nobody."],
        "usernames.2": ["Bob is a member already."],
        "usernames.3": ["You are in this group yourself."],
        "usernames.4": ["carol is invited already."],
        "usernames.5": ["There is no user gone."],
    }
    assert Invitation.objects.count() == 1  # nobody else was invited, Dora neither


@pytest.mark.parametrize(
    "names", [[], None, "carol", [""], [None], ["x" * 31], ["carol"] * 51, [["carol"]], ["{0.pk}"]]
)
def test_a_list_that_is_no_good_is_refused(group, alice, carol, api, names):
    answer = api(alice).post(to_group(group), {"usernames": names})
    assert answer.status_code == 400
    assert all(field.startswith("usernames") for field in answer.json()["fields"])
    assert not Invitation.objects.exists()


def test_a_name_given_twice_counts_once(group, alice, carol, api):
    assert len(api(alice).post(to_group(group), {"usernames": ["carol", "Carol"]}).json()) == 1


def test_accepting_makes_a_member(group, carol, invitation, api):
    answer = api(carol).post(answer_address(invitation, "accept"))
    assert answer.status_code == 200
    assert (answer.json()["id"], answer.json()["role"], answer.json()["members"]) == (str(group.pk), "member", 3)
    assert api(carol).get(MINE).json()["count"] == 0
    assert Invitation.objects.get().status == "accepted"


def test_declining_makes_none_and_leaves_room_for_another_invitation(group, alice, carol, invitation, api):
    assert api(carol).post(answer_address(invitation, "decline")).status_code == 204
    assert selectors.membership(carol, group.pk) is None
    assert api(carol).get(MINE).json()["count"] == 0
    assert api(alice).post(to_group(group), {"usernames": ["carol"]}).status_code == 201


@pytest.mark.parametrize("verb", ["accept", "decline"])
def test_the_invitee_alone_answers(group, alice, bob, make_user, invitation, api, verb):
    users = (alice, bob, make_user("dora"), None)
    assert [api(user).post(answer_address(invitation, verb)).status_code for user in users] == [404, 404, 404, 401]
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


def test_who_let_an_invitation_expire_can_be_asked_again(group, alice, carol, invitation, api):
    expire(invitation)
    (again,) = api(alice).post(to_group(group), {"usernames": ["carol"]}).json()
    assert again["id"] != str(invitation.pk)
    invitation.refresh_from_db()
    assert invitation.status == "expired"
    assert api(carol).post(answer_address(invitation, "accept")).json()["code"] == "invitation_expired"
    assert api(carol).post(f"{MINE}{again['id']}/accept/").status_code == 200


def test_the_database_itself_allows_one_open_invitation_a_person(group, alice, carol, invitation):
    key = pending_key(group.pk, carol.pk)
    with pytest.raises(IntegrityError), transaction.atomic():
        Invitation.objects.create(group=group, invitee=carol, inviter=alice, pending_key=key)


def test_two_acceptances_at_once_make_one_member(transactional_db, group, carol, invitation):
    outcomes = race(*[lambda: services.accept(user=carol, invitation_id=invitation.pk)] * 4)
    assert sum(isinstance(outcome, Membership) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, InvitationClosed) for outcome in outcomes) == 3
    assert Membership.objects.filter(group=group, user=carol).count() == 1


def test_accepting_and_declining_at_once_agree_with_the_membership(transactional_db, group, carol, invitation):
    race(
        lambda: services.accept(user=carol, invitation_id=invitation.pk),
        lambda: services.decline(user=carol, invitation_id=invitation.pk),
    )
    accepted = Invitation.objects.get().status == "accepted"
    assert Membership.objects.filter(group=group, user=carol).exists() == accepted


def test_two_inviters_at_once_send_one_invitation(transactional_db, group, alice, bob, carol):
    Membership.objects.filter(user=bob).update(role="moderator")
    outcomes = race(
        *(lambda who=who: services.invite(inviter=who, group_id=group.pk, usernames=["carol"]) for who in (alice, bob))
    )
    assert sum(isinstance(outcome, list) for outcome in outcomes) == 1
    (refused,) = [outcome for outcome in outcomes if isinstance(outcome, Invalid)]
    assert refused.fields == {"usernames.0": ["carol is invited already."]}
    assert Invitation.objects.count() == 1


def test_an_invitation_outlives_the_account_of_who_sent_it(group, alice, bob, carol, api):
    Membership.objects.filter(user=bob).update(role="moderator")
    services.invite(inviter=bob, group_id=group.pk, usernames=["carol"])
    bob.delete()
    (row,) = api(carol).get(MINE).json()["results"]
    assert row["inviter"] is None
