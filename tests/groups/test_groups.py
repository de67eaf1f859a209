"""Making, seeing and changing groups: the owner, a member, a stranger, nobody."""

from uuid import uuid4

import pytest

from accounts.models import Notification, User
from core.errors import Invalid
from groups import selectors, services
from groups.models import Group, Membership
from tests.conftest import PASSWORD
from tests.groups.conftest import invite
from tests.support.racing import race

GROUPS = "/api/groups/"


def address(group, rest=""):
    return f"{GROUPS}{group.pk}/{rest}"


def test_the_creator_of_a_group_owns_it(alice, api):
    answer = api(alice).post(
        GROUPS, {"name": "  Lab   Seven ", "description": "The machines upstairs"}
    )
    assert answer.status_code == 201
    body = answer.json()
    assert body.pop("created")
    assert body == {
        "id": body["id"],
        "name": "Lab Seven",
        "description": "The machines upstairs",
        "joining": "invited",
        "submitting": "members",
        "verify_default": "",
        "role": "owner",
        "may_submit": True,
        "starred": False,
        "members": 1,
    }
    (listed,) = api(alice).get(GROUPS).json()["results"]
    assert listed == api(alice).get(f"{GROUPS}{body['id']}/").json()
    assert listed.items() >= body.items()
    note = Notification.objects.get()
    assert (note.user, note.code, note.level, note.text) == (
        alice,
        "group_created",
        "success",
        "You have created the group Lab Seven.",
    )


@pytest.mark.parametrize(
    "name",
    [
        *("LAB SEVEN", "lab  seven ", "Ｌab Seven", "lab\tseven"),
        *("Lab Seven\ufe0f", "Lab\u2800Seven"),
    ],
)
def test_a_name_is_taken_in_every_spelling_that_looks_the_same(group, carol, api, name):
    answer = api(carol).post(GROUPS, {"name": name})
    assert (answer.status_code, answer.json()["fields"].keys()) == (400, {"name"})
    assert Group.objects.count() == 1


@pytest.mark.parametrize(
    "name", ["ab", " a  ", "x" * 31, "", "a\u200bbc", "a\x07bc", None, "x" * 500, "\u202eabc"]
)
def test_a_bad_name_is_refused_with_its_field(alice, api, name):
    answer = api(alice).post(GROUPS, {"name": name})
    assert (answer.status_code, answer.json()["fields"].keys()) == (400, {"name"})


@pytest.mark.parametrize("name", ["abc", "Über-Straße 7", "計算機室", "ΐ" * 30, "ß" * 30])
def test_names_of_every_language_are_taken(alice, api, name):
    assert api(alice).post(GROUPS, {"name": name}).json()["name"] == name


def test_a_description_has_at_most_120_characters(alice, api):
    answer = api(alice).post(GROUPS, {"name": "abc", "description": "x" * 121})
    assert (answer.status_code, answer.json()["fields"].keys()) == (400, {"description"})
    assert api(alice).post(GROUPS, {"name": "abc", "description": "x" * 120}).status_code == 201


def test_of_two_who_take_one_name_simultaneously_one_gets_it(transactional_db, alice):
    outcomes = race(
        *(
            lambda i=i: services.create_group(owner=alice, name=["Lab", "LAB"][i % 2])
            for i in range(4)
        )
    )
    assert sum(isinstance(outcome, Group) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, Invalid) for outcome in outcomes) == 3
    assert Membership.objects.count() == 1


def test_everybody_lists_their_own_groups_starred_ones_first(group, alice, bob, carol, api):
    other = services.create_group(owner=bob, name="Zebra")
    Membership.objects.filter(group=other, user=bob).update(starred=True)
    rows = api(bob).get(GROUPS).json()["results"]
    assert [(row["name"], row["role"], row["members"]) for row in rows] == [
        ("Zebra", "owner", 1),
        ("Lab Seven", "member", 2),
    ]
    assert [row["name"] for row in api(alice).get(GROUPS).json()["results"]] == ["Lab Seven"]
    assert api(carol).get(GROUPS).json()["count"] == 0


def test_a_group_is_seen_by_its_people_only(group, alice, bob, carol, api):
    assert [api(user).get(address(group)).status_code for user in (alice, bob, carol, None)] == [
        200,
        200,
        404,
        401,
    ]
    assert api(bob).get(address(group)).json()["role"] == "member"
    assert api(carol).get(address(group)).json() == api(carol).get(f"{GROUPS}{uuid4()}/").json()


