"""Standing in the API: of a member, and of a worker's owner."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from groups.models import Group
from tasks.models import Worker
from tasks.services.standing import note_agreement, note_disagreement

Api = Callable[..., APIClient]

pytestmark = pytest.mark.django_db


def standing_of(client: APIClient, group: Group, user: User) -> Any:
    return client.get(f"/api/groups/{group.pk}/members/{user.pk}/standing/")


def test_members_see_the_standing_of_a_member(
    group: Group, alice: User, bob: User, carol: User, api: Api
) -> None:
    note_agreement(group.pk, bob.pk, "MEAN", "1", n=99)
    note_agreement(group.pk, bob.pk, "ECHO", "1")
    note_disagreement(group.pk, bob.pk, "ECHO", "1", expected="1", came="2")
    echo, mean = standing_of(api(alice), group, bob).json()["results"]
    assert mean == {
        "kind": "MEAN",
        "version": "1",
        "agreements": 99,
        "checked_share": 0.01,
        "agreements_total": 99,
        "disagreements_total": 0,
        "last_disagreement": None,
    }
    assert (echo["agreements"], echo["checked_share"], echo["disagreements_total"]) == (0, 1, 1)
    assert echo["last_disagreement"] is not None
    assert standing_of(api(bob), group, alice).json()["results"] == []
    assert standing_of(api(carol), group, bob).status_code == 404
    assert standing_of(api(bob), group, carol).status_code == 404


def test_a_worker_shows_its_owners_standing_in_their_groups(
    group: Group, alice: User, laptop: Worker, api: Api
) -> None:
    note_agreement(group.pk, alice.pk, "MEAN", "1", n=3)
    (row,) = api(alice).get("/api/workers/").json()["results"]
    (standing,) = row["standing"]
    assert standing["group"] == {"id": str(group.pk), "name": "Lab Seven"}
    assert (standing["kind"], standing["agreements"]) == ("MEAN", 3)
    assert api(alice).get(f"/api/workers/{laptop.pk}/").json()["standing"] == row["standing"]


def test_many_workers_take_no_more_queries_than_one(
    group: Group,
    alice: User,
    laptop: Worker,
    api: Api,
    django_assert_max_num_queries: Callable[[int], AbstractContextManager[Any]],
) -> None:
    client = api(alice)
    with django_assert_max_num_queries(50) as of_one:
        client.get("/api/workers/")
    for number in range(5):
        Worker.objects.create(owner=alice, name=f"machine {number}")
    with django_assert_max_num_queries(len(of_one)):
        assert len(client.get("/api/workers/").json()["results"]) == 6
