"""Charts as shapes."""

from __future__ import annotations

import math
import sys
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmlight_client.kinds._histogram import histogram as bins_of
from tasks.pages import charts
from tasks.pages.charts import Bins
from tests.client.kinds import steady

MAX = sys.float_info.max
finite = st.floats(allow_nan=False, allow_infinity=False)


def bins(values: list[float]) -> Bins:
    power, place, counts = bins_of(np.array(values), min(values), max(values))
    return Bins(place, math.ldexp(1.0, power), tuple(counts))


def drawn(values: list[float]) -> charts.Histogram:
    mean = sum(map(Fraction, values)) / len(values)
    return charts.histogram(bins(values), float(mean), 1.0)


@steady
@given(st.lists(finite, min_size=2, max_size=30))
def test_whatever_the_numbers_are_everything_lies_within_the_chart(values):
    chart = drawn(values)
    for column in chart.columns:
        assert 0 <= column.x <= column.x + column.width <= 100.01
        assert (column.y, column.height) == (charts.BASE_PX, 0) or column.height >= 2
        assert column.y + column.height == charts.BASE_PX
    assert max(column.height for column in chart.columns) == charts.BASE_PX - charts.TOP_PX
    assert all(-0.01 <= mark.x <= 100.01 for mark in [*chart.labels, *chart.rules])
    assert not any("inf" in row[0] + row[1] or "nan" in row[0] for row in chart.rows)


@steady
@given(st.lists(finite, min_size=2, max_size=30))
def test_labels_below_the_axis_never_touch(values):
    ends = -1.0
    for label in charts.ticks(bins(values)):
        width = charts._percent(label.text)
        start = label.x - {"start": 0, "middle": width / 2, "end": width}[label.anchor]
        assert start > ends
        ends = start + width


@steady
@given(st.lists(finite, min_size=2, max_size=60), st.integers(8, 64))
def test_fewer_bins_hold_as_many_numbers_in_the_right_places(values, most):
    fine = bins(values)
    coarse = fine.at_most(most)
    assert len(coarse.counts) <= most
    assert sum(coarse.counts) == len(values)
    for i in range(len(fine.counts)):
        into = (fine.place + i) // round(coarse.width / fine.width) - coarse.place
        assert coarse.counts[into] >= fine.counts[i]


def test_a_plain_histogram_is_drawn_as_one_expects():
    chart = charts.histogram(Bins(-2, 0.5, (1, 0, 4, 2)), 0.25, 0.5)
    assert [column.height for column in chart.columns] == [30, 0, 120, 60]
    assert chart.columns[2].title == "0 to 0.5: 4 numbers"
    assert chart.columns[0].title == "−1 to −0.5: 1 number"
    assert [(rule.x, rule.label.text) for rule in chart.rules] == [
        (62.5, "mean"),
        (37.5, "−1 sd"),
        (87.5, "+1 sd"),
    ]
    assert [label.text for label in chart.labels] == ["−1", "−0.5", "0", "0.5", "1"]
    assert chart.says == (
        "Histogram of 7 numbers in 4 bins from −1 to 1. The fullest, from 0 to 0.5, holds 4. "
        "The mean is 0.25, the standard deviation 0.5."
    )


def test_neighbours_far_from_zero_have_different_labels():
    chart = drawn([1e9 + 4, 1e9 + 7, 1e9 + 13, 1e9 + 16])
    assert len({low for low, _, _ in chart.rows}) == len(chart.rows)
    assert len({label.text for label in chart.labels}) == len(chart.labels) >= 2


@pytest.mark.parametrize(
    "values", [[5e-324, 2e-323], [-MAX, MAX], [1.0, 1.0 + 2**-52], [1e300, 1.1e300], [-0.0, 5e-324]]
)
def test_where_no_round_numbers_fit_the_ends_are_named(values):
    labels = charts.ticks(bins(values))
    assert labels
    assert all("inf" not in label.text for label in labels)


@pytest.mark.parametrize(
    ("least", "step"), [(1, 1), (1.1, 2), (3, 5), (7, 10), (0.03, 0.05), (1e-300, 0), (math.inf, 0)]
)
def test_steps_are_round(least, step):
    assert charts.nice_step(least) == pytest.approx(step)
