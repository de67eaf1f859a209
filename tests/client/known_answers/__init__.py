"""The known answers of `firmlight doctor --compute`, made by the real code.

`python -m tests.client.known_answers` writes them again, after the payloads or partials of a kind
changed, and with them its `version`. `tests/client/doctor/test_known_answers.py` proves them by
other means; run it on more than one machine before you commit them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import gmpy2
import msgspec

from firmlight_client import kinds
from firmlight_client.doctor.known_answers import Answers, Doubles, Lease, Subtask, digest, made
from firmlight_client.kinds._ecm import find_factor
from firmlight_client.kinds.factorization import NUMBER_MAX, PLANS

NUMBERS = 2**15  # in a subtask of MEAN: as many as it has at most
# (name, subtasks, exponents as IEEE 754 stores them: from and below)
NUMBERS_OF_MEAN = (("usual", 18, 1023 - 64, 1023 + 64), ("all", 6, 0, 2047))


def known() -> dict[str, Answers]:
    factorization, mean = kinds.get("FACTORIZATION"), kinds.get("MEAN")
    # A slot stops when a task is decided, so each of these subtasks is a lease of its own.
    numbers = [_lease(factorization, [Subtask("", "", value=value)]) for value in _numbers()]
    doubles = _lease(mean, [Subtask("", "", doubles=recipe) for recipe in _doubles()])
    return {
        "FACTORIZATION": Answers(factorization.version, times=2, leases=numbers),
        "MEAN": Answers(mean.version, times=20, leases=[doubles]),
    }


def text() -> str:
    """As the file has them."""
    return msgspec.json.format(msgspec.json.encode(known()), indent=1).decode() + "\n"


def _lease(kind: kinds.Kind, subtasks: list[Subtask]) -> Lease:
    partials = list[Any]()
    for subtask in subtasks:
        value = made(subtask.doubles) if subtask.doubles else subtask.value
        partial = kinds.carried_partial(kind, kind.run(kinds.carried(value)))
        subtask.sha256 = digest(msgspec.msgpack.encode(value))
        subtask.partial = msgspec.msgpack.encode(partial).hex()
        partials.append(partial)
    combined = kinds.combine_all(kind, partials)
    return Lease(subtasks, msgspec.msgpack.encode(combined).hex())


def _doubles() -> Iterator[Doubles]:
    for name, count, low, end in NUMBERS_OF_MEAN:
        for number in range(count):
            yield Doubles(f"{name} {number}", NUMBERS, low, end)


def _numbers() -> Iterator[list[Any]]:
    """Payloads of FACTORIZATION of which every one finds the factors.

    Where nothing is to be found, most faults would change nothing. Most numbers have a prime of 12
    to 15 digits, which curves find soon where the sieve does not work.
    """
    plan = PLANS[-1]
    for i in range(plan.trials):
        low, high = (plan.trial_up_to * end // plan.trials for end in (i, i + 1))
        inside = int(gmpy2.next_prime(low + drawn(f"trial {i}", high - low - 1000)))
        product = inside * prime(12, f"a {i}") * prime(20, f"b {i}")
        yield [str(product), "trial", low, high]
    for i in range(4):
        product = prime(15, f"curve {i}") * prime(24, f"cofactor {i}")
        yield [str(product), "curves", _sigma(product, plan.curve_bound), 1, plan.curve_bound]
    for i, digits in enumerate((13, 13, 20, 20)):
        yield [str(prime(digits, f"p {i}") * prime(39 - digits, f"q {i}")), "complete"]


def _sigma(product: int, bound: int) -> int:
    """The first curve that finds a factor."""
    sigma = 6
    while not find_factor(product, sigma, bound):
        sigma += 1
    return sigma


def prime(digits: int, seed: str) -> int:
    low = 10 ** (digits - 1)
    return int(gmpy2.next_prime(low + drawn(seed, 8 * low)))


def drawn(seed: str, below: int) -> int:
    assert below < NUMBER_MAX
    return int.from_bytes(hashlib.shake_256(seed.encode()).digest(32), "big") % below
