"""Words of strangers, made fit for a person's terminal."""

from __future__ import annotations

LINE_CHARS_MAX = 200


def one_line(text: str, chars_max: int = LINE_CHARS_MAX) -> str:
    """On one line, without control characters (a message could move the cursor or write over what
    stands there).
    """
    line = " ".join(
        "".join(char if char.isprintable() else " " for char in text[: 4 * chars_max]).split()
    )
    return line if len(line) <= chars_max else f"{line[: chars_max - 1]}…"


def count(number: int, noun: str) -> str:
    """1 slot, 2 slots."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
