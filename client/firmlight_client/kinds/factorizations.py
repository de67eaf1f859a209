"""FACTORIZATIONS: the prime factors of many integers, in one task.

FACTORIZATION brings many machines to bear on one number; this brings many numbers to the machines, so each is factored
by one of them, with FLINT's complete method. Calls of FACTORIZATION that come by the thousand are packed into it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import msgspec

from firmlight_client.kinds import Kind, ParamsError
from firmlight_client.kinds.factorization import as_result, checked, prime_factors, sorted_base

NUMBERS_MAX = 10_000
SUBTASK_NUMBERS_MAX = 20  # the hardest take some 50 ms each
SUBTASKS_WANTED = 16  # of few numbers, so that several workers share them


class FactorizationsParams(msgspec.Struct, forbid_unknown_fields=True):
    """Many integers. Whatever they came as, `numbers` are decimal strings afterwards."""

    numbers: Annotated[
        list[int | str],
        msgspec.Meta(
            title="Numbers",
            description="Integers from 2 to 10^40, in decimal digits; up to 10,000 of them.",
            examples=[["1000000000000000009", 91]],
            min_length=1,
            max_length=NUMBERS_MAX,
        ),
    ]

    def __post_init__(self) -> None:
        self.numbers = [_checked(place, number) for place, number in enumerate(self.numbers, 1)]


def _checked(place: int, number: int | str) -> str:
    try:
        return str(checked(number))
    except ParamsError as error:
        raise ParamsError(f"number {place}: {error.message}", "numbers") from None


class Factorizations(Kind):
    """Payload: `[place of the first, numbers]`; partial: `[[place, [[prime, exponent], …]], …]` in no order."""

    name, title, version = "FACTORIZATIONS", "Prime factors of many numbers", "1"
    Params = FactorizationsParams

    def summary(self, params: FactorizationsParams) -> list[tuple[str, str]]:
        return [("Numbers", f"{len(params.numbers):,}")]

    def split(self, params: FactorizationsParams) -> Iterator[list[Any]]:
        each = min(max(-(-len(params.numbers) // SUBTASKS_WANTED), 1), SUBTASK_NUMBERS_MAX)
        for start in range(0, len(params.numbers), each):
            yield [start, params.numbers[start : start + each]]

    def run(self, payload: list[Any]) -> list[Any]:
        start, numbers = payload
        return [[start + i, sorted_base(prime_factors(int(number)))] for i, number in enumerate(numbers)]

    def combine(self, a: list[Any], b: list[Any]) -> list[Any]:
        return [*a, *b]

    def finish(self, partial: list[Any], params: FactorizationsParams) -> dict[str, Any]:
        """In the order of the numbers; of an incomplete task those that were factored."""
        return {"results": [as_result(int(params.numbers[place]), factors) for place, factors in sorted(partial)]}
