"""Tables as text (RFC 4180 and its relatives): what separates the cells is found out, or asked,
before they are read.

The file is read twice or three times: once to see which separators, quotes and line lengths it has,
once or twice for its numbers. A comma can be between cells or within numbers. It is between them if
a heading or a row says so that cannot be one number; if nothing says so, it is asked.
"""

from __future__ import annotations

import contextlib
import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import BinaryIO

from firmlight_client.kinds import ParamsError
from firmlight_client.kinds import number_words as words
from firmlight_client.kinds._choice import Chosen, ask, choose, named
from firmlight_client.kinds._table import MISSING, PLACES_MAX, Column, Table, bad, shown
from firmlight_client.kinds._text import (
    WRITE_PLAINLY,
    Numbers,
    blocks,
    fast_numbers,
    one_or_several,
)

LINE_BYTES_MAX = 2**22  # a longer one is no row of a table
SAMPLE_ROWS = 200
NO_SEPARATOR = "\x1f"  # one cell a line; this control character is in no text of numbers
BLANK = " "
SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab", BLANK: "blank", NO_SEPARATOR: "line end"}
WRITE_ALONE = (
    "write numbers without units and thousands separators, and semicolons between cells; "
    "or, if commas stand between them, let the file begin with the line sep=,"
)
CHOOSE_MARK = "choose the decimal mark, comma or point"
_HINT = re.compile(r"sep=[,;\t |:]", re.IGNORECASE)
_MISSING_BYTES = {word.encode() for word in MISSING}
_BLANK_LINES = re.compile(rb"\n{2,}")
_NO_COMMA_NOR_LINE_END = bytes(set(range(256)) - set(b",\n"))


@dataclass(frozen=True)
class Dialect:
    """How a table is written. `hint_lines` says whether its first line is a `sep=` and no row."""

    separator: str
    quoted: bool
    hint_lines: int = 0
    decimal: words.Decimal | None = None


Row = tuple[int, list[str]]


class _Survey:
    """What occurs in the file at all, and how it begins."""

    def __init__(self, file: BinaryIO) -> None:
        self.separators: list[str] = []
        self.quoted = False
        self.beginning = b""
        for block in blocks(file):
            self.beginning = self.beginning or block
            self.quoted = self.quoted or b'"' in block
            new = [
                one
                for one in ("\t", ";", ",")
                if one not in self.separators and one.encode() in block
            ]
            self.separators += new


def has_endless_line(file: BinaryIO) -> bool:
    """Whether a line is longer than LINE_BYTES_MAX: then it is a list of numbers, and no table."""
    pieces = (
        block for block in blocks(file, b"\n", 2 * LINE_BYTES_MAX) if len(block) > LINE_BYTES_MAX
    )
    return any(len(line) > LINE_BYTES_MAX for block in pieces for line in block.split(b"\n"))


def find_dialect(file: BinaryIO, decimal: words.Decimal | None) -> Dialect:
    """What separates the cells. Raises ParamsError, which may ask for `decimal`."""
    survey = _Survey(file)
    if hint := _hinted(survey):
        return Dialect(hint, survey.quoted, hint_lines=1)
    candidates = [one for one in ("\t", ";", ",") if one in survey.separators]
    even = [one for one in candidates if _is_even(survey, one)]
    for separator in [*even, *candidates][:1]:
        if separator == ",":
            return _comma_dialect(file, survey.quoted, decimal)
        return Dialect(separator, survey.quoted)
    return Dialect(BLANK if _has_blanks_within(file) else NO_SEPARATOR, survey.quoted)


def _hinted(survey: _Survey) -> str:
    """The separator that a first line `sep=;` names; "" if there is no such line. Raises
    ParamsError.
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
    """Up to a quotation mark that nobody closes: that is told when all is read."""
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
        raise bad(
            f"{shown(numbers[0])} may be one number, or several with blanks between them: {WRITE_PLAINLY}"
        )
    return True


def _is_grid_of_hundreds(lines: list[str]) -> bool:
    """Whether `100 200` are rows: all as long, and none begins as a number beyond a thousand would."""
    rows = [line.split() for line in lines]
    return len(set(map(len, rows))) == 1 and all(len(row[0].lstrip("+-")) == 3 for row in rows)


# Commas: between cells, or within numbers


@dataclass
class _Commas:
    """What the lines say. A doubtful one may be one number, or a row of several; quotes around
    cells make it clear.
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
    """Commas stand between cells unless there are doubtful lines, and neither heading nor rows say
    what they are.
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
        choices = ["point", *(["comma"] if commas.all_with_comma else [])]
        raise ask(f"{doubtful}: {CHOOSE_MARK}", "decimal", choices)
    if words.POINT in marks:
        raise bad(f"{doubtful}: {WRITE_PLAINLY}")
    if decimal is None:
        raise bad(f"{doubtful}: {WRITE_ALONE}")
    return table


def _is_clear_grid(file: BinaryIO) -> bool:
    """Whether all rows have the same number of cells, and the heading or one row cannot be a single
    number.
    """
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
    """A heading of several cells; but `Depth, m` is one, unless numbers, too, have a blank after
    the comma.
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
    """Whether a line with commas may be one number, also with a unit, or blanks between thousands."""
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


