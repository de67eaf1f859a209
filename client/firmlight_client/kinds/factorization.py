"""FACTORIZATION: the prime factors of one integer, each proved prime.

Three methods search at the same time: trial division by disjoint ranges of primes, elliptic curves
with distinct seeds, and FLINT's complete method (quadratic sieve), which is the last subtask and
always ends. It is quick for numbers of this size; the others find most factors first, and still do
where one method fails. A worker that finds a divisor goes on to the whole factorization, so its
partial alone decides the task.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from itertools import combinations, count
from math import gcd, prod
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import msgspec

from firmlight_client.kinds import Kind, ParamsError
from firmlight_client.kinds.checking import require

if TYPE_CHECKING:
    from flint import fmpz

NUMBER_MAX = 10**40
_DIGITS = re.compile(r"\s*\+?([0-9]{1,100})\s*", re.ASCII)
NUMBER_DIGITS_MAX = len(str(NUMBER_MAX))
EXPONENT_MAX = NUMBER_MAX.bit_length() - 1  # of the smallest prime
WORD_MAX = 2**64 - 1  # FLINT needs no sieve for numbers of one word
SMOOTH_BITS = 67  # of the second largest prime of any number up to NUMBER_MAX
CURVE_BOUND = 10_000
DIVISORS_MAX = 26  # the product of the first 27 primes is larger than NUMBER_MAX
# [(divisor in decimal, exponent), …]: pairwise coprime, ascending, their product the number.
Base = list[tuple[str, int]]
Divisor = Annotated[str, msgspec.Meta(pattern=r"^[1-9][0-9]*\Z", max_length=NUMBER_DIGITS_MAX)]
Exponent = Annotated[int, msgspec.Meta(ge=1, le=EXPONENT_MAX)]


class Plan(NamedTuple):
    """How composite numbers below `below` are searched; one subtask takes 0.02 to 0.3 s."""

    below: int
    trial_up_to: int  # primes, cut into `trials` ranges
    trials: int
    curve_bound: int  # stage 1 of the elliptic curves
    curve_subtasks: int
    curves_each: int


PLANS = (
    Plan(10**12, 0, 0, 0, 0, 0),  # the complete method needs microseconds
    Plan(10**24, 1_000_000, 2, 2_000, 4, 5),
    Plan(10**30, 2_000_000, 4, 2_000, 16, 8),
    Plan(NUMBER_MAX + 1, 4_000_000, 4, 10_000, 44, 3),  # finds 18 digits nine times in ten
)


class FactorizationParams(msgspec.Struct, forbid_unknown_fields=True):
    """One integer. Whatever it came as, `number` is its decimal string afterwards."""

    number: Annotated[
        int | str,
        msgspec.Meta(
            title="Number",
            description="An integer from 2 to 10^40, in decimal digits.",
            examples=["1000000000000000009", 91],
            extra_json_schema={"pattern": r"^\s*\+?[0-9]{1,100}\s*$"},
        ),
    ]

    def __post_init__(self) -> None:
        self.number = str(_checked(self.number))


def _checked(number: int | str) -> int:
    """The number as an integer. Raises ParamsError."""
    if isinstance(number, str):
        if not (digits := _DIGITS.fullmatch(number)):
            raise ParamsError(_what_is_wrong(number), "number")
        number = int(digits[1])
    if not 2 <= number <= NUMBER_MAX:
        raise ParamsError("the number must be at least 2 and at most 10^40", "number")
    return number


def _what_is_wrong(text: str) -> str:
    if len(text) <= 1000:
        for place, character in enumerate(text.strip(), 1):
            if character not in "0123456789":
                must = "the number must be a positive integer in decimal digits"
                return f"{must}; place {place} is {character!r}"
    return "the number must be a positive integer of 1 to 100 decimal digits"


class Factorization(Kind):
    """Payload `[number, method, …]`; partial: a Base of the number.

    It consists of primes only once a worker has found a divisor.

    It `proves`: whatever passes `check` leads to the right result, for `finish` factors what is
    still composite and proves each prime. That a curve has found nothing is not proved, and need
    not be: a worker that withholds a divisor costs others time, until the complete method ends. For
    the same reason it is not `deterministic`: workers may search as they like.
    """

    name, title, version = "FACTORIZATION", "Prime factors of a number", "1"
    deterministic = False
    proves = True
    Params = FactorizationParams
    Partial = Annotated[
        list[tuple[Divisor, Exponent]], msgspec.Meta(min_length=1, max_length=DIVISORS_MAX)
    ]
    small = True

    def summary(self, params: FactorizationParams) -> list[tuple[str, str]]:
        return [("Digits", str(len(str(params.number))))]

    def split(self, params: FactorizationParams) -> Iterator[list[Any]]:
        number = int(params.number)
        n = _fmpz(number)
        if not n.is_probable_prime() and not n.is_perfect_power():  # no curve tells p from p²
            yield from _search_payloads(number)
        yield [str(number), "complete"]

    def run(self, payload: list[Any]) -> Base:
        number, method, *rest = payload
        divisor = _METHODS[method](int(number), *rest)
        if divisor is None:
            return [(number, 1)]
        return _sorted(_prime_factors(divisor) + _prime_factors(int(number) // divisor))

    def whole(self, params: FactorizationParams) -> Base:
        return self.run([params.number, "complete"])

    def combine(self, a: Base, b: Base) -> Base:
        return a if a == b else _refined(_number(a), [int(divisor) for divisor, _ in a + b])

    def is_decided(self, partial: Base, params: FactorizationParams | None) -> bool:
        """Whether all its divisors are primes; with params, whether they are those of the number.

        Each is proved prime, so with params the answer is a proof, too.
        """
        if params is not None and not _is_base_of(partial, int(params.number)):
            return False
        return all(_is_prime(int(divisor)) for divisor, _ in partial)

    def check(
        self,
        partial: Base,
        subtasks: Sequence[int],
        payloads: Sequence[Any] | None,
        params: FactorizationParams,
    ) -> None:
        """It must be a Base of the number, of primes only if the complete method made it."""
        divisors = [int(divisor) for divisor, _ in partial]
        require(divisors == sorted(set(divisors)), "its divisors are not in ascending order")
        require(divisors[0] > 1, "1 is no divisor that tells anything")
        require(_is_base_of(partial, int(params.number)), f"its product is not {params.number}")
        are_coprime = all(gcd(a, b) == 1 for a, b in combinations(divisors, 2))
        require(are_coprime, "some of its divisors have a common one")
        complete = sum(1 for _ in self.split(params)) - 1  # it is the last subtask
        if complete in subtasks:
            require(self.is_decided(partial, params), "the complete method leaves only primes")

    def same(self, a: Base, b: Base) -> bool:
        """Whether both are of one number: one worker may have found what another has not."""
        return _is_base_of(a, _number(b))

    def finish(self, partial: Base, params: FactorizationParams) -> dict[str, Any]:
        """The result, factoring what is still composite, in at most some 50 ms.

        That is the case if the complete method failed on every worker.
        """
        number = int(params.number)
        base = _refined(number, [int(divisor) for divisor, _ in partial])
        powers = Counter[int]()
        for divisor, exponent in base:
            powers += _times(_prime_factors(int(divisor)), exponent)
        factors = _sorted(powers)
        product = prod(int(prime) ** exponent for prime, exponent in factors)
        if product != number or not all(_is_prime(int(prime)) for prime, _ in factors):
            raise ArithmeticError(f"{factors} is not the factorization of {number}")
        return {
            "number": params.number,
            "factors": [list(factor) for factor in factors],
            "divisors": prod(exponent + 1 for _, exponent in factors),
            "proved": True,
        }


# The methods of searching


def _search_payloads(number: int) -> Iterator[list[Any]]:
    plan = next(plan for plan in PLANS if number < plan.below)
    for i in range(plan.trials):
        low = plan.trial_up_to * i // plan.trials
        high = plan.trial_up_to * (i + 1) // plan.trials
        yield [str(number), "trial", low, high]
    for i in range(plan.curve_subtasks):
        yield [str(number), "curves", 6 + i * plan.curves_each, plan.curves_each, plan.curve_bound]


def _trial(number: int, low: int, high: int) -> int | None:
    """The product of the primes in low < p <= high that divide the number, unless there is none."""
    import gmpy2

    primes = gmpy2.primorial(high) // gmpy2.primorial(low)
    divisor = int(gmpy2.gcd(primes % number, number))
    return divisor if divisor > 1 else None


def _curves(number: int, sigma: int, count: int, bound: int) -> int | None:
    """Try the curves of sigma, sigma + 1, … (count of them)."""
    from firmlight_client.kinds._ecm import find_factor

    found = (find_factor(number, sigma + i, bound) for i in range(count))
    return next(filter(None, found), None)


def _complete(number: int) -> int:
    """The number is a divisor of itself: its factorization follows."""
    return number


_METHODS: dict[str, Callable[..., int | None]] = {
    "trial": _trial,
    "curves": _curves,
    "complete": _complete,
}


# Primes and coprime bases


def _fmpz(number: int) -> fmpz:
    from flint import fmpz  # it takes 0.05 s to import, and many a process only lists the kinds

    return fmpz(number)


def _is_prime(number: int) -> bool:
    """Whether a number is prime, proved by FLINT.

    It certifies by Sorenson-Webster below 2^81, then by Pocklington, Morrison or APRCL.
    """
    return _fmpz(number).is_prime() == 1


def _prime_factors(number: int) -> Counter[int]:
    """Prime -> exponent, by FLINT's complete method."""
    if number > WORD_MAX and not _sieve_works():
        return _without_sieve(number)
    return Counter({int(prime): int(exponent) for prime, exponent in _fmpz(number).factor()})


