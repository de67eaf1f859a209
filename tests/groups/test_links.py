"""Links and their codes: made, used, used up, expired, withdrawn, and the races between them."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.utils import timezone

from accounts.models import Notification, User
from core.errors import NotFound
from groups import codes, selectors, services
from groups.errors import LinkUsedUp
from groups.models import InviteLink, Membership
from tests.groups.conftest import invite
from tests.support.moments import stored
from tests.support.racing import race

JOIN = "/api/groups/join/"


def links_address(group, link=""):
    return f"/api/groups/{group.pk}/links/{link and f'{link}/'}"


@pytest.fixture
def make_link(group, alice):
    """make_link(uses=1): the code of a link that Alice has made."""
    return lambda days=1, uses=10: services.make_link(
        maker=alice, group_id=group.pk, days=days, uses=uses
    )[1]


def test_a_leader_makes_a_link_whose_code_is_shown_once(group, alice, bob, api):
    Membership.objects.filter(user=bob).update(role="moderator")
    answer = api(bob).post(links_address(group), {"days": 3, "uses": 5})
    assert answer.status_code == 201
    made = answer.json()
    code = made.pop("code")
    assert made.keys() == {"id", "creator", "uses_left", "created", "expires"}
    assert (made["creator"]["username"], made["uses_left"]) == ("bob", 5)
    row = InviteLink.objects.get()
    assert timedelta(days=2.9) < row.expires - timezone.now() <= timedelta(days=3)
    assert api(alice).get(links_address(group)).json()["results"] == [stored(made)]
    assert code.replace("-", "") not in str(vars(row))


def test_leaders_alone_make_see_and_withdraw_links(group, alice, bob, carol, make_link, api):
    make_link()
    link = InviteLink.objects.get().pk
    people = (bob, carol, None)
    assert [api(user).post(links_address(group), {}).status_code for user in people] == [
        403,
        404,
        401,
    ]
    assert [api(user).get(links_address(group)).status_code for user in people] == [403, 404, 401]
    assert [api(user).delete(links_address(group, link)).status_code for user in people] == [
        403,
        404,
        401,
    ]
    assert InviteLink.objects.count() == 1


@pytest.mark.parametrize(
    "form", [{"days": 0}, {"days": 31}, {"uses": 0}, {"uses": 1001}, {"days": "x"}, {"uses": None}]
)
def test_days_and_uses_have_limits(group, alice, api, form):
    answer = api(alice).post(links_address(group), form)
    assert (answer.status_code, answer.json()["fields"].keys()) == (400, form.keys())


def test_a_group_has_so_many_links_at_most_and_old_ones_make_room(
    group, alice, make_link, api, settings
):
    settings.LINKS_PER_GROUP_MAX = 2
    make_link(), make_link()
    answer = api(alice).post(links_address(group), {})
    assert (answer.status_code, answer.json()["code"]) == (409, "too_many_links")
    InviteLink.objects.filter(pk=InviteLink.objects.first().pk).update(expires=timezone.now())
    assert api(alice).post(links_address(group), {}).status_code == 201
    assert InviteLink.objects.count() == 2


@pytest.mark.parametrize(
    "spelt", [str, str.lower, lambda code: code.replace("-", " "), lambda c: c.replace("0", "o")]
)
def test_anybody_with_the_code_joins_however_they_type_it(
    group, alice, bob, carol, make_link, api, notified, spelt
):
    answer = api(carol).post(JOIN, {"code": spelt(make_link())})
    assert answer.status_code == 200
    assert (answer.json()["id"], answer.json()["role"], answer.json()["members"]) == (
        str(group.pk),
        "member",
        3,
    )
    assert InviteLink.objects.get().uses_left == 9
    assert (notified(alice), notified(bob), notified(carol)) == (["member_joined"], [], [])


def test_what_a_code_leads_to_can_be_looked_at_first(group, make_link):
    found = services.group_of_code(make_link())
    assert (found.pk, found.name, found.members) == (group.pk, "Lab Seven", 2)
    with pytest.raises(NotFound):
        services.group_of_code(codes.new_code())


def test_a_member_who_follows_a_link_takes_no_use_of_it(group, bob, make_link, api, notified):
    code = make_link()
    assert api(bob).post(JOIN, {"code": code}).json()["role"] == "member"
    assert InviteLink.objects.get().uses_left == 10


def test_nobody_joins_without_a_token(make_link, api):
    assert api().post(JOIN, {"code": make_link()}).status_code == 401


@pytest.mark.parametrize("code", ["", "x" * 41, None, 7, "ABCD-EFGH-JKMN", "\x00"])
def test_a_code_that_is_none_lets_nobody_in(group, carol, api, code):
    assert api(carol).post(JOIN, {"code": code}).status_code in (400, 404)
    assert selectors.membership(carol, group.pk) is None


@pytest.mark.parametrize(
    ("change", "code"),
    [({"expires": timezone.now()}, "link_expired"), ({"uses_left": 0}, "link_used_up")],
)
def test_a_link_that_has_run_out_says_so(group, alice, carol, make_link, api, change, code):
    text = make_link()
    InviteLink.objects.update(**change)
    answer = api(carol).post(JOIN, {"code": text})
    assert (answer.status_code, answer.json()["code"]) == (409, code)
    assert api(alice).get(links_address(group)).json()["count"] == 0


def test_a_withdrawn_link_is_good_for_nothing(group, alice, carol, make_link, api):
    code = make_link()
    address = links_address(group, InviteLink.objects.get().pk)
    assert [api(alice).delete(address).status_code for _ in range(2)] == [204, 404]
    assert api(carol).post(JOIN, {"code": code}).status_code == 404
    other = services.create_group(owner=alice, name="Other")
    make_link()
    assert api(alice).delete(links_address(other, InviteLink.objects.get().pk)).status_code == 404
    assert api(alice).delete(links_address(group, uuid4())).status_code == 404


def test_joining_by_link_closes_the_invitation(group, alice, carol, make_link, api):
    invitation = invite(alice, group, "carol")
    api(carol).post(JOIN, {"code": make_link()})
    assert api(carol).get("/api/invitations/").json()["count"] == 0
    invitation.refresh_from_db()
    assert invitation.status == "accepted"


def test_a_link_outlives_its_makers_membership(group, bob, carol, api):
    Membership.objects.filter(user=bob).update(role="moderator")
    _, code = services.make_link(maker=bob, group_id=group.pk, days=1, uses=1)
    services.leave_group(user=bob, group_id=group.pk)
    assert api(carol).post(JOIN, {"code": code}).status_code == 200


def test_codes_differ_and_are_easy_to_read():
    made = {codes.new_code() for _ in range(200)}
    assert len(made) == 200
    assert all(len(code) == 14 and not set(code) & set("ILOU") for code in made)


# Races


def test_at_the_last_use_one_of_many_joins(transactional_db, group, make_user, make_link):
    code, people = make_link(uses=1), [make_user(f"user{i}") for i in range(4)]
    outcomes = race(
        *(lambda user=user: services.join_by_code(user=user, code=code) for user in people)
    )
    assert sum(isinstance(outcome, Membership) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, LinkUsedUp) for outcome in outcomes) == 3
    assert Membership.objects.filter(group=group).count() == 3
    assert InviteLink.objects.get().uses_left == 0


def test_simultaneous_clicks_of_one_user_take_one_use(
    transactional_db, group, alice, carol, make_link, notified
):
    for uses in (1, 10):
        code = make_link(uses=uses)
        outcomes = race(*[lambda code=code: services.join_by_code(user=carol, code=code)] * 4)
        # Without transactions the last use is gone a moment before the user is a member. Their
        # other clicks may come in between.
        welcome = (
            Membership
            if uses > 1 or connection.features.supports_transactions
            else (Membership, LinkUsedUp)
        )
        assert all(isinstance(outcome, welcome) for outcome in outcomes), outcomes
        assert InviteLink.objects.get(digest=codes.digest(code)).uses_left == uses - 1
        services.leave_group(user=carol, group_id=group.pk)
        assert notified(alice) == ["member_joined", "member_left"]
        Notification.objects.all().delete()  # the same would not be said twice


def test_a_link_withdrawn_while_it_is_used_works_or_does_not_exist(
    transactional_db, group, alice, carol, make_link
):
    code = make_link()
    link = InviteLink.objects.get().pk
    joined, withdrawn = race(
        lambda: services.join_by_code(user=carol, code=code),
        lambda: services.withdraw_link(leader=alice, group_id=group.pk, link_id=link),
    )
    assert withdrawn is None
    assert isinstance(joined, (Membership, NotFound))
    assert bool(selectors.membership(carol, group.pk)) == isinstance(joined, Membership)
    assert not InviteLink.objects.exists()


def test_a_link_and_an_invitation_used_simultaneously_make_one_member(
    transactional_db, group, alice, carol, make_link
):
    code, invitation = make_link(), invite(alice, group, "carol")
    outcomes = race(
        lambda: services.join_by_code(user=carol, code=code),
        lambda: services.accept(user=carol, invitation_id=invitation.pk),
    )
    assert any(isinstance(outcome, Membership) for outcome in outcomes)
    assert Membership.objects.filter(group=group, user=carol).count() == 1
    invitation.refresh_from_db()
    assert invitation.status == "accepted"


def test_links_made_simultaneously_do_not_get_past_the_limit(
    transactional_db, group, make_link, settings
):
    settings.LINKS_PER_GROUP_MAX = 2
    race(*[make_link] * 5)
    assert InviteLink.objects.count() <= 2


def test_an_invitation_sent_during_a_join_by_link_does_not_stay_open(
    transactional_db, group, alice, make_user, make_link
):
    for i in range(3):
        user, code = make_user(f"user{i}"), make_link()
        race(
            lambda user=user, code=code: services.join_by_code(user=user, code=code),
            lambda user=user: services.invite(
                inviter=alice, group_id=group.pk, usernames=[user.username]
            ),
        )
        assert selectors.membership(user, group.pk)
        assert not selectors.open_invitations_of(user).exists()
    assert User.objects.count() == 5


# Throttles


def test_codes_cannot_be_guessed_and_people_cannot_be_pestered(group, alice, carol, api, settings):
    settings.JOIN_PER_HOUR_MAX = settings.INVITE_PER_HOUR_MAX = 2
    guesser, pest = api(carol), api(alice)
    assert [guesser.post(JOIN, {"code": codes.new_code()}).status_code for _ in range(3)] == [
        404,
        404,
        429,
    ]
    assert guesser.post(f"/api/groups/{group.pk}/join-requests/").status_code == 429
    invitations = f"/api/groups/{group.pk}/invitations/"
    assert [pest.post(invitations, {"usernames": ["nobody"]}).status_code for _ in range(3)] == [
        200,
        200,
        429,
    ]
    assert pest.post(links_address(group), {}).status_code == 429
