"""Whether a partial of MEAN can be right, at a small part of the cost of computing it.

Two questions. Are there any numbers at all with this count, these sums, this smallest and largest
one and these bins (`check_sense`, exact, without the numbers)? Do the numbers that were given have
that count, that smallest and that largest one, and sums that are the same but for what binary64
rounds off (`check_numbers`)?

What passes may still be wrong in the last digits of the sums, by about 2^-37 of Σ|x| and of Σx² at
most, and in how numbers are spread over the bins, within what the sums allow. Only recomputation
tells.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple

from firmlight_client.kinds._exact_sum import UNIT_BITS, from_bytes, to_bytes
from firmlight_client.kinds._histogram import layout, units
from firmlight_client.kinds.checking import require

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ROUNDING = 2.0**-52  # twice what one addition or multiplication of binary64 may be off
EXPONENT_MAX = 1000  # so that 2^-exponent is a normal binary64
UNDERFLOW = 2.0**-1020  # what is lost of one number next to the largest one, at most


def check_sense(partial: Sequence[Any]) -> None:
    """Raise BadPartial if no numbers whatever have this partial."""
    count, *sums, least, most, (power, place, counts) = partial
    for data in sums:
        require(to_bytes(from_bytes(data)) == data, "a sum is not in its shortest form")
    for value in (least, most):
        require(value != 0 or math.copysign(1, value) > 0, "-0.0 stands for 0.0")
    require(least <= most, "the smallest number is larger than the largest one")
    fits = (power, place, len(counts)) == layout(least, most)
    require(fits, "the bins do not fit the smallest and the largest number")
    require(sum(counts) == count, "the bins do not add up to the count")
    require(bool(counts[0] and counts[-1]), "the bin of the smallest or largest number is empty")
    require(count > 1 or least == most, "one number is the smallest and the largest")
    low, high = units(least), units(most)
    total, squares = map(from_bytes, sums)
    _check_sums(count, total, squares, low, high, _bins(power, place, counts, low, high))


Bin = tuple[int, int, int]  # how many numbers, none below, none above; in units of 2^-1074


def _bins(power: int, place: int, counts: Sequence[int], low: int, high: int) -> list[Bin]:
    width = 1 << (power + UNIT_BITS)
    return [
        (number, max(i * width, low), min((i + 1) * width - 1, high))
        for i, number in enumerate(counts, place)
        if number
    ]


def _check_sums(
    count: int, total: int, squares: int, low: int, high: int, bins: Sequence[Bin]
) -> None:
    """Exact, as integers in the units of `_exact_sum`.

    In each bin all numbers may be as small or as large as its edges allow, but one is `low` and one
    is `high`.
    """
    first, last = bins[0], bins[-1]
    least = sum(number * a for number, a, _ in bins) - last[1] + high
    most = sum(number * b for number, _, b in bins) - first[2] + low
    require(least <= total <= most, "the sum is not what the bins, smallest and largest allow")
    require(total * total <= count * squares, "the sum of squares is too small for the sum")
    # Each (x - low)·(high - x) is 0 or more (R. Bhatia and C. Davis, "A better bound on the
    # variance", 2000).
    most = (low + high) * total - count * low * high
    require(squares <= most, "the sum of squares is too large for the sum, smallest and largest")
    least, most = _squares_between(low, high, bins)
    require(least <= squares <= most, "the sum of squares is not what the bins allow")


def _squares_between(low: int, high: int, bins: Sequence[Bin]) -> tuple[int, int]:
    """The least and the largest sum of squares that these bins allow."""
    squared = [(number, *_square_between(a, b)) for number, a, b in bins]
    first, last = squared[0], squared[-1]
    ends = low**2 + high**2  # of the two numbers that are known
    least = sum(number * a for number, a, _ in squared) - first[1] - last[1] + ends
    most = sum(number * b for number, _, b in squared) - first[2] - last[2] + ends
    return least, most


def _square_between(low: int, high: int) -> tuple[int, int]:
    """The least and the largest square of a number in low..high."""
    squares = low**2, high**2
    return (0 if low <= 0 <= high else min(squares)), max(squares)


def check_numbers(partial: Sequence[Any], pieces: Sequence[NDArray[np.float64]]) -> None:
    """Raise BadPartial if it is not the partial of these numbers, as far as this can tell."""
    check_ends(partial, pieces)
    _, *sums, least, most, _ = partial
    _, exponent = math.frexp(max(abs(least), abs(most)))
    exponent = max(-EXPONENT_MAX, min(exponent, EXPONENT_MAX))
    scale = UNIT_BITS + exponent
    total, squares = map(from_bytes, sums)
    near_total, near_squares = _rounded_sums(pieces, exponent)
    fits = near_total.holds(Fraction(total, 1 << scale))
    require(fits, "the sum is that of other numbers")
    fits = near_squares.holds(Fraction(squares, 1 << 2 * scale))
    require(fits, "the sum of squares is that of other numbers")


def check_ends(partial: Sequence[Any], pieces: Sequence[NDArray[np.float64]]) -> None:
    """Raise BadPartial unless it has the count, the smallest and the largest of these numbers."""
    count, _, _, least, most, _ = partial
    known = sum(piece.size for piece in pieces)
    require(count == known, f"it counts {count:,} numbers of {known:,}")
    require(least == min(float(piece.min()) for piece in pieces), "the smallest number is another")
    require(most == max(float(piece.max()) for piece in pieces), "the largest number is another")


class Near(NamedTuple):
    """A sum in binary64, and by how much it can be off."""

    value: float
    off: float

    def holds(self, exact: Fraction) -> bool:
        return abs(exact - Fraction(self.value)) <= Fraction(self.off)


def _rounded_sums(pieces: Sequence[NDArray[np.float64]], exponent: int) -> tuple[Near, Near]:
    """Near Σx and Σx² of the numbers divided by 2^exponent, so that no square is too large.

    A sum of n terms in any order is off by (n - 1)·2^-53 of the sum of their absolute values, and a
    little more (N. J. Higham, "Accuracy and Stability of Numerical Algorithms", 4.2).
    """
    import numpy as np

    factor = math.ldexp(1.0, -exponent)
    sums, sizes, squares = list[float](), list[float](), list[float]()
    for piece in pieces:
        scaled = piece * factor
        sums.append(float(scaled.sum()))
        sizes.append(float(np.abs(scaled, out=scaled).sum()))
        squares.append(float(np.square(scaled, out=scaled).sum()))  # no BLAS: it starts threads
    share = ROUNDING * (max(piece.size for piece in pieces) + 2)
    lost = UNDERFLOW * sum(piece.size for piece in pieces)
    total, size, square = map(math.fsum, (sums, sizes, squares))
    return Near(total, share * size + lost), Near(square, share * square + lost)