# Reading


def fill(file: BinaryIO, dialect: Dialect, parse: words.Parse) -> Table:
    """All rows of the file, their numbers read with `parse`. Raises ParamsError."""
    table = Table(lambda row, column: f"line {row}")
    if dialect.quoted:
        for number, cells in _quoted_rows(file, dialect):
            table.add_row(number, cells, parse)
        return table
    number = 1
    for block in blocks(file):
        rows = block
        if number <= dialect.hint_lines:
            rows = block[block.find(b"\n") + 1 or len(block) :]
            number += dialect.hint_lines
        number = _add_rows(table, rows, number, dialect, parse)
    return table


def _add_rows(table: Table, block: bytes, number: int, dialect: Dialect, parse: words.Parse) -> int:
    """Returns the number of the line that follows."""
    while block and not table.first_row:
        line, _, block = block.partition(b"\n")
        table.add_row(number, _cells(line, dialect), parse)
        number += 1
    if not block:
        return number
    lines = block.count(b"\n") + (not block.endswith(b"\n"))
    width = len(table.columns)
    filled, blank_rows = _without_blank_lines(block)
    values = None
    if parse is words.parse_point:
        values = _grid(filled, dialect.separator, width, lines - blank_rows)
    if values is None and parse is words.parse_point and width == 1:
        values = _numbers_between_gaps(filled, table.columns[0])
    if values is not None:
        table.add_block(values, width, blank_rows)
        return number + lines
    for row, line in enumerate(block.removesuffix(b"\n").split(b"\n"), number):
        table.add_row(row, _cells(line, dialect), parse)
    return number + lines


def _numbers_between_gaps(block: bytes, column: Column) -> Numbers | None:
    """The numbers of one column between cells that say that there is none, of which enough are
    named already.
    """
    if column.missing < PLACES_MAX or any(mark in block for mark in (b",", b" ", b"\t")):
        return None
    cells = block.removesuffix(b"\n").split(b"\n")
    filled = [cell for cell in cells if cell.lower() not in _MISSING_BYTES]
    values = fast_numbers(b",".join(filled)) if filled else None
    if values is not None:
        column.missing += len(cells) - len(filled)
    return values


def _without_blank_lines(block: bytes) -> tuple[bytes, int]:
    """The block, and how many blank lines were in it."""
    if b"\n\n" not in block and not block.startswith(b"\n"):
        return block, 0
    filled = _BLANK_LINES.sub(b"\n", block).removeprefix(b"\n")
    return filled, block.count(b"\n") - filled.count(b"\n")


def _cells(line: bytes, dialect: Dialect) -> list[str]:
    text = line.decode("utf-8", "replace")
    return text.split() if dialect.separator == BLANK else text.split(dialect.separator)


def _grid(block: bytes, separator: str, width: int, lines: int) -> Numbers | None:
    """The numbers of rows that all have `width` cells; None if anything in them is no plain finite
    number.
    """
    mark = separator.encode()
    if mark != b"," and b"," in block:
        return None
    if width > 1:
        structure = bytes(set(range(256)) - {*mark, *b"\n"})
        shape = block.translate(None, structure).removesuffix(b"\n") + b"\n"
        if len(mark) != 1 or shape != (mark * (width - 1) + b"\n") * lines:
            return None
    elif mark in block or b" " in block or b"\t" in block:
        return None
    body = block.removesuffix(b"\n").replace(b"\n", b",")
    values = fast_numbers(body if width == 1 else body.replace(mark, b","))
    return values if values is not None and values.size == width * lines else None


