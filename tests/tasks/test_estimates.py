"""Ranges of time in round steps."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.estimates import round_range, time_left


@pytest.mark.parametrize(
    ("low", "high", "found"),
    [
        (0, 2, (0, 5)),
        (43.1, 66, (40, 70)),
        (12, 13, (10, 15)),
        (100, 290, (100, 290)),
        (400, 1000, (360, 1020)),
    ],
)
def test_a_range_is_rounded_outwards_in_steps_that_suit_it(
    low: float, high: float, found: tuple[float, float]
) -> None:
    assert round_range(low, high) == found


@given(st.floats(0, 1e7), st.floats(0, 1e7))
def test_the_true_range_lies_within_the_rounded_one(one: float, other: float) -> None:
    low, high = sorted((one, other))
    bottom, top = round_range(low, high)
    assert bottom <= low <= high <= top
    assert bottom < top


def test_what_is_left_depends_on_the_slowest_and_the_fastest_rate_known() -> None:
    assert time_left(100, [10.0, 5.0, 0.0]) == (5, 25)
    assert time_left(100, [0.0]) is None
    assert time_left(0, [3.0]) == (0, 5)
