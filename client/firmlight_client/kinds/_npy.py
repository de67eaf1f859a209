"""Numbers from NPY files: integers or floats of any size and shape.

The format is that of numpy.lib.format, versions 1 and 2.
"""

from __future__ import annotations

import math
import tokenize
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from firmlight_client.kinds import ParamsError, _packed

BLOCK_BYTES = 2**18


def read_npy(file: BinaryIO) -> Iterator[NDArray[np.float64]]:
    """The numbers in pieces. Raises ParamsError, also if anything follows the array."""
    dtype, count = _header(file)
    wanted = count * dtype.itemsize
    each = BLOCK_BYTES // dtype.itemsize * dtype.itemsize
    while wanted:
        data = file.read(min(each, wanted))
        if not data or len(data) % dtype.itemsize:
            raise _bad(f"it is cut short: {wanted - len(data)} bytes are missing")
        wanted -= len(data)
        yield _as_binary64(np.frombuffer(data, dtype))
    if following := _bytes_left(file):
        raise _bad(
            f"after the first array of {count:,} numbers it goes on for {following:,} bytes, "
            "perhaps with a second array; save one array into one file"
        )


def _header(file: BinaryIO) -> tuple[np.dtype, int]:
    """Element type and count."""
    try:
        version = np.lib.format.read_magic(file)
        read = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }[version]
        shape, _, dtype = read(file, max_header_size=10_000)
    except (
        ValueError,
        TypeError,
        KeyError,
        SyntaxError,
        MemoryError,
        RecursionError,
        tokenize.TokenError,
    ):
        raise _bad("it is not an NPY file") from None
    if dtype.kind not in "iuf" or dtype.subdtype:
        raise _bad(f"it must hold integers or floats, not {dtype}")
    count = math.prod(shape)
    if any(length < 0 for length in shape) or count > _packed.NUMBERS_MAX:
        raise _bad(f"At most {_packed.NUMBERS_MAX:,} numbers.")
    return dtype, count


def _bytes_left(file: BinaryIO) -> int:
    found = 0
    while block := file.read(BLOCK_BYTES):
        found += len(block)
    return found


def _as_binary64(values: NDArray) -> NDArray:
    """A wider float may be beyond range; it becomes an infinity, which Params refuses."""
    with np.errstate(over="ignore", invalid="ignore"):
        return values.astype(_packed.PACKED, copy=False)


def _bad(message: str) -> ParamsError:
    return ParamsError(message, "file")
