"""Rows as CSV (RFC 4180), UTF-8. Pure.

Spreadsheets compute what looks like a formula, and results hold what strangers wrote. So a text
that begins like a formula gets an apostrophe before it, as OWASP advises ("CSV Injection"). Numbers
stay numbers.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from typing import Any

PIECE_BYTES = 2**16
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


class _Line:
    """The file of a csv.writer: it returns each line instead of keeping it."""

    def write(self, line: str) -> str:
        return line


def pieces(rows: Iterable[Iterable[Any]]) -> Iterator[bytes]:
    """The file in pieces of about PIECE_BYTES."""
    writer = csv.writer(_Line())
    waiting, size = [], 0
    for row in rows:
        line = str(writer.writerow([cell(value) for value in row])).encode(errors="replace")
        waiting.append(line)
        size += len(line)
        if size >= PIECE_BYTES:
            yield b"".join(waiting)
            waiting, size = [], 0
    yield b"".join(waiting)


def cell(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str) and value.startswith(FORMULA):
        return f"'{value}"
    return value
