"""Standing on the pages of members and of one's own workers."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from firmlight_client import kinds
from groups.models import Group
from tasks.models import Standing, Worker
from tasks.pages import standing
from tasks.services.standing import note_agreement, note_disagreement
from tests.support.pages import words

Browser = Callable[..., Client]

pytestmark = pytest.mark.django_db
ECHO = ("ECHO", kinds.get("ECHO").version)
HOW = (
    "Standing is how many results of a kind in a row other members have confirmed. "
    "All are checked until it is 10, then fewer and fewer. One wrong result sets it to 0."
)


def test_members_see_the_standing_of_each_and_how_it_is_made(
    group: Group, alice: User, bob: User, browser: Browser
) -> None:
    note_agreement(group.pk, bob.pk, *ECHO, n=99)
    seen = words(browser(bob).get(f"/groups/{group.pk}/members/"))
    assert "ECHO 99 1 % checked" in seen
    assert "new" in seen  # Alice
    assert HOW in seen
    note_disagreement(group.pk, bob.pk, *ECHO, expected="1", came="2")
    assert "ECHO 0 all checked wrong once" in words(
        browser(alice).get(f"/groups/{group.pk}/members/")
    )


def test_the_page_of_ones_workers_shows_ones_own(
    group: Group, alice: User, bob: User, laptop: Worker, browser: Browser, settings: Settings
) -> None:
    settings.STANDING_TRUSTED = 3
    assert "Your standing" not in words(browser(alice).get("/workers/"))
    note_agreement(group.pk, alice.pk, *ECHO, n=4)
    seen = words(browser(alice).get("/workers/"))
    assert "Lab Seven ECHO 4 20 % never" in seen
    assert HOW.replace("10", "3") in seen
    for _ in range(2):
        note_disagreement(group.pk, alice.pk, *ECHO, expected="1", came="2")
    seen = words(browser(alice).get("/workers/"))
    assert "Lab Seven ECHO 0 all 2 times, the last time a moment ago" in seen
    assert "Your standing" not in words(browser(bob).get("/workers/"))


@pytest.mark.parametrize(
    ("agreements", "text"),
    [
        (0, "all"),
        (9, "all"),
        (10, "9 %"),
        (99, "1 %"),
        (100, "under 1 %"),
        (10**9, "under 1 %"),
    ],
)
def test_how_many_are_checked_in_words(agreements: int, text: str) -> None:
    assert standing.checked_share(Standing(agreements=agreements)) == text
