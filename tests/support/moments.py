"""Moments as the database gives them back: MongoDB keeps milliseconds, the others microseconds."""

from __future__ import annotations

import re
from typing import Any

from django.db import connection

MICROSECONDS = re.compile(r"(?<=T\d\d:\d\d:\d\d\.\d{3})\d{3}(?=Z$)")


def stored(row: dict[str, Any]) -> dict[str, Any]:
    """The API's answer that made this row, as it is when the row is read later."""
    if getattr(connection.features, "supports_microsecond_precision", True):
        return row
    return {
        name: MICROSECONDS.sub("000", value) if isinstance(value, str) else value
        for name, value in row.items()
    }
