"""Whose standing is read for whom."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from accounts.models import User
from firmlight_client import kinds
from groups import services as groups
from groups.models import Group, Membership
from tasks.selectors import trust
from tasks.services.standing import note_agreement

pytestmark = pytest.mark.django_db
ECHO = ("ECHO", kinds.get("ECHO").version)


def test_of_members_and_of_a_user_only_installed_versions_are_shown(
    group: Group, alice: User, bob: User
) -> None:
    note_agreement(group.pk, bob.pk, *ECHO, n=3)
    note_agreement(group.pk, bob.pk, "ECHO", "of old")
    note_agreement(group.pk, bob.pk, "GONE", "1")
    shown = trust.of_members(group.pk, [alice.pk, bob.pk])
    assert {user: [str(row) for row in rows] for user, rows in shown.items()} == {
        bob.pk: [f"bob in Lab Seven: ECHO {ECHO[1]}"]
    }
    assert [row.agreements for row in trust.of_user(bob)] == [3]
    assert trust.of_member(group.pk, bob.pk).count() == 3


def test_a_user_sees_theirs_by_group_and_none_of_groups_that_they_have_left(
    group: Group, bob: User
) -> None:
    first = groups.create_group(owner=bob, name="Attic")
    for one in (group, first):
        note_agreement(one.pk, bob.pk, *ECHO)
    assert [row.group.name for row in trust.of_user(bob)] == ["Attic", "Lab Seven"]
    Membership.objects.filter(group=group, user=bob).delete()
    assert [row.group.name for row in trust.of_user(bob)] == ["Attic"]


def test_the_owners_of_many_workers_take_two_queries(
    group: Group,
    alice: User,
    bob: User,
    django_assert_num_queries: Callable[[int], AbstractContextManager[object]],
) -> None:
    for user in (alice, bob):
        note_agreement(group.pk, user.pk, *ECHO)
    with django_assert_num_queries(2):
        found = trust.of_owners({alice.pk, bob.pk})
        assert {rows[0].group.name for rows in found.values()} == {"Lab Seven"}
    with django_assert_num_queries(0):
        assert trust.of_owners([]) == {}