@cache
def _sieve_works() -> bool:
    """Whether FLINT can make the file that its quadratic sieve needs; without it, it aborts.

    The file is in /tmp whatever TMPDIR says, and Landlock closes that to a slot. On Windows the
    folder is TEMP.
    """
    if sys.platform == "win32":
        return True
    try:
        with tempfile.TemporaryFile(dir="/tmp"):
            return True
    except OSError:
        return False


def _without_sieve(number: int) -> Counter[int]:
    """Prime -> exponent, by elliptic curves: seconds where the sieve takes 0.1 s.

    FLINT's curves come first; what they leave, which is rare, is left to ours until one finds it.
    """
    from firmlight_client.kinds._ecm import find_factor

    if _is_prime(number):
        return Counter({number: 1})
    powers = Counter[int]()
    for found, exponent in _fmpz(number).factor_smooth(SMOOTH_BITS):
        divisor = int(found)
        if divisor < number:
            parts = _prime_factors(divisor)
        else:
            curves = (find_factor(number, sigma, CURVE_BOUND) for sigma in count(6))
            factor = next(filter(None, curves))
            parts = _prime_factors(factor) + _prime_factors(number // factor)
        powers += _times(parts, int(exponent))
    return powers


def _times(factors: Counter[int], exponent: int) -> Counter[int]:
    return Counter({prime: power * exponent for prime, power in factors.items()})


def _sorted(factors: Counter[int]) -> Base:
    return [(str(prime), exponent) for prime, exponent in sorted(factors.items())]


def _number(base: Base) -> int:
    """The number of which this is a base.

    Raises ValueError for one beyond NUMBER_MAX: each factor has its bound, but their product may be
    anything.
    """
    number = 1
    for divisor, exponent in base:
        number *= int(divisor) ** exponent
        if number > NUMBER_MAX:
            raise ValueError("these divisors are of no number that was asked for")
    return number


def _is_base_of(base: Base, number: int) -> bool:
    """Whether the product is the number."""
    try:
        return _number(base) == number
    except ValueError:
        return False


def _refined(number: int, divisors: Iterable[int]) -> Base:
    """The coarsest Base of the number that tells all these divisors apart, whatever their order.

    (The natural coprime base of Bach, Driscoll and Shallit, "Factor refinement", 1993.)
    """
    coprime: list[int] = []
    waiting = [number, *(gcd(divisor, number) for divisor in divisors)]
    while waiting:
        new = waiting.pop()
        clash = next((old for old in coprime if gcd(old, new) > 1), None)
        if new == 1 or new == clash:
            continue
        if clash is None:
            coprime.append(new)
            continue
        coprime.remove(clash)
        common = gcd(clash, new)
        waiting += [clash // common, common, new // common]
    exponents = Counter({divisor: _valuation(number, divisor) for divisor in coprime})
    return _sorted(+exponents)  # + drops those that do not divide the number


def _valuation(number: int, divisor: int) -> int:
    """How often the divisor goes into the number."""
    times = 0
    while number % divisor == 0:
        number, times = number // divisor, times + 1
    return times
