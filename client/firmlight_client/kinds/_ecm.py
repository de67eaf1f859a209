"""Lenstra's elliptic curve method on Montgomery curves: finds one prime factor.

Its time grows with the size of that factor. Curves by Suyama's parameter sigma (Brent, "Some
integer factorization algorithms using elliptic curves", 1986; Montgomery, "Speeding the Pollard and
elliptic curve methods of factorization", 1987, for ladder and second stage). A point is its pair
(X, Z) modulo n; all coordinates are gmpy2.mpz.
"""

from __future__ import annotations

from functools import cache

import gmpy2
from gmpy2 import mpz

STEP = 210  # giant step of the second stage: 2·3·5·7
Point = tuple[mpz, mpz]


@cache
def primes_up_to(limit: int) -> list[int]:
    """The primes <= limit, ascending (sieve of Eratosthenes)."""
    sieve = bytearray([1]) * (limit + 1)
    sieve[:2] = b"\0\0"
    for i in range(2, int(gmpy2.isqrt(limit)) + 1):
        if sieve[i]:
            sieve[i * i :: i] = bytes(len(range(i * i, limit + 1, i)))
    return [i for i in range(limit + 1) if sieve[i]]


def find_factor(n: int, sigma: int, bound: int) -> int | None:
    """Try the curve of `sigma` (>= 6) with stage 1 up to `bound` and stage 2 up to 50·bound.

    Returns a divisor of n other than 1 and n, or None.
    """
    modulus = mpz(n)
    try:
        point, a24 = _curve(modulus, sigma)
    except ZeroDivisionError:  # sigma meets a factor of n by chance
        return _proper(gmpy2.gcd(4 * (sigma**2 - 5) ** 3 * 4 * sigma, modulus), modulus)
    point = _stage_one(point, bound, a24, modulus)
    found = _proper(gmpy2.gcd(point[1], modulus), modulus)
    return found or _proper(gmpy2.gcd(_stage_two(point, bound, a24, modulus), modulus), modulus)


def _proper(divisor: mpz, modulus: mpz) -> int | None:
    return int(divisor) if 1 < divisor < modulus else None


def _curve(n: mpz, sigma: int) -> tuple[Point, mpz]:
    """The start point and (a + 2) / 4 of Suyama's curve.

    Raises ZeroDivisionError where n has no inverse for it.
    """
    u, v = mpz(sigma * sigma - 5) % n, mpz(4 * sigma) % n
    x, z = pow(u, 3, n), pow(v, 3, n)
    a24 = pow(v - u, 3, n) * (3 * u + v) % n * gmpy2.invert(16 * x * v % n, n) % n
    return (x, z), a24


def _double(point: Point, a24: mpz, n: mpz) -> Point:
    x, z = point
    plus, minus = (x + z) ** 2 % n, (x - z) ** 2 % n
    gap = plus - minus
    return plus * minus % n, gap * (minus + a24 * gap) % n


def _add(p: Point, q: Point, difference: Point, n: mpz) -> Point:
    """p + q, given p - q."""
    u, v = (p[0] - p[1]) * (q[0] + q[1]), (p[0] + p[1]) * (q[0] - q[1])
    return difference[1] * ((u + v) ** 2 % n) % n, difference[0] * ((u - v) ** 2 % n) % n


def _multiply(k: int, point: Point, a24: mpz, n: mpz) -> Point:
    """k·point for k >= 1 (Montgomery's ladder)."""
    low, high = point, _double(point, a24, n)
    for bit in bin(k)[3:]:
        middle = _add(low, high, point, n)
        if bit == "1":
            low, high = middle, _double(high, a24, n)
        else:
            low, high = _double(low, a24, n), middle
    return low


@cache
def _stage_one_exponent(bound: int) -> int:
    """The product of all prime powers <= bound."""
    powers = [p ** int(gmpy2.log(bound) / gmpy2.log(p) + 1e-9) for p in primes_up_to(bound)]
    while len(powers) > 1:
        powers = [a * b for a, b in zip(powers[::2], [*powers[1::2], 1], strict=False)]
    return powers[0]


def _stage_one(point: Point, bound: int, a24: mpz, n: mpz) -> Point:
    return _multiply(_stage_one_exponent(bound), point, a24, n)


@cache
def _stage_two_pairs(bound: int) -> list[tuple[int, ...]]:
    """For each giant step beyond `bound`, the baby steps that lead to a prime.

    Those are the j for which g·STEP + j or g·STEP - j is prime.
    """
    primes = [p for p in primes_up_to(50 * bound) if p > bound]
    first = bound // STEP
    steps: list[set[int]] = [set() for _ in range(first, 50 * bound // STEP + 2)]
    for prime in primes:
        giant = (prime + STEP // 2) // STEP
        steps[giant - first].add(abs(prime - giant * STEP))
    return [tuple(sorted(step)) for step in steps]


def _stage_two(point: Point, bound: int, a24: mpz, n: mpz) -> mpz:
    """A product that the factor divides if the point's order needs one more prime <= 50·bound."""
    baby = {
        j: _multiply(j, point, a24, n)
        for j in range(1, STEP // 2 + 1, 2)
        if gmpy2.gcd(j, STEP) == 1
    }
    products = {j: x * z % n for j, (x, z) in baby.items()}
    giant = _multiply(STEP, point, a24, n)
    first = max(bound // STEP, 2)
    before, here = _multiply(first - 1, giant, a24, n), _multiply(first, giant, a24, n)
    found = mpz(1)
    for steps in _stage_two_pairs(bound)[first - bound // STEP :]:
        x, z = here
        both = x * z % n
        for j in steps:
            # (x - X)(z + Z) - xz + XZ = xZ - Xz: zero modulo p where the giant step equals ±j
            babyx, babyz = baby[j]
            found = found * ((x - babyx) * (z + babyz) - both + products[j]) % n
        before, here = here, _add(here, giant, before, n)
    return found
