"""Links and invitations end when the right to give them out is taken away."""

import pytest

from accounts import services as accounts
from accounts.models import User
from core.errors import Forbidden
from groups import services
from groups.models import Invitation, InviteLink, Membership
from tests.conftest import PASSWORD
from tests.groups.conftest import invite

JOIN, NEW = "/api/groups/join/", "another-good-one-23"


@pytest.fixture
def moderator(group, bob):
    Membership.objects.filter(user=bob).update(role="moderator")
    return bob


def remove(group, alice, bob):
    services.remove_member(remover=alice, group_id=group.pk, user_id=bob.pk)


def demote(group, alice, bob):
    services.set_role(owner=alice, group_id=group.pk, user_id=bob.pk, role="member")


def change_password(group, alice, bob):
    accounts.change_password(user=bob, old=PASSWORD, new=NEW)


def log_out_everywhere(group, alice, bob):
    accounts.end_all_sessions(bob)


ENDS = [remove, demote, change_password, log_out_everywhere]


@pytest.mark.parametrize("end", ENDS)
def test_what_a_leader_gave_out_ends_with_their_right(
    group, alice, moderator, carol, make_user, api, notified, end
):
    theirs = invite(moderator, group, "carol")
    kept = invite(alice, group, make_user("dora").username)
    _, link = services.make_link(maker=moderator, group_id=group.pk, days=1, uses=3)
    end(group, alice, moderator)
    assert api(carol).post("/api/invitations/accept-all/").json()["joined"] == []
    assert api(carol).post(f"/api/invitations/{theirs.pk}/accept/").status_code == 409
    assert api(carol).post(JOIN, {"code": link}).status_code == 404
    assert notified(carol) == ["invited", "invitation_withdrawn"]
    assert Invitation.objects.open().get() == kept
    assert invite(alice, group, "carol"), "another leader can invite them again"


def test_who_becomes_moderator_or_owner_keeps_what_they_gave_out(group, alice, moderator, carol):
    invite(alice, group, "carol")
    services.make_link(maker=alice, group_id=group.pk, days=1, uses=3)
    services.hand_over(owner=alice, group_id=group.pk, user_id=moderator.pk)
    assert Invitation.objects.open().exists()
    assert InviteLink.objects.exists()


@pytest.mark.parametrize("end", ENDS)
def test_a_request_that_began_before_gives_nothing_out(
    group, alice, moderator, carol, notified, monkeypatch, end
):
    before = User.objects.get(pk=moderator.pk)
    checked = services.permissions.require_leader

    def meanwhile(user, group_id):
        membership = checked(user, group_id)
        end(group, alice, moderator)
        return membership

    with monkeypatch.context() as patch:
        patch.setattr(services.invitations, "require_leader", meanwhile)
        with pytest.raises(Forbidden):
            services.invite(inviter=before, group_id=group.pk, usernames=["carol"])
    assert not Invitation.objects.open().exists()
    assert notified(carol) == []


def test_a_link_of_a_request_that_began_before_is_not_made(group, alice, moderator, monkeypatch):
    before = User.objects.get(pk=moderator.pk)
    checked = services.permissions.require_leader

    def meanwhile(user, group_id):
        membership = checked(user, group_id)
        demote(group, alice, moderator)
        return membership

    monkeypatch.setattr(services.links, "require_leader", meanwhile)
    with pytest.raises(Forbidden):
        services.make_link(maker=before, group_id=group.pk, days=1, uses=3)
    assert not InviteLink.objects.exists()