def _quoted_rows(file: BinaryIO, dialect: Dialect) -> Iterator[Row]:
    """Rows with quotes in them, each with the number of the line in which it ends. Raises
    ParamsError.
    """
    lines = (
        line
        for block in blocks(file)
        for line in block.decode("utf-8", "replace").removesuffix("\n").split("\n")
    )
    for _ in range(dialect.hint_lines):
        next(lines, None)
    separator = dialect.separator
    rows = csv.reader(
        (line + "\n" for line in lines), delimiter=separator, skipinitialspace=separator != "\t"
    )
    try:
        for cells in rows:
            yield rows.line_num + dialect.hint_lines, cells
    except csv.Error:
        raise bad(_unclosed(rows.line_num + dialect.hint_lines)) from None


def _unclosed(line: int) -> str:
    return f"line {line}: a quotation mark is not closed, or a cell is longer than any number"


@dataclass(frozen=True)
class Reading:
    """A table that was read, its dialect with the decimal mark, and the columns that are meant."""

    table: Table
    dialect: Dialect
    chosen: Chosen


def read_table(
    file: BinaryIO, column: str | int | None, decimal: words.Decimal | None, heading: str | None
) -> Reading:
    """Raises ParamsError, which may ask for `decimal`, `column` or `heading`."""
    dialect = find_dialect(file, decimal)
    if decimal is not None:
        table = fill(file, dialect, words.PARSERS[decimal])
        return Reading(table, replace(dialect, decimal=decimal), choose(table, column, heading))
    table = fill(file, dialect, words.parse_point)
    odd = [one for one in table.columns if one.odd and one.odd == one.texts]
    meant = None
    if column is not None and odd:
        table.settle_heading(heading)
        meant = named(table, column)
    found = words.POINT
    if meant and meant not in odd:
        found, table = _beside_commas(file, dialect, table, meant, odd, heading)
    elif odd:
        asked = [meant] if meant else odd
        found, table = _with_commas(file, dialect, table, asked, is_alone=meant is not None)
    return Reading(table, replace(dialect, decimal=found), choose(table, column, heading))


def _beside_commas(
    file: BinaryIO,
    dialect: Dialect,
    plain: Table,
    meant: Column,
    odd: list[Column],
    heading: str | None,
) -> tuple[words.Decimal, Table]:
    """A column that is read alone: a decimal comma in another one makes 1234 of its 1.234."""
    marks = set(words.PARSERS).intersection(*(one.odd_marks for one in odd))
    if words.COMMA not in marks:
        return words.POINT, plain
    table = fill(file, dialect, words.parse_comma)
    table.settle_heading(heading)
    if table.column(meant.number).texts:
        return words.POINT, plain
    if words.POINT not in marks:
        return words.COMMA, table
    if table.numbers_of(meant.number).tolist() == plain.numbers_of(meant.number).tolist():
        return words.POINT, plain
    raise _asked(odd[0], [*words.PARSERS])


def _asked(odd: Column, marks: list[words.Decimal]) -> ParamsError:
    message = f"{odd.first_odd} has a comma that may be decimal, or stand between thousands"
    return ask(f"{message}: {CHOOSE_MARK}", "decimal", [*marks])


def _with_commas(
    file: BinaryIO, dialect: Dialect, plain: Table, odd: list[Column], *, is_alone: bool
) -> tuple[words.Decimal, Table]:
    """The one decimal mark with which those columns, and the plain ones beside them, are numbers
    throughout.
    """
    numbers = {one.number for one in odd}
    beside = set() if is_alone else {one.number for one in plain.columns if one.is_numeric}
    marks = [mark for mark in words.PARSERS if all(mark in one.odd_marks for one in odd)]
    trials = {mark: fill(file, dialect, words.PARSERS[mark]) for mark in marks}
    fitting = {mark: table for mark, table in trials.items() if _fits(table, numbers | beside)}
    if len(fitting) == 1:
        return next(iter(fitting.items()))
    if fitting:
        raise _asked(odd[0], [*fitting])
    first = odd[0].first_odd
    wrong = next(
        (text for table in trials.values() if (text := _first_wrong(table, numbers | beside))), ""
    )
    against = f" ({wrong}, if that is so)" if wrong else ""
    raise bad(
        f"{first} has commas or points that may be decimal or stand between thousands, and the rest of the file "
        f"contradicts either{against}; write numbers with a decimal point and without thousands separators"
    )


def _fits(table: Table, numbers: set[int]) -> bool:
    return not any(table.column(number).texts for number in numbers)


def _first_wrong(table: Table, numbers: set[int]) -> str:
    texts = (table.column(number).first_text for number in sorted(numbers))
    return next(filter(None, texts), "")
