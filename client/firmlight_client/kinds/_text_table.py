"""Tables as text: their rows are read into a Table, with the decimal mark that makes them numbers.

`_dialect` has found what separates the cells. Of the rows whose cells are plain numbers whole
blocks are read in one go; the others are read row by row. If the decimal mark is not given, the
file is read once with a point, and again where commas make it doubtful.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO

from firmlight_client.kinds import ParamsError
from firmlight_client.kinds import number_words as words
from firmlight_client.kinds._choice import Chosen, ask, choose, named
from firmlight_client.kinds._dialect import BLANK, CHOOSE_MARK, Dialect, find_dialect
from firmlight_client.kinds._table import MISSING, PLACES_MAX, Column, Table, bad
from firmlight_client.kinds._text import Numbers, blocks, fast_numbers

LINE_BYTES_MAX = 2**22  # a longer one is no row of a table
_MISSING_BYTES = {word.encode() for word in MISSING}
_BLANK_LINES = re.compile(rb"\n{2,}")

Row = tuple[int, list[str]]  # the number of the line, and the cells


def has_endless_line(file: BinaryIO) -> bool:
    """Whether a line is longer than LINE_BYTES_MAX: then it is a list of numbers, and no table."""
    pieces = (
        block for block in blocks(file, b"\n", 2 * LINE_BYTES_MAX) if len(block) > LINE_BYTES_MAX
    )
    return any(len(line) > LINE_BYTES_MAX for block in pieces for line in block.split(b"\n"))


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
    """The numbers of a single column that also has cells without one; None if it has others.

    It is for columns of which enough such cells have been named already.
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
    """The numbers of rows that all have `width` cells; None unless all are plain finite numbers."""
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
    """Rows with quotes in them, each with the number of the line in which it ends.

    Raises ParamsError.
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
    """The one decimal mark with which those columns are numbers throughout.

    The plain columns beside them must be numbers too.
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
    reasons = [_first_wrong(table, numbers | beside) for table in trials.values()]
    wrong = next(filter(None, reasons), "")
    against = f" ({wrong}, if that is so)" if wrong else ""
    raise bad(
        f"{first} has commas or points that may be decimal or stand between thousands, "
        f"and the rest of the file contradicts either{against}; "
        "write numbers with a decimal point and without thousands separators"
    )


def _fits(table: Table, numbers: set[int]) -> bool:
    return not any(table.column(number).texts for number in numbers)


def _first_wrong(table: Table, numbers: set[int]) -> str:
    texts = (table.column(number).first_text for number in sorted(numbers))
    return next(filter(None, texts), "")
