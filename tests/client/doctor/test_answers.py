"""Whether two partials say the same, and where they differ, in few words."""

from __future__ import annotations

from typing import Any

import msgspec

from firmlight_client import kinds
from firmlight_client.doctor.answers import SHOWN_CHARS_MAX, canonical, difference, is_same

packed = msgspec.msgpack.encode


def test_what_differs_fits_into_a_line() -> None:
    found = difference(packed(["x" * 50 + "a"]), packed(["x" * 50 + "b"]))
    assert found.place == "[0]"
    assert found.expected != found.came
    assert max(len(found.expected), len(found.came)) <= SHOWN_CHARS_MAX


def test_what_would_move_a_cursor_is_not_shown() -> None:
    assert difference(packed("\x1b[2J"), packed("a")) == ("", "'\\x1b[2J'", "'a'")
    assert difference(packed({"\x1b": 1}), packed({})) == ("", "1", "nothing")


def test_what_is_no_messagepack_is_shown_as_bytes() -> None:
    assert difference(packed(1), b"\xc1") == ("", "0x01", "0xc1")


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
