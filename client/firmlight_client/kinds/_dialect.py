"""What separates the cells of a table as text (RFC 4180 and its relatives): found, or asked.

The whole file is read once to see which separators and quotes it has, and again if it has commas. A
comma can stand between cells or within numbers. It stands between them if a heading or a row says
so that cannot be a single number; if nothing says so, the user is asked.
"""

from __future__ import annotations

import contextlib
import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import BinaryIO

from firmlight_client.kinds import number_words as words
from firmlight_client.kinds._choice import ask
from firmlight_client.kinds._table import MISSING, bad, shown
from firmlight_client.kinds._text import WRITE_PLAINLY, blocks, one_or_several

SAMPLE_ROWS = 200
NO_SEPARATOR = "\x1f"  # one cell a line; this control character is in no text of numbers
BLANK = " "
SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab", BLANK: "blank", NO_SEPARATOR: "line end"}
WRITE_ALONE = (
    "write numbers without units and thousands separators, and semicolons between cells; "
    "or, if commas stand between them, let the file begin with the line sep=,"
)
CHOOSE_MARK = "choose the decimal mark, comma or point"
_CANDIDATES = ("\t", ";", ",")  # separators, the least ambiguous first
_HINT = re.compile(r"sep=[,;\t |:]", re.IGNORECASE)
_NO_COMMA_NOR_LINE_END = bytes(set(range(256)) - set(b",\n"))


@dataclass(frozen=True)
class Dialect:
    """How a table is written. `hint_lines` says whether its first line is a `sep=` and no row."""

    separator: str
    quoted: bool
    hint_lines: int = 0
    decimal: words.Decimal | None = None


class _Survey:
    """What occurs in the file at all, and how it begins."""

    def __init__(self, file: BinaryIO) -> None:
        self.separators: list[str] = []
        self.quoted = False
        self.beginning = b""
        for block in blocks(file):
            self.beginning = self.beginning or block
            self.quoted = self.quoted or b'"' in block
            for one in _CANDIDATES:
                if one not in self.separators and one.encode() in block:
                    self.separators.append(one)


def find_dialect(file: BinaryIO, decimal: words.Decimal | None) -> Dialect:
    """What separates the cells. Raises ParamsError, which may ask for `decimal`."""
    survey = _Survey(file)
    if hint := _hinted(survey):
        return Dialect(hint, survey.quoted, hint_lines=1)
    candidates = [one for one in _CANDIDATES if one in survey.separators]
    if not candidates:
        separator = BLANK if _has_blanks_within(file) else NO_SEPARATOR
        return Dialect(separator, survey.quoted)
    even = [one for one in candidates if _is_even(survey, one)]
    separator = even[0] if even else candidates[0]
    if separator == ",":
        return _comma_dialect(file, survey.quoted, decimal)
    return Dialect(separator, survey.quoted)


def _hinted(survey: _Survey) -> str:
    """The separator that a first line `sep=;` names; "" if there is no such line.

    Raises ParamsError.
    """
    first = (
        survey.beginning.split(b"\n", 1)[0]
        .strip(b"\n\r\v\f ")
        .strip(b'"')
        .decode("utf-8", "replace")
    )
    if first[:4].lower() != "sep=":
        return ""
    if not _HINT.fullmatch(first):
        raise bad(f"line 1: {shown(first)} names no separator; sep=, and sep=; do")
    return first[4]


def _is_even(survey: _Survey, separator: str) -> bool:
    """Whether the first rows all have the same number of cells, two at least."""
    lines = survey.beginning.decode("utf-8", "replace").splitlines()[: SAMPLE_ROWS + 1]
    whole = lines[:SAMPLE_ROWS] if len(lines) > SAMPLE_ROWS else lines
    widths = {len(cells) for cells in _parsed(iter(whole), separator) if any(map(str.strip, cells))}
    return len(widths) == 1 and widths != {1}


def _parsed(lines: Iterator[str], separator: str) -> list[list[str]]:
    """The rows up to a quotation mark that is never closed; reading the whole file reports that."""
    found = []
    with contextlib.suppress(csv.Error):
        for cells in csv.reader(lines, delimiter=separator, skipinitialspace=separator != "\t"):
            found.append(cells)  # those before the error count
    return found


def _has_blanks_within(file: BinaryIO) -> bool:
    """Whether blanks stand between numbers: in any line but the heading."""
    lines = (line.strip() for block in blocks(file) if b" " in block for line in block.split(b"\n"))
    body = (line for line in lines if b" " in line)
    spaced = [line.decode("utf-8", "replace") for line in islice(body, SAMPLE_ROWS)]
    numbers = [line for line in spaced if words.parse_point(line.split()[0]) is not None]
    if not numbers:
        return False
    if all(map(words.SPACE_GROUPS.fullmatch, numbers)) and not _is_grid_of_hundreds(numbers):
        doubt = f"{shown(numbers[0])} may be one number, or several with blanks between them"
        raise bad(f"{doubt}: {WRITE_PLAINLY}")
    return True


def _is_grid_of_hundreds(lines: list[str]) -> bool:
    """Whether lines like `100 200` are rows of several numbers.

    They are if all are equally long and none begins as a number beyond a thousand would.
    """
    rows = [line.split() for line in lines]
    return len(set(map(len, rows))) == 1 and all(len(row[0].lstrip("+-")) == 3 for row in rows)


