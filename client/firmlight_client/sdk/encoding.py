"""How Python values are encoded for the server: arrays, NumPy scalars, times."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from typing import Any, BinaryIO

Moment = datetime | timedelta | str | float


def is_array(value: Any) -> bool:
    """Whether it is a NumPy array with dimensions. NumPy is not imported to find that out."""
    return (
        type(value).__module__ == "numpy"
        and hasattr(value, "dtype")
        and getattr(value, "ndim", 0) > 0
    )


def as_npy(array: Any) -> BinaryIO:
    """An array as an NPY file."""
    import numpy as np

    file = io.BytesIO()
    np.save(file, array, allow_pickle=False)
    file.seek(0)
    return file


def json_default(value: Any) -> Any:
    """For `json.dumps(default=…)`: NumPy scalars and arrays as numbers and lists."""
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} cannot be sent as JSON")


def iso_time(moment: Moment) -> str:
    """A moment as ISO 8601 in UTC.

    It is a datetime, text in ISO 8601, or a span from now: a timedelta, or a number of seconds. A
    time without a zone is this machine's. Raises ValueError for text that is no ISO time, and for a
    moment that no calendar has.
    """
    try:
        return _datetime(moment).astimezone(UTC).isoformat()
    except OverflowError as error:
        raise ValueError(f"{moment} is too far away") from error


def _datetime(moment: Moment) -> datetime:
    if isinstance(moment, datetime):
        return moment
    if isinstance(moment, str):
        return datetime.fromisoformat(moment)
    if not isinstance(moment, timedelta):
        moment = timedelta(seconds=moment)
    return datetime.now(UTC) + moment
