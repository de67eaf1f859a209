"""What is made of several patterns, or of none: each reader of texts that others send, by the same
measure.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from rest_framework.exceptions import ParseError

from core import client_address, context, logs, parsers
from firmlight_client import kinds
from firmlight_client.kinds import _page, _robots
from firmlight_client.kinds._web_url import page_url
from firmlight_client.worker.consent import hours
from tasks.pages import fields
from tests.patterns.test_patterns import fault

PAGE = page_url("https://example.org/")
LONG_PAGE = page_url(f"https://example.org/{'a' * 500}")
assert PAGE is not None and LONG_PAGE is not None
UNITS = (
    "a",
    "a ",
    "a*",
    "1,",
    "1.5\n",
    '"',
    "[",
    '{"a":',
    "<a ",
    "<a href=x>",
    "&",
    "\n",
    ";",
    "Disallow: /a*\n",
    "-",
)


def robots(text: str) -> None:
    """As the crawler reads it, and then asks: may this page be fetched?"""
    for rules in (text, f"User-agent: *\nDisallow: /{text[:500]}b"):
        with contextlib.suppress(_robots.Refused):
            _robots._parsed(rules.encode()).check(LONG_PAGE)


READERS: dict[str, Callable[[str], Any]] = {
    "log: a text": logs.without_secrets,
    "log: many values": lambda text: logs.without_secrets_in(
        {"facts": {"list": list(text)}, "text": text}
    ),
    "request id": context.id_from,
    "address": client_address.key_of,
    "json": parsers.read_json,
    "numbers of a form": lambda text: fields.Numbers(item={"type": "number"}).clean(text),
    "hours": hours.parse_span,
    "numbers in a file": lambda text: kinds.get("MEAN").load_file(
        io.BytesIO(text.encode()), "numbers.csv", {}
    ),
    "robots.txt": robots,
    "a page": lambda text: _page.title_and_links(text.encode(), None, PAGE),
}


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("name", READERS)
def test_a_reader_takes_time_as_its_text_is_long(name: str, unit: str) -> None:
    def read(text: str) -> None:
        with contextlib.suppress(ValueError, ParseError, ValidationError):
            READERS[name](text)

    assert not fault(read, lambda size: unit * (size // len(unit)))


def test_values_within_values_are_left_out_where_they_are_deep_or_many() -> None:
    made: Any = "end"
    for _ in range(40):
        made = [made, made]  # 2**40 of them, if somebody looked at all
    assert logs.LEFT_OUT in str(logs.without_secrets_in({"facts": made}))
