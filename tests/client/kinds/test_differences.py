"""Where two partials differ, as people are told."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmlight_client.kinds.differences import WORDS_CHARS_MAX, first_difference

NAN = float("nan")
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary()
plain = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=12
)


@pytest.mark.parametrize(
    ("expected", "came", "words"),
    [
        ({"count": 40_000}, {"count": 32}, ("count", "40,000", "32")),
        ({"sum": 0.1, "count": 1}, {"sum": 0.2, "count": 2}, ("sum", "0.1", "0.2")),
        ({"min": 1}, {"min": 1.0}, ("min", "1", "1.0")),
        ({"a": 1}, {"a": 1, "b": 2}, ("b", "nothing", "2")),
        ({"a": [1, 2, 3]}, {"a": [1, 2]}, ("a[2]", "3", "nothing")),
        (
            {"sites": [{"title": "A"}]},
            {"sites": [{"title": "B"}]},
            ("sites[0].title", "'A'", "'B'"),
        ),
        ([1], {"a": 1}, ("", "a list of 1", "a map of 1")),
        ([1, [2]], [1, 2], ("[1]", "a list of 1", "2")),
        ({"a": {"b": 1, "c": 2}}, {"a": None}, ("a", "a map of 2", "None")),
        (b"abc", b"abcd", ("", "0x616263", "0x61626364")),
        (7, 8, ("", "7", "8")),
        (True, 1, ("", "True", "1")),
        ({1: "x"}, {1: "y"}, ("1", "'x'", "'y'")),
        (0.0, -0.0, ("", "0.0", "-0.0")),
    ],
)
def test_the_first_difference_is_named(
    expected: Any, came: Any, words: tuple[str, str, str]
) -> None:
    assert first_difference(expected, came) == words


@given(plain)
def test_what_is_equal_has_none(value: Any) -> None:
    assert first_difference(value, value) is None
    assert first_difference([NAN], [float("nan")]) is None


@given(plain, plain)
def test_any_two_values_can_be_told_apart_or_are_equal(one: Any, other: Any) -> None:
    found = first_difference(one, other)
    if found is None:
        assert repr(one) == repr(other) or one == other
    else:
        assert found.expected
        assert found.expected != found.came


def test_what_is_nested_without_end_is_only_called_different() -> None:
    def nested(value: int) -> Any:
        found: Any = value
        for _ in range(900):
            found = [found]
        return found

    found = first_difference(nested(1), nested(2))
    assert found is not None
    assert (found.expected, found.came) == ("a list of 1", "a list of 1")


def test_long_texts_are_cut() -> None:
    found = first_difference("x" * 10_000, "y" * 10_000)
    assert found is not None
    assert len(found.expected) == len(found.came) == WORDS_CHARS_MAX


def test_of_long_values_the_part_that_differs_is_shown() -> None:
    good = bytes(range(200))
    bad = good[:150] + bytes([good[150] ^ 1]) + good[151:]
    found = first_difference([good], [bad], 24)
    assert found is not None
    assert found.expected.startswith("…9495969798"), "two bytes before it"
    assert found.came.startswith("…9495979798")
    assert max(len(found.expected), len(found.came)) == 24
