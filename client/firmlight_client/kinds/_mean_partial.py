"""What a partial of MEAN may be: `[count, Σx, Σx², min, max, [power, place, counts]]`.

How long the exact sums can get follows from how many numbers there are at most; `_exact_sum` says
what they count.
"""

from __future__ import annotations

import sys
from typing import Annotated

import msgspec

from firmlight_client.kinds._exact_sum import UNIT_BITS
from firmlight_client.kinds._histogram import BINS_MAX, PLACE_BITS

COUNT_BITS = 53  # numbers in one task: fewer than 2^53
NUMBER_BITS = sys.float_info.max_exp  # |x| < 2^1024
SUM_BYTES_MAX = (NUMBER_BITS + UNIT_BITS + COUNT_BITS) // 8 + 1
SQUARES_BYTES_MAX = (2 * (NUMBER_BITS + UNIT_BITS) + COUNT_BITS) // 8 + 1

Count = Annotated[int, msgspec.Meta(ge=0, lt=2**COUNT_BITS)]
Sum = Annotated[bytes, msgspec.Meta(min_length=1, max_length=SUM_BYTES_MAX)]
Squares = Annotated[bytes, msgspec.Meta(min_length=1, max_length=SQUARES_BYTES_MAX)]
Finite = Annotated[
    float, msgspec.Meta(ge=-sys.float_info.max, le=sys.float_info.max)
]  # NaN is neither
Power = Annotated[int, msgspec.Meta(ge=-UNIT_BITS, le=NUMBER_BITS)]
Place = Annotated[int, msgspec.Meta(ge=-(2**PLACE_BITS), le=2**PLACE_BITS)]
Counts = Annotated[list[Count], msgspec.Meta(min_length=1, max_length=BINS_MAX)]
MeanPartial = tuple[
    Annotated[int, msgspec.Meta(ge=1, lt=2**COUNT_BITS)],
    Sum,
    Squares,
    Finite,
    Finite,
    tuple[Power, Place, Counts],
]
