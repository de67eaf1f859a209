"""Long lists are counted to a limit, and their later pages can be had all the same."""

import pytest
from django.core.paginator import EmptyPage
from django.db import connection  # noqa: F401  a condition below names it

from accounts.models import Notification
from core.pagination import CappedPaginator
from tests.support.pages import words


@pytest.fixture(autouse=True)
def limit(settings):
    settings.COUNT_ROWS_MAX = 20


@pytest.fixture
def pages(alice):
    def of(rows, per_page=7):
        Notification.objects.bulk_create(
            Notification(user=alice, code="x", text=f"{i:03}") for i in range(rows)
        )
        return CappedPaginator(Notification.objects.order_by("text"), per_page)

    return of


def test_a_short_list_is_counted_exactly(pages):
    found = pages(19)
    assert (found.count, found.capped, found.num_pages) == (19, False, 3)
    with pytest.raises(EmptyPage):
        found.page(4)


def test_of_a_long_one_every_page_can_be_had_to_its_end(pages):
    found, texts, number = pages(38), [], 1
    assert (found.count, found.capped) == (20, True)
    while True:
        page = found.page(number)
        texts += [row.text for row in page]
        if not page.has_next():
            break
        number = page.next_page_number()
    assert texts == [f"{i:03}" for i in range(38)]
    assert (found.count, found.capped) == (38, False)


def test_a_long_list_ends(pages):
    found = pages(38)
    assert len(found.page(6)) == 3
    for number in (7, 0, -1):
        with pytest.raises(EmptyPage):
            pages(0).page(number)


def test_the_api_goes_on_to_the_end(api, alice, pages):
    pages(50)
    texts, address = set(), "/api/notifications/?page_size=15"
    while address:
        answer = api(alice).get(address).json()
        texts |= {row["text"] for row in answer["results"]}
        address = answer["next"]
    assert len(texts) == 50


def test_a_page_says_that_there_are_more(client, alice, pages, settings):
    settings.PAGE_ROWS = 7
    pages(38)
    client.force_login(alice)
    assert "of 20+" in words(client.get("/notifications/"))


@pytest.mark.skipif(
    "connection.vendor == 'mongodb'", reason="it looks up what belongs to a row afterwards"
)
def test_what_belongs_to_a_row_is_looked_up_for_those_that_are_shown(
    alice, django_assert_num_queries
):
    Notification.objects.bulk_create(
        Notification(user=alice, code="x", text=f"{i:03}") for i in range(12)
    )
    rows = Notification.objects.order_by("-text").select_related("user")
    with django_assert_num_queries(2) as asked:
        shown = [(row.text, row.user.username) for row in CappedPaginator(rows, 5).page(2)]
    assert shown == [(f"{i:03}", "alice") for i in (6, 5, 4, 3, 2)]
    outer, inner = asked[1]["sql"].split(" IN (SELECT ")
    assert ("JOIN" in outer, "JOIN" in inner) == (True, False)
    assert "LIMIT 5" in inner
