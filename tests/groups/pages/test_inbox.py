"""Invitations and notifications."""

from __future__ import annotations

import pytest

from accounts.models import Notification
from accounts.notifications import notify
from groups import services
from groups.models import Invitation, Membership
from tests.support.pages import words


@pytest.fixture
def invited(group, alice, carol):
    """Carol is invited to two groups."""
    other = services.create_group(owner=alice, name="Night shift")
    for one in (group, other):
        services.invite(inviter=alice, group_id=one.pk, usernames=["carol"])
    return carol


def test_an_invitation_is_accepted_or_declined_from_the_page(group, invited, browser):
    client = browser(invited)
    assert "Night shift" in words(client.get("/notifications/"))
    first, second = (
        Invitation.objects.get(group=group),
        Invitation.objects.exclude(group=group).get(),
    )
    assert (
        client.post(f"/invitations/{first.pk}/accept/").headers["Location"]
        == f"/groups/{group.pk}/"
    )
    client.post(f"/invitations/{second.pk}/decline/")
    assert [m.group_id for m in Membership.objects.filter(user=invited)] == [group.pk]


def test_all_invitations_are_accepted_or_declined_from_the_page(invited, browser):
    browser(invited).post("/invitations/accept/")
    assert Membership.objects.filter(user=invited).count() == 2


def test_all_invitations_are_declined_from_the_page(invited, browser):
    browser(invited).post("/invitations/decline/")
    assert not Invitation.objects.open().exists()


def test_nobody_answers_for_another_one(group, invited, bob, browser):
    invitation = Invitation.objects.get(group=group)
    assert browser(bob).post(f"/invitations/{invitation.pk}/accept/").status_code == 404


def test_notifications_are_read_and_deleted_one_by_one_and_all_together(alice, browser):
    for text in ("One", "Two", "Three"):
        notify([alice.pk], code="test", level="info", text=text)
    client, part = browser(alice), browser(alice, htmx=True)
    one, two, _ = Notification.objects.order_by("created")
    assert "Unread" not in words(part.post(f"/notifications/{one.pk}/read/"))
    assert part.post(f"/notifications/{two.pk}/delete/").content == b""
    assert Notification.objects.filter(user=alice, read=None).count() == 1
    assert "1 unread" in words(client.get("/notifications/"))
    client.post("/notifications/read/")
    assert "All read" in words(client.get("/notifications/"))
    client.post("/notifications/delete/")
    assert not Notification.objects.exists()


def test_nobody_reads_or_deletes_somebody_elses_notifications(alice, bob, browser):
    notify([alice.pk], code="test", level="info", text="One")
    note = Notification.objects.get()
    for action in ("read", "delete"):
        assert browser(bob).post(f"/notifications/{note.pk}/{action}/").status_code == 404


def test_a_long_list_has_pages(alice, browser, settings):
    settings.PAGE_ROWS = 2
    for i in range(5):
        notify([alice.pk], code="test", level="info", text=f"Note {i}")
    assert "1 to 2 of 5" in words(browser(alice).get("/notifications/"))
    assert "5 to 5 of 5" in words(browser(alice).get("/notifications/?page=99"))
