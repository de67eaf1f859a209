"""Withdrawing invitations, answering all at once, and the races between them."""

from uuid import uuid4

import pytest

from groups import selectors, services
from groups.errors import InvitationClosed
from groups.models import Invitation, Membership
from tests.groups.conftest import invite
from tests.groups.test_invitations import MINE, answer_address, expire, to_group
from tests.support.racing import race

# Withdrawing


def test_leaders_withdraw_an_invitation_and_the_invitee_is_notified(
    crew, alice, carol, make_user, api, notified
):
    for leader, name in ((alice, "eve"), (carol, "fay")):
        invitation = invite(alice, crew, make_user(name).username)
        assert api(leader).delete(f"{to_group(crew)}{invitation.pk}/").status_code == 204
        assert notified(invitation.invitee) == ["invited", "invitation_withdrawn"]
        answer = api(invitation.invitee).post(answer_address(invitation, "accept"))
        assert (answer.status_code, answer.json()["code"]) == (409, "invitation_closed")
        assert invite(alice, crew, name)


def test_nobody_else_withdraws_it_and_none_of_another_group(
    group, alice, bob, carol, invitation, api
):
    mine = f"{to_group(group)}{invitation.pk}/"
    assert [api(user).delete(mine).status_code for user in (bob, carol, None)] == [403, 404, 401]
    other = services.create_group(owner=alice, name="Other")
    assert api(alice).delete(f"{to_group(other)}{invitation.pk}/").status_code == 404
    assert api(alice).delete(f"{to_group(group)}{uuid4()}/").status_code == 404
    assert Invitation.objects.get().status == "pending"


def test_what_is_answered_or_expired_cannot_be_withdrawn(group, alice, carol, invitation, api):
    address = f"{to_group(group)}{invitation.pk}/"
    services.decline(user=carol, invitation_id=invitation.pk)
    assert api(alice).delete(address).json()["code"] == "invitation_closed"
    Invitation.objects.update(status="pending")
    expire(invitation)
    assert api(alice).delete(address).json()["code"] == "invitation_expired"


def test_accepted_while_it_is_withdrawn_an_invitation_has_one_final_status(
    transactional_db, group, alice, carol, invitation
):
    outcomes = race(
        lambda: services.accept(user=carol, invitation_id=invitation.pk),
        lambda: services.withdraw(leader=alice, group_id=group.pk, invitation_id=invitation.pk),
    )
    assert sum(isinstance(outcome, InvitationClosed) for outcome in outcomes) == 1
    accepted = Invitation.objects.get().status == "accepted"
    assert Membership.objects.filter(group=group, user=carol).exists() == accepted


# All at once


@pytest.fixture
def three(alice, bob, carol):
    """Carol is invited to three groups; one of the invitations has expired."""
    groups = [
        services.create_group(owner=owner, name=f"Group of {owner}") for owner in (alice, bob)
    ]
    sent = [
        invite(owner, group, "carol") for owner, group in zip((alice, bob), groups, strict=True)
    ]
    expire(invite(alice, services.create_group(owner=alice, name="Too late"), "carol"))
    return sent


def test_all_invitations_are_accepted_together(three, alice, bob, carol, api, notified):
    answer = api(carol).post(f"{MINE}accept-all/")
    assert answer.status_code == 200
    assert set(answer.json()["joined"]) == {str(invitation.group_id) for invitation in three}
    assert selectors.groups_of(carol).count() == 2
    assert (notified(alice), notified(bob)) == (["invitation_accepted"], ["invitation_accepted"])
    assert api(carol).post(f"{MINE}accept-all/").json() == {"joined": []}


def test_all_invitations_are_declined_together(three, alice, carol, api, notified):
    answer = api(carol).post(f"{MINE}decline-all/")
    assert (answer.status_code, answer.json()) == (200, {"declined": 2})
    assert not selectors.groups_of(carol).exists()
    assert notified(alice) == ["invitation_declined"]
    assert api(carol).post(f"{MINE}decline-all/").json() == {"declined": 0}


def test_nobody_answers_for_another(three, alice, api):
    assert api(alice).post(f"{MINE}accept-all/").json() == {"joined": []}
    assert api(alice).post(f"{MINE}decline-all/").json() == {"declined": 0}
    assert [api().post(f"{MINE}{verb}-all/").status_code for verb in ("accept", "decline")] == [
        401,
        401,
    ]
    assert Invitation.objects.open().count() == 2


def test_all_accepted_while_all_are_declined_each_has_one_answer(transactional_db, three, carol):
    joined, declined = race(lambda: services.accept_all(carol), lambda: services.decline_all(carol))
    assert len(joined) + declined == 2
    assert selectors.groups_of(carol).count() == len(joined)
