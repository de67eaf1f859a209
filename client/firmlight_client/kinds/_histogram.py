"""Histograms that merge exactly: whatever way numbers were split, the same bins come out.

Bins are 2^power wide and begin at multiples of that, so a bin of one width lies within one bin of
twice the width: a histogram is made coarser by adding up its bins, without the numbers. `power` is
the least, and thus a matter of the smallest and the largest number only, for which there are
BINS_MAX bins at most, and for which a bin's place fits into 53 bits, so that both its edges are
binary64.

What travels is `[power, place, counts]`: bin i holds the x with (place + i)·2^power <= x < (place +
i + 1)·2^power.
"""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BINS_MAX = 64
UNIT_BITS = 1074  # every binary64 is an integer in units of 2^-1074
PLACE_BITS = 53


def histogram(values: NDArray[np.float64], least: float, most: float) -> list[Any]:
    """Of 1..n finite numbers, the smallest and largest of which are known."""
    import numpy as np

    power, place, bins = layout(least, most)
    places = np.floor(values / math.ldexp(1.0, power))  # dividing by a power of two loses nothing …
    if least < 0:
        # … unless a tiny negative number becomes -0.0.
        np.minimum(places, -1.0, out=places, where=values < 0)
    return [power, place, np.bincount((places - place).astype(np.intp), minlength=bins).tolist()]


def merged(a: list[Any], b: list[Any], least: float, most: float) -> list[Any]:
    """Of both together, the smallest and largest number of which are known."""
    power, place, bins = layout(least, most)
    counts = [0] * bins
    for part_power, first, part in (a, b):
        for i, count in enumerate(part, first):
            counts[(i >> (power - part_power)) - place] += count
    return [power, place, counts]


def as_result(power: int, place: int, counts: list[int]) -> dict[str, Any]:
    """The bins with their width and the lower edge `first` of the first one.

    -2^1024, which is no binary64, becomes the least number that there is.
    """
    try:
        first = math.ldexp(place, power)
    except OverflowError:
        first = -sys.float_info.max
    return {"first": first, "width": math.ldexp(1.0, power), "counts": counts}


def layout(least: float, most: float) -> tuple[int, int, int]:
    """(power, place of the first bin, how many bins)."""
    low, high = units(least), units(most)
    shift = max(
        (high - low).bit_length() - BINS_MAX.bit_length() + 1,
        max(-low, high).bit_length() - PLACE_BITS,
        0,
    )
    if (high >> shift) - (low >> shift) >= BINS_MAX:  # it lies badly: one bin more than fits
        shift += 1
    place = low >> shift
    return shift - UNIT_BITS, place, (high >> shift) - place + 1


def units(value: float) -> int:
    """The number as an integer, in units of 2^-1074."""
    numerator, denominator = value.as_integer_ratio()
    return numerator << (UNIT_BITS + 1 - denominator.bit_length())
