"""The pages of groups: the list, and everything that is done in one."""

from __future__ import annotations

import pytest
from django.test import override_settings

from firmlight_client import kinds
from groups import services
from groups.models import Group, Invitation, InviteLink, JoinRequest, Membership
from tasks.models import Task, Worker
from tasks.queue import connections
from tests.support.pages import beside, words

WHOLE = {"name": "Night shift", "description": "", "joining": "ask", "submitting": "leaders"}


@pytest.fixture
def at(group):
    """at("members/"): an address below the group's."""
    return lambda rest="": f"/groups/{group.pk}/{rest}"


def role_of(group, user):
    return Membership.objects.get(group=group, user=user).role


def test_the_list_is_searched_and_narrowed(group, alice, bob, browser):
    services.create_group(owner=bob, name="Night shift", description="Sleepless")
    services.star(user=bob, group_id=group.pk, starred=True)
    shown = lambda query: words(browser(bob, htmx=True).get(f"/groups/{query}"))  # noqa: E731
    assert "Lab Seven" in shown("") and "Night shift" in shown("")
    assert "Lab Seven" not in shown("?q=sleep") and "Night shift" in shown("?q=sleep")
    assert "Lab Seven" in shown("?show=starred") and "Night shift" not in shown("?show=starred")
    assert "Lab Seven" not in shown("?show=mine") and "Night shift" in shown("?show=mine")
    assert "No group matches" in shown("?q=nothing")


def test_a_search_that_makes_no_sense_breaks_nothing(alice, browser):
    for query in ("?q=%00", "?q=" + "x" * 5000, "?show=nonsense", "?page=-1", "?q=%F0%9F%92%A9"):
        assert browser(alice).get(f"/groups/{query}").status_code == 200
        assert browser(alice).get(f"/groups/find/{query}").status_code == 200


def test_htmx_gets_the_list_alone(group, alice, browser):
    answer = browser(alice, htmx=True).get("/groups/?q=lab")
    assert b"<html" not in answer.content
    assert "Lab Seven" in words(answer)


def test_a_star_is_set_and_taken_away(group, bob, at, browser):
    answer = browser(bob, htmx=True).post(at("star/"), {"starred": "true"})
    assert b'aria-pressed="true"' in answer.content
    assert browser(bob).post(at("star/"), {"starred": "false"}).status_code == 302
    assert not Membership.objects.get(group=group, user=bob).starred


def test_a_group_is_made_and_its_rules_are_kept(alice, browser):
    answer = browser(alice).post("/groups/new/", WHOLE)
    group = Group.objects.get(name="Night shift")
    assert answer.headers["Location"] == f"/groups/{group.pk}/"
    assert (group.joining, group.submitting) == ("ask", "leaders")


@pytest.mark.parametrize(
    ("name", "why"), [("Lab seven", "already"), ("x", "3 to 30"), ("a\u200bbc", "cannot be seen")]
)
def test_a_name_that_is_no_good_is_refused_beside_its_field(group, alice, browser, name, why):
    assert why in beside(browser(alice).post("/groups/new/", WHOLE | {"name": name}), "name")


def test_only_the_owner_changes_a_group(group, alice, bob, at, browser):
    assert browser(bob).post(at("settings/"), WHOLE).status_code == 403
    browser(alice).post(at("settings/"), WHOLE)
    group.refresh_from_db()
    assert group.name == "Night shift"


def test_the_owner_and_moderators_say_how_much_is_checked(group, alice, bob, at, browser):
    change = {"verify_default": "sample"}
    assert browser(bob).post(at("settings/"), change).status_code == 403
    assert "At least a sample of every task" not in words(browser(bob).get(at("settings/")))
    Membership.objects.filter(user=bob).update(role="moderator")
    assert browser(bob).post(at("settings/"), WHOLE | change).status_code == 302
    group.refresh_from_db()
    assert (group.verify_default, group.name) == ("sample", "Lab Seven")
    browser(alice).post(at("settings/"), WHOLE | {"verify_default": "all"})
    group.refresh_from_db()
    assert (group.verify_default, group.name) == ("all", "Night shift")
    assert "Every task as a whole" in words(browser(bob).get(at("settings/")))


