"""Exact sums of x and x² over binary64 numbers, as integers.

No order and no grouping of the numbers changes even the last bit.

Every finite binary64 is m·2^(k-1074) with an integer |m| < 2^53 and k in 0..2045, so Σx is an
integer in units of 2^-1074 and Σx² one in units of 2^-2148. NumPy adds up the mantissas of equal
exponent:

1. The bit pattern gives sign, exponent and mantissa; the mantissa is cut into three limbs of 18
   bits.
2. Per exponent, `bincount` adds the signed limbs (Σx) and the five sums of limb products that make
   up m² (Σx²). It adds in binary64, yet exactly: a product sum is below 3·2^36, and BLOCK = 2^13 of
   them stay below 2^53.
3. The blocks' sums are kept as int64, and only then put together as one Python integer each.

Small, fixed memory, no sorting, about 45 ns a number. The idea of one accumulator per exponent is
that of R. M. Neal, "Fast exact summation using small and large superaccumulators"
(arXiv:1505.05571).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BLOCK = 2**13
UNIT_BITS = 1074  # Σx counts 2^-1074, Σx² counts 2^-2148


def exact_sums(values: NDArray[np.float64]) -> tuple[int, int]:
    """Σx in units of 2^-1074 and Σx² in units of 2^-2148, for 1..2^24 numbers.

    Raises ValueError unless all are finite.
    """
    import numpy as np

    bits = values.view(np.int64)
    exponents = (bits >> 52) & 0x7FF
    lowest, highest = int(exponents.min()), int(exponents.max())
    if highest == 0x7FF:
        raise ValueError("not a finite number")
    sums = np.zeros((8, highest - lowest + 1), np.int64)
    for start in range(0, len(bits), BLOCK):
        part = slice(start, start + BLOCK)
        sums += _limb_sums(bits[part], exponents[part], lowest, sums.shape[1])
    return _put_together(sums, lowest)


def _limb_sums(bits: NDArray, exponents: NDArray, lowest: int, bins: int) -> NDArray:
    """The sums of limbs for each exponent, in the shape (8, bins).

    Three signed sums of limbs, then five sums of products of limbs, lowest weight first.
    """
    import numpy as np

    mantissas = (bits & (2**52 - 1)) | ((exponents > 0).astype(np.int64) << 52)
    low, middle, high = (
        (mantissas >> shift & (2**18 - 1)).astype(np.float64) for shift in (0, 18, 36)
    )
    products = (
        low * low,
        2 * low * middle,
        2 * low * high + middle * middle,
        2 * middle * high,
        high * high,
    )
    sign = np.where(bits < 0, -1.0, 1.0)
    rows = (sign * low, sign * middle, sign * high, *products)
    index = exponents - lowest
    return np.stack([np.bincount(index, row, bins) for row in rows]).astype(np.int64)


def _put_together(sums: NDArray, lowest: int) -> tuple[int, int]:
    """Weigh the limb sums of each exponent; exponent 0 (subnormal) has the scale of exponent 1."""
    total = squares = 0
    for offset, (low, middle, high, *products) in enumerate(sums.T.tolist()):
        scale = max(lowest + offset, 1) - 1
        total += (low + (middle << 18) + (high << 36)) << scale
        squares += sum(value << (18 * place) for place, value in enumerate(products)) << (2 * scale)
    return total, squares


def mean_of(count: int, total: int) -> float:
    """The mean, rounded once (Python divides integers correctly rounded)."""
    return total / (count << UNIT_BITS)


def variance_of(count: int, total: int, squares: int) -> float | None:
    """The population variance (n·Σx² - (Σx)²) / n², rounded once.

    None beyond the range of binary64.
    """
    try:
        return (count * squares - total * total) / ((count * count) << (2 * UNIT_BITS))
    except OverflowError:
        return None


def to_bytes(value: int) -> bytes:
    """The shortest two's complement, little-endian: equal integers give equal bytes."""
    return value.to_bytes((value + (value < 0)).bit_length() // 8 + 1, "little", signed=True)


def from_bytes(data: bytes) -> int:
    return int.from_bytes(data, "little", signed=True)