def test_only_the_owner_changes_it(group, alice, bob, carol, api):
    Membership.objects.filter(user=bob).update(role="moderator")
    bodies = {"name": "Lab 8", "description": ""}
    assert [api(user).patch(address(group), bodies).status_code for user in (bob, carol, None)] == [
        403,
        404,
        401,
    ]
    answer = api(alice).patch(address(group), bodies)
    assert (answer.status_code, answer.json()["name"], answer.json()["description"]) == (
        200,
        "Lab 8",
        "",
    )
    assert api(alice).post(GROUPS, {"name": "lab 8"}).status_code == 400
    assert api(alice).post(GROUPS, {"name": "Lab Seven"}).status_code == 201


def test_a_group_may_change_the_case_of_its_name_but_not_take_another_ones(
    group, alice, carol, api
):
    services.create_group(owner=carol, name="Zebra")
    assert api(alice).patch(address(group), {"name": "LAB seven"}).json()["name"] == "LAB seven"
    answer = api(alice).patch(address(group), {"name": "zebra"})
    assert (answer.status_code, answer.json()["fields"].keys()) == (400, {"name"})
    assert api(alice).patch(address(group), {}).json()["name"] == "LAB seven"


def test_the_owner_chooses_how_people_come_in_and_who_submits(alice, api):
    rules = {"joining": "ask", "submitting": "leaders", "verify_default": "sample"}
    made = api(alice).post(GROUPS, {"name": "Open house", **rules}).json()
    assert made.items() >= rules.items()
    change = {"joining": "invited", "submitting": "members"}
    changed = api(alice).patch(f"{GROUPS}{made['id']}/", change).json()
    assert (changed["joining"], changed["submitting"], changed["name"]) == (
        "invited",
        "members",
        "Open house",
    )


def test_moderators_too_say_how_much_is_checked_but_change_nothing_else(
    group, alice, bob, carol, api
):
    change = {"verify_default": "all"}
    people = (bob, carol, None)
    assert [api(user).patch(address(group), change).status_code for user in people] == [
        403,
        404,
        401,
    ]
    Membership.objects.filter(user=bob).update(role="moderator")
    assert api(bob).patch(address(group), change).json()["verify_default"] == "all"
    both = {"verify_default": "", "description": "Changed"}
    assert api(bob).patch(address(group), both).status_code == 403
    assert api(bob).patch(address(group), {}).status_code == 403
    assert api(alice).patch(address(group), {"verify_default": ""}).json()["verify_default"] == ""


@pytest.mark.parametrize("value", ["none", "everything", None, 1, ["all"]])
def test_a_group_asks_for_checks_or_leaves_it_to_its_members(group, alice, api, value):
    answer = api(alice).patch(address(group), {"verify_default": value})
    assert (answer.status_code, answer.json()["fields"].keys()) == (400, {"verify_default"})


@pytest.mark.parametrize("setting", ["joining", "submitting"])
@pytest.mark.parametrize("value", ["", "everybody", None, 1, ["ask"]])
def test_a_setting_that_does_not_exist_is_refused(group, alice, api, setting, value):
    answer = api(alice).patch(address(group), {setting: value})
    assert (answer.status_code, answer.json()["fields"].keys()) == (400, {setting})


def test_everybody_stars_a_group_for_themselves(group, alice, bob, api):
    answer = api(bob).post(address(group, "star/"), {"starred": True})
    assert (answer.status_code, answer.json()["starred"]) == (200, True)
    assert api(alice).get(address(group)).json()["starred"] is False
    assert api(bob).post(address(group, "star/"), {"starred": False}).json()["starred"] is False


def test_a_star_is_for_members_and_is_set_or_not(group, alice, carol, api):
    star = address(group, "star/")
    assert [api(user).post(star, {"starred": True}).status_code for user in (carol, None)] == [
        404,
        401,
    ]
    assert api(carol).post(star, {}).status_code == 404
    assert [
        api(alice).post(star, body).status_code
        for body in ({}, {"starred": None}, {"starred": "x"})
    ] == [400] * 3


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", ["Über-Straße", "Zebra", "Lab Seven"]),
        ("?starred=true", ["Über-Straße", "Zebra"]),
        ("?starred=false", ["Lab Seven"]),
        ("?search=STRASSE", ["Über-Straße"]),
        ("?search=THIRD", ["Lab Seven"]),
        ("?search=e&starred=true", ["Über-Straße", "Zebra"]),
        ("?search=%25", []),
        ("?role=owner", ["Über-Straße", "Zebra"]),
        ("?role=member", ["Lab Seven"]),
    ],
)
def test_ones_groups_are_searched_by_name_and_description_and_filtered(
    group, bob, alice, api, query, names
):
    for name in ("Zebra", "Über-Straße"):
        services.star(
            user=bob, group_id=services.create_group(owner=bob, name=name).pk, starred=True
        )
    services.create_group(owner=alice, name="Not theirs")
    assert {row["name"] for row in api(bob).get(GROUPS + query).json()["results"]} == set(names)