def test_names_are_shown_as_text_whatever_is_in_them(alice, browser):
    group = services.create_group(
        owner=alice, name="<b>bold</b>", description="<script>alert(1)</script>"
    )
    for address in (
        "/groups/",
        f"/groups/{group.pk}/",
        f"/groups/{group.pk}/settings/",
        f"/groups/{group.pk}/leave/",
    ):
        html = browser(alice).get(address).content
        assert b"<b>bold" not in html and b"<script>alert" not in html
        assert b"&lt;b&gt;bold" in html


def test_the_page_of_a_group_lists_tasks_and_narrows_them(group, bob, at, browser):
    for title, status in (("One", "running"), ("Two", "failed")):
        Task.objects.create(
            group=group, creator=bob, kind="ECHO", kind_version="1", title=title, status=status
        )
    assert "One" in words(browser(bob).get(at()))
    failed = words(browser(bob, htmx=True).get(at("?status=failed")))
    assert "Two" in failed and "One" not in failed
    assert "No task matches" in words(browser(bob).get(at("?search=three")))


def test_the_page_of_a_group_shows_workers_that_are_here(group, bob, at, browser, beat):
    assert "Tasks wait until a member starts one" in words(browser(bob).get(at()))
    beat(Worker.objects.create(owner=bob, name="old desk", slots=3))
    text = words(browser(bob).get(at()))
    assert "old desk" in text and "0 of 3 slots lit" in text
    assert "1 online" in words(browser(bob).get("/groups/"))


@pytest.fixture
def beat(group):
    """beat(worker): the worker is heard of now."""
    echo = f"ECHO@{kinds.get('ECHO').version}"
    return lambda worker: connections.beat(
        group.pk, worker=worker.pk, conn="c1", kinds=[echo], slots=worker.slots, leases=[]
    ).now()


def test_several_are_invited_together_and_bad_names_stay_in_the_field(
    group, alice, carol, make_user, at, browser
):
    make_user("dora")
    client = browser(alice)
    answer = client.post(at("invitations/"), {"usernames": "carol, dora nobody bob"})
    assert Invitation.objects.open().count() == 2
    assert "There is no user nobody." in beside(answer, "usernames")
    assert "bob is a member already." in beside(answer, "usernames")
    assert b'value="nobody bob"' in answer.content
    assert "carol is invited." in words(answer)


def test_names_are_suggested_without_addresses_and_to_leaders_only(
    group, alice, bob, carol, at, browser
):
    answer = browser(alice, htmx=True).get(at("invitations/people/?usernames=dora,+car"))
    assert b'<option value="dora, carol">' in answer.content
    assert b"@" not in answer.content
    assert browser(bob).get(at("invitations/people/?usernames=car")).status_code == 403
    assert browser(carol).get(at("invitations/people/?usernames=car")).status_code == 404


def test_an_invitation_is_withdrawn(group, alice, carol, at, browser):
    services.invite(inviter=alice, group_id=group.pk, usernames=["carol"])
    invitation = Invitation.objects.get()
    browser(alice).post(at(f"invitations/{invitation.pk}/withdraw/"))
    client = browser(carol)
    client.post(f"/invitations/{invitation.pk}/accept/")
    assert not Membership.objects.filter(user=carol).exists()
    assert "already answered or withdrawn" in words(client.get("/groups/"))


def test_a_link_is_shown_once_and_joining_is_a_second_step(group, alice, carol, at, browser):
    answer = browser(alice).post(at("links/"), {"days": 3, "uses": 1})
    code = InviteLink.objects.get() and words(answer).partition("/join/")[2].split("/")[0]
    assert code not in words(browser(alice).get(at("invitations/")))
    client = browser(carol)
    assert (
        client.post("/groups/code/", {"code": code.lower()}).headers["Location"]
        == f"/join/{code.lower()}/"
    )
    assert "Join Lab Seven?" in words(client.get(f"/join/{code}/"))
    assert not Membership.objects.filter(user=carol).exists()
    assert client.post(f"/join/{code}/").headers["Location"] == at()
    assert browser(alice).get("/join/AAAA-AAAA-AAAA/").status_code == 404


