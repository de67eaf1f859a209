"""Every address x method x sort of person, by token and cookie, against matrix.py."""

from __future__ import annotations

import re

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from core import beat
from tests.permissions import addresses, matrix
from tests.permissions.world import PEOPLE, WHO, World
from tests.support.undone import undone

ADDRESSES = re.compile(r"[\w.-]+@example\.org")
UNSAFE = ("POST", "PUT", "PATCH", "DELETE")


@pytest.fixture
def world(db):
    return World()


def by_token(world, who):
    return APIClient(
        headers={"Authorization": f"Bearer {world.pairs[who].access}"} if who in PEOPLE else {}
    )


def by_cookie(world, who):
    """A browser that is logged in already; to log in each time would double the test's time."""
    client = Client()
    if who in PEOPLE:
        client.cookies[settings.SESSION_COOKIE_NAME] = world.cookie(who)
    return client


def knock(world, client, row, who):
    """The answer, whose traces in the database are gone afterwards."""
    method, route = row.split(" ", 1)
    address = addresses.fill(route, lambda name: world.key(route, name))
    body = matrix.BODIES[row](world, who) if row in matrix.BODIES else None
    json = (
        {}
        if isinstance(client, APIClient) or not route.startswith("api/")
        else {"content_type": "application/json"}
    )
    beat.note_tick()  # as beat goes on doing, however long all this takes
    with undone():
        answer = getattr(client, method.lower())(address, body, **json)
        text = answer.getvalue().decode(errors="replace")
    leads_to_login = answer.status_code == 302 and answer.url.startswith(reverse("page:login"))
    return "login" if leads_to_login else answer.status_code, text


def compare(table, found):
    """The rows that differ, as they should be written if they are right."""
    lines = []
    for row, statuses in sorted(found.items()):
        said = " ".join(map(str, statuses))
        if table.get(row) != said:
            lines.append(f'    "{row}": "{said}",  # the table says {table.get(row)}')
    return "\n".join(lines)


def test_every_address_and_method_has_a_row_and_every_row_an_address(db):
    rows = set(addresses.rows())
    known = matrix.REST.keys() | matrix.PAGES.keys()
    assert rows - known == set(), "give them a row in tests/permissions/matrix.py"
    assert known - rows == set(), "rows of addresses that are no more"
    assert all(row.split(" ", 1)[1].startswith("api/") for row in matrix.REST)


@pytest.mark.parametrize("enter", [by_token, by_cookie])
def test_the_api_answers_everybody_as_the_table_says(world, enter):
    found, leaks = {}, []
    for row in addresses.rows():
        if not row.split(" ", 1)[1].startswith("api/"):
            continue
        found[row] = []
        for who in WHO:
            status, text = knock(world, enter(world, who), row, who)
            found[row].append(status)
            leaks += _leaks(
                row, who, text, matrix.BODIES.get(row) and matrix.BODIES[row](world, who)
            )
    wrong = compare(matrix.REST if enter is by_token else _for_cookies(matrix.REST), found)
    assert not wrong, "\n" + wrong
    assert not leaks


def _for_cookies(table):
    """A cookie that is good no more makes one nobody; a token that is not is refused at once."""
    return {row: _with_blocked_as_anonymous(said.split()) for row, said in table.items()}


def _with_blocked_as_anonymous(statuses):
    return " ".join(
        [*statuses[:6], statuses[0] if statuses[0] != "401" else statuses[6], statuses[7]]
    )


def _leaks(row, who, text, body):
    """E-mail addresses of others. What one sends oneself may come back."""
    mine = [f"{who}@example.org", *((body or {}).values())]
    return [(row, who, address) for address in ADDRESSES.findall(text) if address not in mine]


def test_pages_answer_everybody_as_the_table_says(world):
    rows = [row for row in addresses.rows() if not row.split(" ", 1)[1].startswith("api/")]
    found = {row: [knock(world, by_cookie(world, who), row, who)[0] for who in WHO] for row in rows}
    wrong = compare(matrix.PAGES, found)
    assert not wrong, "\n" + wrong


def test_with_a_cookie_every_change_needs_a_csrf_token(world):
    """Where a cookie says nothing there is nothing to be had by one, either."""
    client = Client(enforce_csrf_checks=True)
    client.force_login(world.people["owner"])
    for row in addresses.rows():
        if row.split()[0] in UNSAFE and row not in addresses.without_cookies():
            assert knock(world, client, row, "owner")[0] in (403, 405), row


def test_nobody_but_staff_gets_past_the_admins_door(world):
    """Every address of the admin; its ids do not matter to those who may not pass."""
    for who in ("anonymous", "stranger", "owner", "blocked"):
        client = by_cookie(world, who)
        for route, _ in addresses.walk():
            if not route.startswith("admin/") or route.startswith(
                ("admin/login/", "admin/logout/")
            ):
                continue
            if "(?P<" in route:  # what no pattern before it takes
                route = "admin/nothing/at/all/"
            address = addresses.fill(route, lambda name: world.group.pk)
            assert client.get(address).status_code in (302, 301, 404), (who, address)
            assert client.post(address, {"confirmed": "yes"}).status_code in (302, 301, 404), (
                who,
                address,
            )
    assert client.get(reverse("admin:index")).status_code == 302
