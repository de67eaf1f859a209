"""Where two partials differ is said in few words."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from firmlight_client import kinds
from firmlight_client.doctor.differences import (
    SHOWN_CHARS_MAX,
    canonical,
    first_difference,
    is_same,
)

packed = msgspec.msgpack.encode


@pytest.mark.parametrize(
    ("expected", "got", "found"),
    [
        ([1, 2.5], [1, 2.25], ("[1]", "2.5", "2.25")),
        ([1, [2, "a"]], [1, [2, "b"]], ("[1][1]", "'a'", "'b'")),
        ({"a": 1, "b": {"c": 2}}, {"a": 1, "b": {"c": 3}}, (".b.c", "2", "3")),
        ([1, 2], [1, 2, 3], ("", "[1, 2]", "[1, 2, 3]")),
        ([1], {"a": 1}, ("", "[1]", "{'a': 1}")),
        ([0.0], [-0.0], ("[0]", "0.0", "-0.0")),
        ([1], [1.0], ("[0]", "1", "1.0")),
        (b"\x00\xff", b"\x00\xfe", ("", "00ff", "00fe")),
        ("\x1b[2J", "a", ("", "'\\x1b[2J'", "'a'")),
    ],
)
def test_the_first_difference_is_shown(
    expected: Any, got: Any, found: tuple[str, str, str]
) -> None:
    assert first_difference(packed(expected), packed(got)) == found


def test_of_long_values_the_part_that_differs_is_shown() -> None:
    good = bytes(range(200))
    bad = good[:150] + bytes([good[150] ^ 1]) + good[151:]
    place, expected, got = first_difference(packed([good]), packed([bad]))
    assert place == "[0]"
    assert expected.startswith("…9495969798")  # two bytes before it
    assert max(len(expected), len(got)) <= SHOWN_CHARS_MAX
    assert expected != got


def test_what_is_no_messagepack_is_shown_as_bytes() -> None:
    assert first_difference(packed(1), b"\xc1") == ("", "01", "c1")


class Open(kinds.Kind):
    """Says nothing about its partials."""

    name, title, version = "OPEN", "Open", "1"

    def split(self, params: Any) -> Any:
        return []

    def run(self, payload: Any) -> Any:
        return payload

    def combine(self, a: Any, b: Any) -> Any:
        return a

    def finish(self, partial: Any, params: Any) -> Any:
        return partial


def test_the_order_of_keys_makes_no_difference() -> None:
    one, other = packed({"a": 1, "b": 2}), packed({"b": 2, "a": 1})
    assert canonical(Open(), one) == canonical(Open(), other)
    assert is_same(Open(), one, other)
    assert not is_same(Open(), one, packed({"a": 1}))
    assert not is_same(Open(), one, b"\xc1")
