"""FACTORIZATION's result: a formula. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec

from tasks.pages.results.shape import Ask, Digits, Incomplete, Shown

TEMPLATE = "tasks/results/_factors.html"


class Result(msgspec.Struct):
    number: Digits
    factors: Annotated[list[tuple[Digits, int]], msgspec.Meta(min_length=1)]
    divisors: int
    proved: bool
    incomplete: Incomplete | None = None


@dataclass(frozen=True)
class Number:
    """An integer; `groups` are its digits in threes, of which the first may be shorter."""

    digits: str

    @property
    def groups(self) -> list[str]:
        first = len(self.digits) % 3
        rest = [self.digits[at : at + 3] for at in range(first, len(self.digits), 3)]
        return [self.digits[:first], *rest] if first else rest

    @property
    def length(self) -> int:
        return len(self.digits)


@dataclass(frozen=True)
class Factors:
    number: Number
    powers: list[tuple[Number, int]]
    divisors: int
    proved: bool

    @property
    def says(self) -> str:
        """The formula in words, for screen readers."""
        powers = [f"{p.digits} to the power {e}" if e > 1 else p.digits for p, e in self.powers]
        return f"{self.number.digits} equals {' times '.join(powers)}"

    @property
    def is_prime(self) -> bool:
        return self.in_all == 1

    @property
    def distinct(self) -> int:
        return len(self.powers)

    @property
    def in_all(self) -> int:
        return sum(exponent for _, exponent in self.powers)

    @property
    def largest_length(self) -> int:
        return max(prime.length for prime, _ in self.powers)


def show(raw: bytes, ask: Ask) -> Shown:
    found = msgspec.json.decode(raw, type=Result)
    powers = [(Number(prime), exponent) for prime, exponent in found.factors]
    return Shown(
        TEMPLATE,
        Factors(Number(found.number), powers, found.divisors, found.proved),
        found.incomplete,
    )


def table(raw: bytes) -> Iterator[list[Any]]:
    found = msgspec.json.decode(raw, type=Result)
    return iter([["prime", "exponent"], *([prime, exponent] for prime, exponent in found.factors)])
