"""FACTORIZATION: right, proved, and the same however it was split."""

from __future__ import annotations

import json
from itertools import pairwise
from math import prod
from typing import Any

import gmpy2
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmlight_client.kinds import ParamsError, carried_partial, combine_all
from firmlight_client.kinds import factorization as module
from firmlight_client.kinds._ecm import find_factor, primes_up_to
from firmlight_client.kinds.factorization import Factorization
from tests.client.kinds import steady

kind = Factorization()
numbers = st.integers(2, 10**40) | st.integers(2, 10**6)


def prime_after(number: int) -> int:
    return int(gmpy2.next_prime(number))


def factor(number: Any) -> dict[str, Any]:
    """The whole way, as a worker and the server go it: stop at the partial that decides."""
    params = kind.load({"number": number})
    partials = []
    for payload in kind.split(params):
        partials.append(kind.run(payload))
        if kind.is_decided(partials[-1], params):
            break
    return kind.finish(combine_all(kind, partials), params)


@settings(steady, max_examples=60)
@given(numbers)
def test_the_factors_are_primes_and_multiply_to_the_number(number):
    params = kind.load({"number": number})
    *_, complete = kind.split(params)
    result = kind.finish(kind.run(complete), params)
    assert prod(int(prime) ** exponent for prime, exponent in result["factors"]) == number
    assert all(gmpy2.is_prime(int(prime), 50) for prime, _ in result["factors"])
    assert result["divisors"] == prod(exponent + 1 for _, exponent in result["factors"])
    assert result["proved"] is True
    assert json.loads(json.dumps(result)) == result


@pytest.mark.parametrize("number", range(2, 200))
def test_small_numbers_have_as_many_divisors_as_counting_finds(number):
    assert factor(number)["divisors"] == sum(number % d == 0 for d in range(1, number + 1))


@pytest.mark.parametrize("number", [2**61 - 1, 10**18 + 9, 2**127 - 1])
def test_a_prime_is_one_subtask_and_its_own_factor(number):
    assert len(list(kind.split(kind.load({"number": number})))) == 1
    assert factor(number)["factors"] == [[str(number), 1]]


def test_two_nine_digit_primes_come_apart():
    p, q = prime_after(3 * 10**8), prime_after(7 * 10**8)
    assert factor(p * q)["factors"] == [[str(p), 1], [str(q), 1]]


def test_two_eighteen_digit_primes_come_apart_in_dozens_of_subtasks():
    p, q = prime_after(3 * 10**17), prime_after(7 * 10**17)
    assert 24 <= len(list(kind.split(kind.load({"number": p * q})))) <= 100
    assert factor(str(p * q))["factors"] == [[str(p), 1], [str(q), 1]]


# flintlib/flint issue 2250: a quadratic sieve that never ended on these
@pytest.mark.parametrize(
    "number",
    [
        100838095593318077623227274510379021,
        126582278481012658227848101265822806309,
        1666666666666666666666666666666666845161,
    ],
)
def test_the_complete_method_ends_where_an_older_one_did_not(number):
    assert kind.is_decided(kind.run([str(number), "complete"]), None)


@pytest.mark.parametrize(
    "number",
    [
        3 * (10**18 + 9) ** 2,
        100838095593318077623227274510379021,
        2**7 * (10**9 + 7) * (10**12 + 39) * (10**15 + 37),
        (10**9 + 7) ** 4,
    ],
)
def test_without_a_sieve_the_same_factors_are_found(number):
    assert module._without_sieve(number) == module._prime_factors(number)


def test_what_other_curves_leave_ours_find(monkeypatch):
    monkeypatch.setattr(module, "SMOOTH_BITS", 10)  # FLINT's curves find nothing then
    number = (10**15 + 37) * (10**12 + 39)
    assert module._without_sieve(number) == {10**15 + 37: 1, 10**12 + 39: 1}


def test_a_power_of_a_large_prime_is_found_immediately():
    p = prime_after(3 * 10**12)
    assert len(list(kind.split(kind.load({"number": p**3})))) == 1
    assert factor(p**3)["factors"] == [[str(p), 3]]


@settings(steady, max_examples=40)
@given(
    st.lists(
        st.sampled_from([2, 3, 5, 999983, 1000003, 3000000019, 10**12 + 39]), min_size=2, max_size=4
    )
)
def test_a_partial_with_one_divisor_decides_the_task_alone(primes):
    number = prod(primes)
    for payload in (
        p for p in kind.split(kind.load({"number": min(number, 10**40)})) if p[1] == "trial"
    ):
        partial = kind.run(payload)
        assert kind.is_decided(partial, None) or partial == [(payload[0], 1)]


