"""Numbers as people write them: with a decimal point or comma, perhaps with thousands separators.

A word such as `1,234` has three readings: 1234, 1.234, and the two numbers 1 and 234. Nothing here
chooses between them: these functions tell which readings a word has, and their callers compare all
words of a file or field.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Literal

Decimal = Literal["point", "comma"]
Parse = Callable[[str], float | None]
POINT: Decimal = "point"
COMMA: Decimal = "comma"
CELL_CHARS_MAX = 1000  # no sane number is longer

_EXPONENT = r"(?:[eE][+-]?[0-9]+)?"
_COMMA_DECIMAL = rf"[+-]?(?:[0-9]{{1,3}}(?:\.[0-9]{{3}})+|[0-9]*),[0-9]+{_EXPONENT}"
_COMMA_GROUPS = r"[+-]?[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]*)?"  # nobody adds an exponent
_POINT_GROUPS = r"[+-]?[0-9]{1,3}(?:\.[0-9]{3}){2,}"

COMMA_GROUPS = re.compile(_COMMA_GROUPS)  # 1,234 and 1,234,567.8
POINT_GROUPS = re.compile(_POINT_GROUPS)  # 1.234.567
SPACE_GROUPS = re.compile(r"[+-]?[0-9]{1,3}(?: [0-9]{3})+(?:[.,][0-9]+)?")  # 1 234 and 1 234,5
ONE_NUMBER = re.compile(rf"{_COMMA_DECIMAL}|{_COMMA_GROUPS}")  # what a comma may be part of
_WITH_COMMA = re.compile(
    r"[+-]?[0-9]{1,3}(?:\.[0-9]{3})+(?:,[0-9]*)?"
    rf"|[+-]?(?:[0-9]+(?:,[0-9]*)?|,[0-9]+){_EXPONENT}"
)
_DOUBTFUL_WORD = re.compile(
    rf"(?<![^\s;])(?:{_COMMA_DECIMAL}|{_COMMA_GROUPS})(?=,?(?:[\s;]|\Z))".encode()
)
_COMMA_WITHIN = re.compile(rb",[0-9]")
_DRESSED = re.compile(rf"[^\w,]*(?=[0-9])(?:{_COMMA_DECIMAL}|{_COMMA_GROUPS})[^0-9,]*")  # <1,5mg
_APART = str.maketrans("'’\ufffd", "   ")  # between thousands; the last is a blank of Latin-1
_AFTER_THOUSANDS = re.compile(rb" 0[0-9]{2}(?![0-9])")
_THOUSANDS = re.compile(rb"(?:.*[\s;])?[+-]?([1-9][0-9]{0,2})", re.DOTALL)
_LIST_WORD = re.compile(r"[^,],+[^,]")


def parse_point(word: str) -> float | None:
    """The number with a decimal point and no thousands separators; None if it is none.

    It may be infinite or NaN.
    """
    try:
        value = float(word)
    except ValueError:
        return None
    is_plain = len(word) <= CELL_CHARS_MAX and "_" not in word and word.isascii()
    return value if is_plain else None  # float() takes 1_000, and the digits of other scripts


def parse_point_groups(word: str) -> float | None:
    """The same, with commas between thousands allowed."""
    if "," in word:
        return float(word.replace(",", "")) if COMMA_GROUPS.fullmatch(word) else None
    return parse_point(word)


def parse_comma(word: str) -> float | None:
    """The number with a decimal comma, points between thousands allowed; None if it is none."""
    if len(word) > CELL_CHARS_MAX or not _WITH_COMMA.fullmatch(word):
        return None
    return float(word.replace(".", "").replace(",", "."))


PARSERS: dict[Decimal, Parse] = {POINT: parse_point_groups, COMMA: parse_comma}


def is_odd(word: str) -> bool:
    """Whether this is a number for people, though not for `parse_point`."""
    if "," in word and ONE_NUMBER.fullmatch(word):
        return True
    return POINT_GROUPS.fullmatch(word) is not None


def readings(word: str) -> list[Decimal]:
    """The decimal marks with which an odd word is one number, best known first."""
    return [mark for mark, parse in PARSERS.items() if parse(word) is not None]


def may_be_within(line: str) -> bool:
    """Whether all commas of a line may be within numbers: in `12,5 mg`, not in `1, 5` and `A,5`."""
    found = [word for word in line.translate(_APART).split() if "," in word]
    return bool(found) and all(_DRESSED.fullmatch(word) for word in found)


def doubtful_word(text: bytes) -> bytes | None:
    """The first word that is one number or several, as `1,5` in `1 1,5`; None if there is none.

    Words are separated by blanks or semicolons.
    """
    found = _DOUBTFUL_WORD.search(text) if _COMMA_WITHIN.search(text) else None
    return found[0] if found else None


def spaced_thousands(text: bytes) -> bytes | None:
    """The first two words that can hardly be two numbers: `2 000`. None: no such."""
    for found in _AFTER_THOUSANDS.finditer(text):
        before = _THOUSANDS.fullmatch(text, max(0, found.start() - 5), found.start())
        if before:
            return before[1] + found[0]
    return None


def is_list(word: str) -> bool:
    """Whether commas within this word certainly separate numbers.

    They do in `1,2,3` and `1.5,2.5`, but not in `1,5`.
    """
    inner = word.strip(",")
    return _LIST_WORD.search(inner) is not None and ONE_NUMBER.fullmatch(inner) is None


def comma_is_unclear(text: str) -> str | None:
    """The first word of a typed text that is one number or several; None if the text is clear."""
    doubtful = doubtful_word(text.encode())
    if doubtful is None or any(is_list(word) for word in re.split(r"[\s;]+", text)):
        return None
    return doubtful.decode()
