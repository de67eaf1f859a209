"""MEAN's `check`: honest partials always pass, and what is impossible never does."""

from __future__ import annotations

import math
import random
import sys
from collections.abc import Iterator
from fractions import Fraction
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from firmlight_client.kinds import BadPartial, carried_partial, combine_all
from firmlight_client.kinds import mean as module
from firmlight_client.kinds._exact_sum import from_bytes, to_bytes
from firmlight_client.kinds._mean_check import check_sense
from firmlight_client.kinds.mean import Mean, MeanParams
from tests.client.kinds import steady
from tests.client.kinds.test_mean import edges, finite

kind = Mean()
COUNT, SUM, SQUARES, LEAST, MOST, BINS = range(6)
OFF_MAX = Fraction(1, 2**36)  # a sum that is off by more, of the sum of absolute values, is noticed
# Most lists are of one size; some mix the smallest with the largest.
alike = st.floats(-1e6, 1e6) | st.sampled_from([0.0, -0.0, 1.0, -1.0])
numbers = st.lists(alike, min_size=1, max_size=60) | st.lists(
    finite | edges, min_size=1, max_size=60
)


@pytest.fixture(autouse=True, scope="module")
def one_number_may_be_a_subtask() -> Iterator[None]:
    """So that a list of sixty makes fifteen subtasks."""
    with patch.object(module, "SUBTASK_NUMBERS_MIN", 1):
        yield


def loaded(values: list[float]) -> tuple[MeanParams, list[Any]]:
    """The params, and the partial of each subtask."""
    params: MeanParams = kind.load({"numbers": values})
    return params, [kind.run(payload) for payload in kind.split(params)]


def combined(partials: list[Any]) -> list[Any]:
    return list(carried_partial(kind, combine_all(kind, partials)))


def whole(values: list[float]) -> tuple[MeanParams, list[Any], range]:
    params, partials = loaded(values)
    return params, combined(partials), range(len(partials))


def refused(partial: list[Any], subtasks: range, params: MeanParams, why: str = ".") -> None:
    with pytest.raises(BadPartial, match=why):
        kind.check(partial, subtasks, None, params)


@steady
@given(numbers, st.randoms(use_true_random=False))
def test_honest_partials_pass_however_they_are_grouped(values, chance):
    params, partials = loaded(values)
    order = chance.sample(range(len(partials)), len(partials))
    while order:
        group, order = order[: (size := chance.randint(1, len(order)))], order[size:]
        partial = combined([partials[i] for i in group])
        kind.check(partial, sorted(group), None, params)
    kind.finish(combined(partials), params)


@pytest.mark.parametrize("scale", [-1074, -1022, -500, 0, 500, 970])
def test_numbers_of_any_size_pass(scale):
    rng = random.Random(scale)
    values = [math.ldexp(rng.randint(-(2**53), 2**53), scale) for _ in range(3000)]
    params, partial, subtasks = whole(values)
    kind.check(partial, subtasks, None, params)


@pytest.mark.parametrize(
    "values",
    [
        [sys.float_info.max] * 40,
        [sys.float_info.max, -sys.float_info.max] * 20,
        [sys.float_info.max, 5e-324],
        [5e-324, -5e-324, 0.0],
        [0.0] * 30,
        [-0.0],
    ],
)
def test_the_corners_of_binary64_pass(values):
    params, partial, subtasks = whole(values)
    kind.check(partial, subtasks, None, params)


@steady
@given(numbers, st.integers(1, 2**40), st.booleans())
def test_another_count_is_refused_though_the_bins_agree(values, more, up):
    params, partial, subtasks = whole(values)
    partial[COUNT] += more if up else -more
    refused(partial, subtasks, params)
    power, place, counts = partial[BINS]
    counts = [counts[0] + (more if up else -more), *counts[1:]]
    refused([*partial[:BINS], (power, place, counts)], subtasks, params)


@steady
@given(numbers, finite)
def test_another_smallest_or_largest_number_is_refused(values, other):
    params, partial, subtasks = whole(values)
    for place in (LEAST, MOST):
        if other != partial[place]:
            refused([*partial[:place], other, *partial[place + 1 :]], subtasks, params)


@steady
@given(numbers, st.integers(1, 60), st.integers(-1074, 1100), st.booleans())
def test_a_sum_that_is_noticeably_off_is_refused(values, mantissa, power, up):
    off = Fraction(mantissa) * Fraction(2) ** power * (1 if up else -1)
    params, partial, subtasks = whole(values)
    exact = [Fraction(value) for value in values]
    size, square = sum(map(abs, exact)), sum(value**2 for value in exact)
    if abs(off) > OFF_MAX * size:
        wrong = to_bytes(from_bytes(partial[SUM]) + int(off * 2**1074))
        refused([*partial[:SUM], wrong, *partial[SUM + 1 :]], subtasks, params)
    if abs(off) > OFF_MAX * square:
        wrong = to_bytes(from_bytes(partial[SQUARES]) + int(off * 2**2148))
        refused([*partial[:SQUARES], wrong, *partial[SQUARES + 1 :]], subtasks, params)


