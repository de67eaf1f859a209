"""MEAN's histogram: the same bins for every split, and every number lies in its own."""

from __future__ import annotations

import json
import math
import sys
from bisect import bisect_right
from fractions import Fraction

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmlight_client.kinds._histogram import BINS_MAX, as_result, histogram, merged
from tests.client.kinds import steady

finite = st.floats(allow_nan=False, allow_infinity=False)
MAX = sys.float_info.max
EDGES = [0.0, -0.0, 5e-324, -5e-324, 2.2250738585072014e-308, 1e308, -1e308, MAX, -MAX, 0.5]
edges = st.sampled_from([*EDGES, 1.0, 64.0, -64.0, 63.999999999999993, 0.1, 1e16])
near = st.floats(1e9, 1e9 + 10)
lists = st.lists(finite | edges, min_size=1, max_size=60) | st.lists(near, min_size=1, max_size=60)


def of(values: list[float]) -> list:
    return histogram(np.array(values), min(values), max(values))


def true_edges(bins: list) -> list[Fraction]:
    power, place, counts = bins
    return [(place + i) * Fraction(2) ** power for i in range(len(counts) + 1)]


@steady
@given(lists)
def test_every_number_lies_in_its_bin_and_counts_once(values):
    _, _, counts = bins = of(values)
    assert sum(counts) == len(values)
    assert 1 <= len(counts) <= BINS_MAX
    between = true_edges(bins)
    for i, count in enumerate(counts):
        assert count == sum(between[i] <= Fraction(value) < between[i + 1] for value in values)
    assert counts[0] and counts[-1], "no bin outside the numbers"


@steady
@given(lists, st.integers(1, 59), st.integers(1, 59))
def test_the_histogram_of_any_split_is_that_of_the_whole(values, one, other):
    ends = sorted({min(one, len(values)), min(other, len(values)), len(values)})
    parts = [values[start:end] for start, end in zip([0, *ends], ends, strict=False) if end > start]
    for ordered in (parts, parts[::-1]):
        together, seen = of(ordered[0]), ordered[0]
        for part in ordered[1:]:
            seen = seen + part
            together = merged(together, of(part), min(seen), max(seen))
        assert together == of(values)


@steady
@given(lists)
def test_bins_are_as_narrow_as_they_may_be(values):
    power, _, _ = of(values)
    half = Fraction(2) ** (power - 1)
    needed = Fraction(max(values)) // half - Fraction(min(values)) // half + 1
    places = max(abs(Fraction(value)) for value in values) / half
    assert needed > BINS_MAX or places >= 2**53 or half < Fraction(5e-324)


@pytest.mark.parametrize(
    "values", [[1e308, -1e308], [5e-324, -5e-324], [0.0], [-0.0, 0.0], [-MAX], [-5e-324, 1e308], [7.5] * 9,
    [-MAX, MAX], [-3.0, -2.5, -1e-300], [2.0**52, 2.0**52 + 1], [1e9 + 4, 1e9 + 16]],
)  # fmt: skip
def test_extreme_ranges_have_finite_edges_and_survive_json(values):
    result = as_result(*of(values))
    again = json.loads(json.dumps(result, allow_nan=False))
    assert again == result
    assert sum(result["counts"]) == len(values)
    assert math.log2(result["width"]).is_integer()
    assert result["first"] <= min(values)
    tops = [
        Fraction(result["first"]) + i * Fraction(result["width"])
        for i in range(1, len(result["counts"]) + 1)
    ]
    assert bisect_right(tops, Fraction(max(values))) == len(tops) - 1


def test_the_edge_beyond_binary64_becomes_the_least_number():
    assert as_result(*of([-MAX, MAX]))["first"] == -MAX


def test_equal_numbers_have_one_bin_of_their_own():
    assert as_result(*of([3.0] * 5)) == {"first": 3.0, "width": 2.0**-51, "counts": [5]}


def test_a_histogram_survives_messagepack():
    for values in ([1e308, -1e308], [5e-324], [-1e16, 1e16], [1e300]):
        assert msgspec.msgpack.decode(msgspec.msgpack.encode(of(values))) == of(values)


def test_a_plain_one_looks_as_one_would_draw_it():
    result = as_result(*of([0.0, 0.5, 0.5, 1.0, 31.75]))
    assert (result["first"], result["width"], len(result["counts"])) == (0.0, 0.5, 64)
    assert result["counts"][:3] == [1, 2, 1]
    assert result["counts"][-1] == 1
