"""MEAN: exact, and to the last bit the same however it was split."""

from __future__ import annotations

import json
import math
import random
import statistics
import struct
from base64 import b64encode
from fractions import Fraction

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmlight_client.kinds import ParamsError, combine_all
from firmlight_client.kinds._exact_sum import (
    BLOCK,
    exact_sums,
    from_bytes,
    mean_of,
    to_bytes,
    variance_of,
)
from firmlight_client.kinds.mean import Mean
from tests.client.kinds import steady

kind = Mean()
finite = st.floats(allow_nan=False, allow_infinity=False)
edges = st.sampled_from(
    [0.0, -0.0, 5e-324, -5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, 1e16, 1.0, 0.1]
)
lists = st.lists(finite | edges, min_size=1, max_size=60)


def mean(values: list[float], cuts: list[int] | None = None) -> dict:
    """As workers would do it, each taking the numbers between two cuts."""
    params = kind.load({"numbers": values})
    packed = params.numbers
    ends = sorted({min(8 * cut, len(packed)) for cut in cuts or []} | {len(packed)})
    payloads = [
        packed[start:end] for start, end in zip([0, *ends], ends, strict=False) if end > start
    ]
    return kind.finish(combine_all(kind, [kind.run(payload) for payload in payloads]), params)


def rounded(value: Fraction) -> float | None:
    try:
        return value.numerator / value.denominator
    except OverflowError:
        return None


def reference(values: list[float]) -> dict:
    exact = [Fraction(value) for value in values]
    average = sum(exact) / len(exact)
    variance = sum((value - average) ** 2 for value in exact) / len(exact)
    return {
        "count": len(values),
        "mean": rounded(average),
        "variance": rounded(variance),
        "min": min(values),
        "max": max(values),
    }


def without_histogram(result: dict) -> dict:
    return {name: value for name, value in result.items() if name != "histogram"}


@steady
@given(lists)
def test_mean_and_variance_are_the_exact_ones_rounded_once(values):
    assert without_histogram(mean(values)) == reference(values)


@steady
@given(lists, st.lists(st.integers(1, 60), max_size=5), st.randoms())
def test_neither_the_cuts_nor_the_order_change_a_bit(values, cuts, random):
    whole = mean(values)
    random.shuffle(values)
    other = mean(values, cuts)
    assert [struct.pack("<d", other[key]) for key in ("mean", "min", "max")] == [
        struct.pack("<d", whole[key]) for key in ("mean", "min", "max")
    ]
    assert other == whole


def test_many_numbers_of_all_sizes_are_summed_exactly():
    rng = random.Random(7)
    values = [rng.uniform(-1, 1) * 10.0 ** rng.randint(-300, 300) for _ in range(2 * BLOCK + 5)]
    result = mean(values, [100, BLOCK])
    exact = sum(map(Fraction, values))
    assert result["mean"] == rounded(exact / len(values))
    assert result["mean"] == math.fsum(values) / len(values) or abs(exact) > 0
    assert result["variance"] is None


def test_full_blocks_of_the_largest_mantissa_do_not_overflow():
    value = math.nextafter(2.0, 0)
    total, squares = exact_sums(np.full(3 * BLOCK, value))
    assert Fraction(total, 2**1074) == 3 * BLOCK * Fraction(value)
    assert Fraction(squares, 2**2148) == 3 * BLOCK * Fraction(value) ** 2


def test_small_differences_of_large_numbers_are_not_lost():
    values = [1e9 + 4, 1e9 + 7, 1e9 + 13, 1e9 + 16]
    assert mean(values)["variance"] == 22.5
    assert mean([1e16, 1.0, -1e16])["mean"] == 1 / 3


def test_python_s_statistics_agrees():
    rng = random.Random(1)
    values = [rng.gauss(1e3, 1e2) for _ in range(5000)]
    assert mean(values)["mean"] == statistics.mean(values)
    assert mean(values)["variance"] == statistics.pvariance(values)


def test_a_variance_beyond_binary64_is_null_and_the_mean_still_exact():
    result = mean([1.7976931348623157e308, 1.7976931348623157e308, -1e308])
    assert result["variance"] is None
    assert math.isfinite(result["mean"])
    assert mean([1.7976931348623157e308] * 3)["mean"] == 1.7976931348623157e308


def test_minus_zero_shows_nowhere():
    assert math.copysign(1, mean([-0.0])["min"]) == 1
    assert "-0" not in json.dumps(mean([-0.0, 0.0]))


@steady
@given(st.integers())
def test_integers_travel_as_the_shortest_bytes(value):
    assert from_bytes(to_bytes(value)) == value
    assert len(to_bytes(value)) == 1 or from_bytes(to_bytes(value)[:-1]) != value


def test_mean_of_and_variance_of_round_subnormals_too():
    assert mean_of(2, 3) == 1e-323  # 1.5 units of 2^-1074: half to even
    assert variance_of(1, 5, 25) == 0.0


def test_a_few_numbers_still_make_several_subtasks_and_many_make_bounded_ones():
    assert len(list(kind.split(kind.load({"numbers": [1.0] * 20_000})))) == 16
    sizes = [len(payload) for payload in kind.split(kind.load({"numbers": bytes(8 * 1_000_000)}))]
    assert max(sizes) == 256 * 2**10
    assert sum(sizes) == 8 * 1_000_000


def test_numbers_are_kept_packed():
    params = kind.load({"numbers": [1, 2.5]})
    assert params.numbers == struct.pack("<2d", 1, 2.5)
    again = msgspec.msgpack.decode(msgspec.msgpack.encode(params), type=kind.Params)
    assert again == params
    assert kind.load({"numbers": b64encode(params.numbers).decode()}) == params


@pytest.mark.parametrize(
    "numbers",
    [[], [1, math.nan], [math.inf], [-math.inf], json.loads("[1e999]"), [10**400], ["1"], [None], [True], "no base64!",
     b"1234567", b"", struct.pack("<d", math.nan), None, 5],
)  # fmt: skip
def test_what_has_no_mean_is_refused_by_name(numbers):
    with pytest.raises(ParamsError) as refused:
        kind.load({"numbers": numbers})
    assert refused.value.field == "numbers"
    assert refused.value.message


def test_the_number_that_is_not_finite_is_named():
    with pytest.raises(ParamsError, match="number 3 is not finite: nan"):
        kind.load({"numbers": [1.0, 2.0, math.nan]})


def test_payloads_and_partials_survive_messagepack():
    (payload,) = kind.split(kind.load({"numbers": [1e308, -2.5, 5e-324]}))
    partial = kind.run(msgspec.msgpack.decode(msgspec.msgpack.encode(payload)))
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(partial)) == partial


def test_a_subtask_with_an_infinity_raises():
    with pytest.raises(ValueError, match="finite"):
        kind.run(struct.pack("<2d", 1, math.inf))
