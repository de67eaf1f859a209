"""Text for people: words of others made safe for a terminal, and counts of things."""

from __future__ import annotations

from typing import Any

LINE_CHARS_MAX = 200


def one_line(text: str, chars_max: int = LINE_CHARS_MAX) -> str:
    """The text on one line, without control characters, at most `chars_max` long.

    Such characters could move the cursor, or overwrite what is on the screen.
    """
    start = text[: 4 * chars_max]
    printable = "".join(char if char.isprintable() else " " for char in start)
    line = " ".join(printable.split())
    if len(line) <= chars_max:
        return line
    return f"{line[: chars_max - 1]}…"


def member_name(person: dict[str, Any] | None) -> str:
    """The username of a person as the API has it; null is somebody who has left."""
    return one_line(person["username"]) if person else "a former member"


def count(number: int, noun: str) -> str:
    """1 slot, 2 slots."""
    plural = "" if number == 1 else "s"
    return f"{number:,} {noun}{plural}"
