"""How many numbers travel: as binary64, little-endian, with nothing between them.

NumPy reads them where they lie.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # NumPy takes 0.2 s to import, and many a process only lists the kinds
    import numpy as np
    from numpy.typing import NDArray

PACKED = "<f8"
NUMBER_BYTES = 8
# Of one file: 256 MiB packed. 100 MB of text can hold more, and a Redis value ends at 512 MB.
NUMBERS_MAX = 2**25


def packed(numbers: list[float]) -> bytes:
    """Raises OverflowError for an integer beyond the range of binary64."""
    import numpy as np

    return np.array(numbers, PACKED).tobytes()


def unpacked(data: bytes) -> NDArray[np.float64]:
    """The numbers, read-only, in this machine's byte order."""
    import numpy as np

    return np.frombuffer(data, PACKED).astype(np.float64, copy=False)


def first_not_finite(values: NDArray[np.float64]) -> int | None:
    """The index of the first NaN or infinity."""
    import numpy as np

    finite = np.isfinite(values)
    return None if finite.all() else int(finite.argmin())