def test_trial_ranges_are_disjoint_and_seeds_distinct():
    payloads = list(
        kind.split(kind.load({"number": prime_after(10**19) * prime_after(2 * 10**19)}))
    )
    edges = [payload[2:] for payload in payloads if payload[1] == "trial"]
    assert all(before[1] == after[0] for before, after in pairwise(edges))
    seeds = [
        payload[2] + i for payload in payloads if payload[1] == "curves" for i in range(payload[3])
    ]
    assert len(seeds) == len(set(seeds)) > 100
    assert payloads[-1][1] == "complete"


bases = st.lists(st.sampled_from([2, 3, 5, 7, 11, 13]), min_size=1, max_size=8)


def partial_from(number: int, divisors: list[int]) -> module.Base:
    return module._refined(number, divisors)


@steady
@given(bases, st.lists(bases, min_size=3, max_size=3))
def test_combining_is_associative_and_in_any_order(primes, found):
    number = prod(primes)
    a, b, c = (partial_from(number, [prod(divisor)]) for divisor in found)
    whole = kind.combine(kind.combine(a, b), c)
    assert whole == kind.combine(a, kind.combine(b, c)) == kind.combine(kind.combine(c, a), b)
    assert prod(int(divisor) ** exponent for divisor, exponent in whole) == number


def test_what_different_workers_found_is_put_together():
    number = 15 * 77
    whole = kind.combine([["15", 1], ["77", 1]], [["33", 1], ["35", 1]])
    assert whole == [("3", 1), ("5", 1), ("7", 1), ("11", 1)]
    assert kind.is_decided(whole, None)
    assert not kind.is_decided([[str(number), 1]], None)


def test_what_nobody_found_is_factored_at_the_end():
    p, q = prime_after(10**9), prime_after(10**10)
    params = kind.load({"number": p * q})
    assert kind.finish([[params.number, 1]], params)["factors"] == [[str(p), 1], [str(q), 1]]


def test_a_partial_of_lies_cannot_spoil_the_result():
    params = kind.load({"number": 91})
    assert kind.finish([["13", 5], ["1", 2], ["0", 1], ["4", 1]], params)["factors"] == [
        ["7", 1],
        ["13", 1],
    ]


@pytest.mark.parametrize("number", [91, "91", " 91 ", "+91", "0091"])
def test_integers_and_decimal_strings_are_the_same_number(number):
    assert kind.load({"number": number}).number == "91"


def test_the_largest_number_is_not_rounded():
    assert kind.load({"number": 10**40 - 1}).number == "9" * 40
    assert factor(10**40)["factors"] == [["2", 40], ["5", 40]]


@pytest.mark.parametrize(
    "number",
    [
        0,
        1,
        -7,
        10**40 + 1,
        "0",
        "1",
        "-7",
        "1e9",
        "1.0",
        "",
        "0x10",
        "٣",
        "9" * 101,
        1e9,
        None,
        True,
        [7],
    ],
)
def test_what_cannot_be_factored_is_refused_by_name(number):
    with pytest.raises(ParamsError) as refused:
        kind.load({"number": number})
    assert refused.value.field == "number"


def test_payloads_and_partials_survive_messagepack():
    params = kind.load({"number": prime_after(10**9) * prime_after(10**10)})
    for payload in kind.split(params):
        again = msgspec.msgpack.decode(msgspec.msgpack.encode(payload))
        partial = kind.run(again)
        assert carried_partial(kind, partial) == partial


@settings(steady, max_examples=25)
@given(st.integers(10**8, 10**10), st.integers(10**8, 10**10), st.integers(6, 10**6))
def test_a_curve_finds_only_proper_divisors(a, b, sigma):
    number = prime_after(a) * prime_after(b)
    divisor = find_factor(number, sigma, 200)
    assert divisor is None or (1 < divisor < number and number % divisor == 0)


def test_ten_curves_find_a_ten_digit_prime():
    number = prime_after(10**9) * prime_after(10**19)
    assert any(find_factor(number, sigma, 2000) for sigma in range(6, 16))


def test_the_sieve_counts_the_primes():
    assert [len(primes_up_to(10**k)) for k in range(1, 6)] == [4, 25, 168, 1229, 9592]