# Commas: between cells, or within numbers


@dataclass
class _Commas:
    """What the lines say about commas.

    A doubtful line may be one number or a row of several; quotes around cells make it clear.
    """

    first_doubtful: str = ""
    first_doubtful_line: int = 0
    all_with_comma: bool = True  # each line is one number or a gap if commas are decimal
    has_quoted_cells: bool = False
    widths: set[int] = field(default_factory=set)

    @property
    def are_clear(self) -> bool:
        """Whether commas stand between cells for certain."""
        is_grid = len(self.widths) == 1 and self.widths != {1}
        return not self.first_doubtful or (is_grid and self.has_quoted_cells)


def _comma_dialect(file: BinaryIO, quoted: bool, decimal: words.Decimal | None) -> Dialect:
    """The dialect of a file with commas.

    They stand between cells unless there are doubtful lines, and neither heading nor rows say what
    they are. Raises ParamsError, which may ask for `decimal`.
    """
    table = Dialect(",", quoted)
    if decimal == words.COMMA:
        return table if quoted else Dialect(NO_SEPARATOR, quoted)
    if not quoted and _is_clear_grid(file):
        return table
    commas = _look_at_commas(file)
    if commas.are_clear:
        return table
    doubtful = one_or_several(commas.first_doubtful, f"line {commas.first_doubtful_line}")
    marks = words.readings(commas.first_doubtful)
    if decimal is None and words.COMMA in marks:
        choices = ["point", "comma"] if commas.all_with_comma else ["point"]
        raise ask(f"{doubtful}: {CHOOSE_MARK}", "decimal", choices)
    if words.POINT in marks:
        raise bad(f"{doubtful}: {WRITE_PLAINLY}")
    if decimal is None:
        raise bad(f"{doubtful}: {WRITE_ALONE}")
    return table


def _is_clear_grid(file: BinaryIO) -> bool:
    """Whether all rows are equally long, and the heading or one row cannot be a single number."""
    row, is_clear = b"", False
    for block in blocks(file):
        lines = [] if row and is_clear else [line for line in block.split(b"\n") if line.strip()]
        if not row and not lines:
            continue
        if not row:
            row = b"," * lines[0].count(b",") + b"\n"
            is_clear = _heading_separates(lines)
            lines = lines[1:] if _is_heading(lines[0].decode("utf-8", "replace")) else lines
        is_clear = is_clear or any(map(_is_clear_line, lines))
        shape = block.translate(None, _NO_COMMA_NOR_LINE_END).removesuffix(b"\n") + b"\n"
        if shape != row * (len(shape) // len(row)) and not _is_even_but_for_blank_lines(block, row):
            return False
    return is_clear and len(row) > 1


def _is_even_but_for_blank_lines(block: bytes, row: bytes) -> bool:
    return all(line.count(b",") + 1 == len(row) for line in block.split(b"\n") if line.strip())


def _heading_separates(lines: list[bytes]) -> bool:
    """Whether the heading has several cells.

    `Depth, m` is one cell, unless the numbers too have a blank after the comma.
    """
    heading, below = lines[0], lines[1] if len(lines) > 1 else b""
    spaced = b", " in heading and b", " not in below
    text = heading.decode("utf-8", "replace")
    return b"," in heading and not spaced and not words.may_be_within(text) and _is_heading(text)


def _is_heading(line: str) -> bool:
    """Whether there is a word in it."""
    if words.ONE_NUMBER.fullmatch(line.strip()):
        return False
    return any(map(_is_word, line.split(",")))


def _is_word(cell: str) -> bool:
    text = cell.strip()
    is_gap = not text or text.lower() in MISSING
    return not is_gap and words.parse_point(text) is None and not words.is_odd(text)


def _is_clear_line(line: bytes) -> bool:
    return b"," in line and not _is_doubtful(line.strip().decode("utf-8", "replace"))


def _is_doubtful(line: str) -> bool:
    """Whether a line with commas may be one number, perhaps with a unit or blanks in thousands."""
    return words.ONE_NUMBER.fullmatch(line) is not None or words.may_be_within(line)


def _look_at_commas(file: BinaryIO) -> _Commas:
    """Every line but the heading."""
    found, number, is_first = _Commas(), 0, True
    for block in blocks(file):
        for line in block.decode("utf-8", "replace").removesuffix("\n").split("\n"):
            number += 1
            text = line.strip()
            if not text:
                continue
            is_heading = is_first and _is_heading(text)
            is_first = False
            _look_at_line(found, text, number, is_heading=is_heading)
    return found


def _look_at_line(found: _Commas, text: str, number: int, *, is_heading: bool) -> None:
    if '"' in text:
        rows = _parsed(iter([text]), ",")
        found.widths.add(len(rows[0]) if rows else 1)
        found.has_quoted_cells = found.has_quoted_cells or len(rows[0] if rows else []) > 1
        return
    found.widths.add(text.count(",") + 1)
    if is_heading:
        return
    if "," in text and not found.first_doubtful and _is_doubtful(text):
        found.first_doubtful, found.first_doubtful_line = text, number
    is_gap = text.lower() in MISSING
    is_number = words.parse_comma(text) is not None
    found.all_with_comma = found.all_with_comma and (is_gap or is_number)