@pytest.mark.parametrize(
    "query", ["?starred=perhaps", "?role=king", "?search=" + "x" * 121, "?search=%00"]
)
def test_a_filter_that_makes_no_sense_is_refused(bob, api, query):
    assert api(bob).get(GROUPS + query).status_code in (400, 200)
    assert api(bob).get(GROUPS + query).json().get("count", 0) == 0


def test_strangers_find_the_groups_that_may_be_asked_and_see_little_of_them(
    group, alice, bob, carol, api
):
    hidden = services.create_group(owner=alice, name="Hidden")
    assert api(carol).get(f"{GROUPS}joinable/").json()["results"] == []
    services.update_group(editor=alice, group_id=group.pk, joining="ask")
    about = {
        "id": str(group.pk),
        "name": "Lab Seven",
        "description": group.description,
        "members": 2,
    }
    assert api(carol).get(f"{GROUPS}joinable/").json()["results"] == [about]
    assert api(carol).get(f"{GROUPS}joinable/?search=seven").json()["count"] == 1
    assert api(carol).get(f"{GROUPS}joinable/?search=hidden").json()["count"] == 0
    assert [api(user).get(f"{GROUPS}joinable/").json()["count"] for user in (alice, bob)] == [0, 0]
    assert api().get(f"{GROUPS}joinable/").status_code == 401
    assert [api(carol).get(address(one)).status_code for one in (group, hidden)] == [404, 404]


def test_a_stranger_cannot_see_what_is_wrong_with_their_input(group, carol, api):
    assert api(carol).patch(address(group), {"name": ""}).status_code == 404
    assert api(carol).post(address(group, "invitations/"), {}).status_code == 404


def test_members_see_each_other_without_addresses(group, alice, bob, carol, api):
    answer = api(bob).get(address(group, "members/"))
    rows = answer.json()["results"]
    assert [(row["user"]["username"], row["role"]) for row in rows] == [
        ("alice", "owner"),
        ("bob", "member"),
    ]
    assert b"example.org" not in answer.content
    members = address(group, "members/")
    assert [api(user).get(members).status_code for user in (alice, carol, None)] == [200, 404, 401]


def test_nobody_makes_or_lists_groups_without_a_token(api, db):
    assert [api().get(GROUPS).status_code, api().post(GROUPS, {"name": "abc"}).status_code] == [
        401,
        401,
    ]


def test_listing_groups_costs_a_few_queries_however_many_there_are(
    alice, api, django_assert_max_num_queries
):
    for i in range(10):
        services.create_group(owner=alice, name=f"Group {i}")
    client = api(alice)
    with django_assert_max_num_queries(3):
        assert client.get(GROUPS).json()["count"] == 10


def test_selectors_tell_the_other_apps_who_belongs_where(
    group, alice, bob, carol, django_assert_num_queries
):
    with django_assert_num_queries(1):
        membership = selectors.membership(alice, group.pk)
        assert (membership.group.name, membership.leads) == ("Lab Seven", True)
    assert not selectors.membership(bob, group.pk).leads
    assert selectors.membership(carol, group.pk) is None
    assert [selectors.may_submit(user, group.pk) for user in (alice, bob, carol)] == [
        True,
        True,
        False,
    ]
    assert list(selectors.groups_of(bob)) == [group]
    assert not selectors.groups_of(carol).exists()
    with django_assert_num_queries(1):
        assert selectors.group_ids_of(bob.pk) == {group.pk}
    assert selectors.group_ids_of(carol.pk) == set()


def test_the_admin_shows_groups_and_invitations(group, alice, carol, client):
    invite(alice, group, "carol")
    client.force_login(User.objects.create_superuser("root", "root@example.org", PASSWORD))
    for page in ("group/", f"group/{group.pk}/change/", "invitation/"):
        assert client.get(f"/admin/groups/{page}").status_code == 200
