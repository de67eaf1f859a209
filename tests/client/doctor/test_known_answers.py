"""The known answers are true, by other means than the kinds' own code."""

from __future__ import annotations

import hashlib
import math
import struct
from typing import Any

import msgspec
import pytest

from firmlight_client import kinds
from firmlight_client.doctor import known_answers
from firmlight_client.doctor.known_answers import Doubles, Subtask
from tests.client.known_answers import text

CHANGED = (
    "The code no longer gives these answers. If payloads or partials of a kind have changed, give "
    "it another version, and write the answers again: python -m tests.client.known_answers"
)
WITNESSES = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41)  # Sorenson and Webster, 2015


def subtasks(name: str) -> list[Subtask]:
    return [one for lease in known_answers.load()[name].leases for one in lease.subtasks]


def decoded(data: str) -> Any:
    return msgspec.msgpack.decode(bytes.fromhex(data))


def test_the_code_gives_the_known_answers() -> None:
    assert known_answers.FILE.read_text(encoding="utf-8") == text(), CHANGED


def test_they_are_of_the_kinds_that_come_with_the_client() -> None:
    own = [kind for kind in kinds.listed().values() if "firmlight_client" in type(kind).__module__]
    offline = {kind.name: kind.version for kind in own if kind.network == "none"}
    known = known_answers.load()
    assert {name: answers.version for name, answers in known.items()} == offline


def is_prime(number: int) -> bool:
    """Miller and Rabin; a proof below 3.3 · 10^24, and nearly one above."""
    odd, twos = number - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    for witness in WITNESSES:
        power = pow(witness, odd, number)
        chain = [pow(power, 2**step, number) for step in range(twos)]
        if power != 1 and number - 1 not in chain:
            return False
    return True


def test_the_factors_are_prime_and_their_product_is_the_number() -> None:
    for subtask in subtasks("FACTORIZATION"):
        factors = [(int(prime), exponent) for prime, exponent in decoded(subtask.partial)]
        product = math.prod(prime**exponent for prime, exponent in factors)
        assert product == int(subtask.value[0])
        assert all(is_prime(prime) for prime, _ in factors)
        assert factors == sorted(factors)


def test_the_sums_are_those_of_exact_integers() -> None:
    partials = list[Any]()
    for subtask in subtasks("MEAN")[::4]:
        packed = msgspec.msgpack.decode(known_answers.payload(subtask))
        numbers = struct.unpack(f"<{len(packed) // 8}d", packed)
        ratios = (number.as_integer_ratio() for number in numbers)
        units = [numerator * (2**1074 // denominator) for numerator, denominator in ratios]
        count, total, squares, least, most, bins = decoded(subtask.partial)
        assert [count, least, most] == [len(numbers), min(numbers), max(numbers)]
        assert int.from_bytes(total, "little", signed=True) == sum(units)
        assert int.from_bytes(squares, "little", signed=True) == sum(unit**2 for unit in units)
        assert sum(bins[2]) == count
        partials.append(bins)
    assert len({tuple(bins[2]) for bins in partials}) == len(partials)


def test_the_numbers_use_all_of_their_mantissas() -> None:
    packed = known_answers.made(Doubles("seed", 1000, 1023, 1024))
    mantissas = {number & (2**52 - 1) for number in struct.unpack("<1000Q", packed)}
    assert len(mantissas) == 1000
    assert all(1 <= abs(number) < 2 for number in struct.unpack("<1000d", packed))
    everything = 0
    for mantissa in mantissas:
        everything |= mantissa
    assert everything == 2**52 - 1


def test_a_recipe_gives_the_same_bytes_everywhere() -> None:
    packed = known_answers.made(Doubles("seed", 3, 1000, 1010))
    assert (
        hashlib.sha256(packed).hexdigest()
        == "993eb425f19d298fa7771276558e5b92ea2f8e175cf516f8e8f58fbcd59a0d24"
    )


def test_an_input_that_came_out_wrong_is_noticed() -> None:
    subtask = subtasks("MEAN")[0]
    subtask.sha256 = "0" * 64
    with pytest.raises(known_answers.WrongInput):
        known_answers.payload(subtask)