@steady
@given(numbers, st.data())
def test_bins_that_are_impossible_are_refused(values, data):
    params, partial, subtasks = whole(values)
    power, place, counts = partial[BINS]
    at = data.draw(st.integers(0, len(counts) - 1))
    one_more = [count + (i == at) for i, count in enumerate(counts)]
    for bins in (
        (power, place, one_more),
        (power, place, [*counts, 0]),
        (power, place + 1, counts),
        (power + 1, place, counts),
    ):
        refused([*partial[:BINS], bins], subtasks, params)
    if len(counts) > 1:
        emptied = [0, counts[0] + counts[1], *counts[2:]]
        refused([*partial[:BINS], (power, place, emptied)], subtasks, params, "is empty")


# Without the numbers: what no numbers at all can have


@steady
@given(st.lists(st.integers(-50, 50), min_size=1, max_size=12), st.integers(-700, 700))
def test_a_sum_outside_what_count_and_ends_allow_makes_no_sense(values, total):
    """Each number but one smallest and one largest may be anything between these."""
    _, partial, _ = whole([float(value) for value in values])
    low, high, count = min(values), max(values), len(values)
    between = max(count - 2, 0)
    assume(not low + high + between * low <= total <= low + high + between * high or count == 1)
    assume(total != sum(values))
    partial[SUM] = to_bytes(total << 1074)
    with pytest.raises(BadPartial):
        check_sense(partial)


@steady
@given(st.lists(st.integers(-50, 50), min_size=1, max_size=12), st.integers(-9, 40_000))
def test_squares_outside_what_the_sum_and_ends_allow_make_no_sense(values, squares):
    _, partial, _ = whole([float(value) for value in values])
    low, high, count, total = min(values), max(values), len(values), sum(values)
    least, most = Fraction(total**2, count), (low + high) * total - count * low * high
    assume(not least <= squares <= most)
    partial[SQUARES] = to_bytes(squares << 2148)
    with pytest.raises(BadPartial, match="sum of squares"):
        check_sense(partial)


@steady
@given(numbers)
def test_whatever_numbers_there_are_their_partial_makes_sense(values):
    check_sense(whole(values)[1])


def test_bins_and_sum_must_fit_each_other():
    """The count, the ends and the sum of the bins are right, but the numbers went elsewhere."""
    _, partial, _ = whole([0.0] * 50 + [64.0])
    power, place, counts = partial[BINS]
    counts = [1, *[0] * (len(counts) - 2), 50]
    with pytest.raises(BadPartial, match="the sum is not what the bins"):
        check_sense([*partial[:BINS], (power, place, counts)])


@pytest.mark.parametrize(
    ("place", "value", "why"),
    [
        (SUM, to_bytes(3 << 1074) + b"\0", "not in its shortest form"),
        (LEAST, -0.0, "-0.0 stands for 0.0"),
        (LEAST, 5.0, "smallest number is larger"),
    ],
)
def test_a_partial_has_one_form(place, value, why):
    _, partial, _ = whole([0.0, 1.0, 2.0])
    partial[place] = value
    with pytest.raises(BadPartial, match=why):
        check_sense(partial)


def test_forty_thousand_ones_have_no_other_mean():
    """It once "succeeded" with a count of 32 and a mean of 1,500,000."""
    params, partial, subtasks = whole([1.0] * 40_000)
    lie = kind.run(np.full(32, 1.5e6).tobytes())
    refused(lie, subtasks, params, "it counts 32 numbers of 40,000")
    for finish in (kind.finish, lambda *given: kind.check(given[0], subtasks, None, given[1])):
        with pytest.raises(BadPartial, match="it counts 32 numbers of 40,000"):
            finish(lie, params)
    with pytest.raises(BadPartial, match="the smallest number is another"):
        kind.finish(kind.run(np.full(40_000, 1.5e6).tobytes()), params)
    assert kind.finish(partial, params)["mean"] == 1


def test_a_task_that_goes_on_without_some_numbers_counts_no_more_than_there_are():
    params, partials = loaded([1.0] * 32)
    assert kind.finish_incomplete(combined(partials[:3]), params)["count"] == 6
    with pytest.raises(BadPartial, match="it counts 34 numbers of 32"):
        kind.finish_incomplete(combined([*partials, partials[0]]), params)
