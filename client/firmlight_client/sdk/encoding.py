"""What Python's values become on their way to the server."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from typing import Any, BinaryIO

Moment = datetime | timedelta | str | float


def is_array(value: Any) -> bool:
    """Whether it is a NumPy array, without importing NumPy for those who have none."""
    return (
        type(value).__module__ == "numpy"
        and hasattr(value, "dtype")
        and getattr(value, "ndim", 0) > 0
    )


def npy(array: Any) -> BinaryIO:
    """An array as an NPY file."""
    import numpy as np

    file = io.BytesIO()
    np.save(file, array, allow_pickle=False)
    file.seek(0)
    return file


def plain(value: Any) -> Any:
    """What NumPy's scalars and arrays are in JSON."""
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} cannot be sent as JSON")


def instant(moment: Moment) -> str:
    """ISO 8601 in UTC of a time, an ISO time, or a span from now (seconds as a number, or a
    timedelta).

    A time without a zone is this machine's. Raises ValueError for text that is no ISO time, and for
    a moment that no calendar has.
    """
    if isinstance(moment, str):
        moment = datetime.fromisoformat(moment)
    try:
        if isinstance(moment, int | float):
            moment = timedelta(seconds=moment)
        at = datetime.now(UTC) + moment if isinstance(moment, timedelta) else moment
        return at.astimezone(UTC).isoformat()
    except OverflowError as error:
        raise ValueError(f"{moment} is too far away") from error
