"""Deleting a group, and what may come in between."""

from uuid import uuid4

import pytest

from accounts.models import Notification
from core.errors import FirmlightError, NotFound
from groups import services
from groups.models import Group, Invitation, InviteLink, JoinRequest, Membership
from groups.signals import group_closed, group_closing
from tests.groups.conftest import invite
from tests.support.racing import race


def address(group):
    return f"/api/groups/{group.pk}/"


@pytest.fixture
def while_closing():
    """while_closing(do): `do()` is called between the announcement and the deletion."""
    connected = []

    def connect(do):
        def receive(sender, **_):
            do()

        connected.append(receive)
        group_closing.connect(receive)

    yield connect
    for receive in connected:
        group_closing.disconnect(receive)


def test_the_owner_deletes_the_group_and_the_other_members_are_notified(
    crew, alice, bob, carol, api, notified
):
    assert api(alice).delete(address(crew)).status_code == 204
    assert not Group.objects.exists()
    assert not Membership.objects.exists()
    assert (notified(alice), notified(bob), notified(carol)) == (
        [],
        ["group_deleted"],
        ["group_deleted"],
    )
    note = Notification.objects.filter(user=bob).get()
    assert (note.level, note.text) == ("warning", "alice has deleted the group Lab Seven.")
    assert note.group_id == crew.pk
    assert [api(user).get(address(crew)).status_code for user in (alice, bob)] == [404, 404]


def test_nobody_else_does(crew, bob, carol, make_user, api):
    users = (bob, carol, make_user("eve"), None)
    assert [api(user).delete(address(crew)).status_code for user in users] == [403, 403, 404, 401]
    assert api(bob).delete(f"/api/groups/{uuid4()}/").status_code == 404
    assert Group.objects.exists()


def test_invitations_requests_and_links_are_deleted_with_it(group, alice, carol, make_user, api):
    invitation = invite(alice, group, "carol")
    services.update_group(editor=alice, group_id=group.pk, joining="ask")
    request = services.ask_to_join(user=make_user("eve"), group_id=group.pk)
    _, code = services.make_link(maker=alice, group_id=group.pk, days=1, uses=1)
    services.delete_group(user=alice, group_id=group.pk)
    assert api(carol).get("/api/invitations/").json()["count"] == 0
    assert api(carol).post(f"/api/invitations/{invitation.pk}/accept/").status_code == 404
    assert api(request.user).delete(f"/api/join-requests/{request.pk}/").status_code == 404
    assert api(carol).post("/api/groups/join/", {"code": code}).status_code == 404
    assert not any(model.objects.exists() for model in (Invitation, JoinRequest, InviteLink))


def test_signals_are_sent_before_and_after_a_deletion(group, alice, bob, heard):
    services.delete_group(user=alice, group_id=group.pk)
    facts = {"group_id": group.pk, "members": [alice.pk, bob.pk], "closed_by": alice.pk}
    assert heard == [("group_closing", True, facts), ("group_closed", False, facts)]


def test_nobody_comes_in_while_it_closes(group, alice, carol, while_closing):
    invitation = invite(alice, group, "carol")
    _, code = services.make_link(maker=alice, group_id=group.pk, days=1, uses=1)
    outcomes = []

    def try_to_join():
        with pytest.raises(NotFound):
            services.accept(user=carol, invitation_id=invitation.pk)
        with pytest.raises(NotFound):
            services.join_by_code(user=carol, code=code)
        outcomes.append("refused")

    while_closing(try_to_join)
    services.delete_group(user=alice, group_id=group.pk)
    assert outcomes == ["refused"]


def test_an_error_of_a_receiver_stops_the_deletion(group, alice, while_closing, roles):
    def fail():
        raise ConnectionError

    while_closing(fail)
    with pytest.raises(ConnectionError):
        services.delete_group(user=alice, group_id=group.pk)
    assert roles(group) == {"alice": "owner", "bob": "member"}


def test_what_fails_afterwards_does_not_undo_it(group, alice, bob, notified):
    def fail(sender, **_):
        raise ConnectionError

    group_closed.connect(fail)
    try:
        services.delete_group(user=alice, group_id=group.pk)
    finally:
        group_closed.disconnect(fail)
    assert notified(bob) == ["group_deleted"]


def test_simultaneous_deletions_are_one_deletion(transactional_db, crew, alice, bob, notified):
    outcomes = race(*[lambda: services.delete_group(user=alice, group_id=crew.pk)] * 3)
    assert all(outcome is None or isinstance(outcome, NotFound) for outcome in outcomes), outcomes
    assert notified(bob) == ["group_deleted"]


def test_members_may_leave_while_it_closes(transactional_db, crew, alice, bob, carol):
    outcomes = race(
        lambda: services.delete_group(user=alice, group_id=crew.pk),
        lambda: services.leave_group(user=bob, group_id=crew.pk),
        lambda: services.leave_group(user=carol, group_id=crew.pk),
    )
    assert all(outcome is None or isinstance(outcome, FirmlightError) for outcome in outcomes), (
        outcomes
    )
    assert not Group.objects.exists()
