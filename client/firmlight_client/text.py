"""Text for people: which characters names may hold, words of others made safe for a terminal, and
counts of things.
"""

from __future__ import annotations

import re
from typing import Any

LINE_CHARS_MAX = 200
# Characters that are not drawn, or that turn, hide or move others: controls (an escape sequence
# begins with one), marks of direction (UAX #9), separators of lines, and what Unicode calls
# Default_Ignorable_Code_Point without the two variation selectors that emoji need. As the inside of
# a character class, in ASCII, so that a pattern for JSON Schema can be made of it too.
UNSEEN = (
    r"\u0000-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    r"\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ud800-\udfff\ufe00-\ufe0d\ufeff\uffa0"
    r"\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
PRINTABLE = rf"^[^{UNSEEN}]*\Z"  # a whole text without such characters
# What may be in a text, but shows nothing by itself: the two variation selectors, and blanks, among
# them those of Braille, of hieroglyphs and of notes.
SELECTORS = r"\ufe0e\ufe0f"
BLANKS = (
    r" \u00a0\u1680\u2000-\u200a\u202f\u205f\u2800\u3000"
    r"\U00013441\U00013442\U00016fe4\U0001d159"
)
# A whole text that is printable and shows something.
SHOWN = rf"^[{SELECTORS}{BLANKS}]*[^{UNSEEN}{SELECTORS}{BLANKS}][^{UNSEEN}]*\Z"
LINE_BREAKS = "\n\r\t"  # those that a text of several lines may hold
_UNSEEN = re.compile(f"[{UNSEEN}]")
_HIDDEN = re.compile(f"[{UNSEEN}{SELECTORS}]")
_BLANK = re.compile(f"[{BLANKS}]")


def first_unseen(text: str, *, several_lines: bool = False) -> str:
    """The first character of a text that must not be in it; "" if there is none.

    `several_lines`: line breaks and tabs may be in it.
    """
    allowed = LINE_BREAKS if several_lines else ""
    found = (match[0] for match in _UNSEEN.finditer(text) if match[0] not in allowed)
    return next(found, "")


def without_unseen(text: str) -> str:
    """The text without such characters."""
    return _UNSEEN.sub("", text)


def as_seen(text: str) -> str:
    """What people see of a text: every blank as a space, and nothing that is not drawn."""
    return _BLANK.sub(" ", _HIDDEN.sub("", text))


def shows_nothing(text: str) -> bool:
    """Whether people see nothing of this text."""
    return not as_seen(text).strip()


def visible(text: str, keep: str = "") -> str:
    """The text with such characters written as `\\u001b`, except those in `keep`.

    This is how JSON writes them too, so JSON stays JSON.
    """

    def written(match: re.Match[str]) -> str:
        char = match[0]
        if char in keep:
            return char
        return f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}"

    return _UNSEEN.sub(written, text)


def one_line(text: str, chars_max: int = LINE_CHARS_MAX) -> str:
    """The text on one line, without control characters, at most `chars_max` long.

    Such characters could move the cursor, or overwrite what is on the screen.
    """
    start = text[: 4 * chars_max]
    printable = "".join(char if char.isprintable() else " " for char in _UNSEEN.sub(" ", start))
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