def test_a_link_says_what_is_wrong_with_its_numbers_and_is_withdrawn(group, alice, at, browser):
    with override_settings(LINK_DAYS_MAX=30):
        assert "30" in beside(browser(alice).post(at("links/"), {"days": 31, "uses": 1}), "days")
    browser(alice).post(at("links/"), {"days": 3, "uses": 1})
    browser(alice).post(at(f"links/{InviteLink.objects.get().pk}/withdraw/"))
    assert not InviteLink.objects.exists()


def test_a_wrong_code_is_reported_beside_the_field(alice, browser):
    assert "no group with this code" in words(
        browser(alice).post("/groups/code/", {"code": "nonsense"})
    )


def test_a_join_request_is_accepted_or_declined(group, alice, carol, make_user, at, browser):
    services.update_group(editor=alice, group_id=group.pk, joining="ask")
    dora = make_user("dora")
    for user in (carol, dora):
        assert "Lab Seven" in words(browser(user).get("/groups/find/"))
        browser(user).post(at("ask/"))
    hers, doras = JoinRequest.objects.get(user=carol), JoinRequest.objects.get(user=dora)
    browser(alice).post(at(f"requests/{hers.pk}/answer/"), {"accepted": "true"})
    browser(alice).post(at(f"requests/{doras.pk}/answer/"), {"accepted": "false"})
    assert role_of(group, carol) == "member"
    assert not Membership.objects.filter(user=dora).exists()


def test_a_request_is_taken_back(group, alice, carol, at, browser):
    services.update_group(editor=alice, group_id=group.pk, joining="ask")
    browser(carol).post(at("ask/"))
    browser(carol).post(f"/groups/requests/{JoinRequest.objects.get().pk}/withdraw/")
    assert not JoinRequest.objects.open().exists()


def test_the_owner_appoints_hands_over_and_removes(group, alice, bob, carol, at, browser):
    Membership.objects.create(group=group, user=carol)
    browser(alice).post(at(f"members/{bob.pk}/role/"), {"role": "moderator"})
    assert role_of(group, bob) == "moderator"
    assert "Remove carol from Lab Seven?" in words(
        browser(bob).get(at(f"members/{carol.pk}/remove/"))
    )
    browser(bob).post(at(f"members/{carol.pk}/remove/"))
    assert not Membership.objects.filter(user=carol).exists()
    browser(alice).post(at(f"members/{bob.pk}/hand-over/"))
    assert (role_of(group, alice), role_of(group, bob)) == ("moderator", "owner")


def test_a_member_appoints_and_removes_nobody(group, alice, bob, carol, at, browser):
    Membership.objects.create(group=group, user=carol)
    assert (
        browser(bob).post(at(f"members/{carol.pk}/role/"), {"role": "moderator"}).status_code == 403
    )
    assert browser(bob).post(at(f"members/{carol.pk}/remove/")).status_code == 403
    assert browser(bob).get(at(f"members/{carol.pk}/hand-over/")).status_code == 403
    assert role_of(group, carol) == "member"


def test_the_list_offers_removal_to_those_who_may_remove(group, alice, bob, carol, at, browser):
    Membership.objects.create(group=group, user=carol)
    Membership.objects.filter(user=bob).update(role="moderator")

    def offered(user) -> set[str]:
        text = browser(user).get(at("members/")).text
        people = (alice, bob, carol)
        return {one.username for one in people if at(f"members/{one.pk}/remove/") in text}

    assert offered(alice) == {"bob", "carol"}
    assert offered(bob) == {"carol"}
    assert offered(carol) == set()


def test_leaders_say_who_only_works(group, alice, bob, at, browser):
    browser(alice).post(at(f"members/{bob.pk}/submitting/"), {"submitting": "never"})
    assert not Membership.objects.get(group=group, user=bob).may_submit
    assert "only works" in words(browser(bob).get(at("members/")))


def test_leaving_and_deleting_ask_first(group, alice, bob, at, browser):
    assert "Leave Lab Seven?" in words(browser(bob).get(at("leave/")))
    browser(bob).post(at("leave/"))
    assert not Membership.objects.filter(user=bob).exists()
    assert "Delete Lab Seven?" in words(browser(alice).get(at("delete/")))
    browser(alice).post(at("delete/"))
    assert not Group.objects.exists()
