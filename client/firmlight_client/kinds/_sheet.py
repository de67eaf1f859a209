"""The cells of one sheet of a workbook (ECMA-376, 18.3.1), into a table.

Formulas count with the value last computed.
"""

from __future__ import annotations

import math
from typing import IO, Protocol

from firmlight_client.kinds._table import (
    COLUMNS_MAX,
    MISSING,
    PLACES_MAX,
    Column,
    Table,
    not_a_number,
    shown,
)
from firmlight_client.kinds._xml_stream import TooLarge, XmlStream

ROWS_MAX = 2**20  # as many as a sheet has
CELLS_MAX = 2**22
NUMBER, SHARED, BOOLEAN, FORMULA_TEXT, ISO_DATE = "n", "s", "b", "str", "d"


class Book(Protocol):
    """What cells need of the workbook that they are in."""

    dates: frozenset[int]  # styles that make a number a point or a length of time

    def shared_is_missing(self, place: int) -> bool: ...

    def shared_is_blank(self, place: int) -> bool: ...

    def shared_text(self, place: int) -> str: ...

    def date_text(self, value: float, style: int) -> str: ...


def cell_name(row: int, column: int) -> str:
    """cell_name(3, 28) is "AB3"."""
    return f"{column_letters(column)}{row}"


def column_letters(column: int) -> str:
    letters = ""
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


class _Cells(XmlStream):
    """The cells of a sheet as they go by.

    `row`, `column`, `kind` and `style` are those of the open cell; `text` is its value.
    """

    def __init__(self, book: Book) -> None:
        super().__init__()
        self.book = book
        self.row = self.column = self.rows = self.cells = 0
        self.kind, self.style = NUMBER, "0"
        self.text = ""
        self.has_formula = self.is_phonetic = False
        self.hidden_rows = 0
        self._hides_column = bytearray(COLUMNS_MAX + 1)  # a flag for each, from 1
        self._columns: dict[str, int] = {}

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "v":
            self.listen()
        elif name == "c":
            self._open_cell(attributes)
        elif name == "row":
            self._open_row(attributes)
        elif name == "t":
            if not self.is_phonetic:
                self.listen()
        elif name == "f":
            self.has_formula = True
        elif name == "rPh":
            self.is_phonetic = True
        elif name == "col" and attributes.get("hidden") in ("1", "true"):
            self._hide_columns(int(attributes.get("min", 0)), int(attributes.get("max", 0)))

    def end(self, name: str) -> None:
        if name == "v":
            self.text = self.heard()
        elif name == "c":
            self.cell()
        elif name == "t":
            if not self.is_phonetic:
                self.text += self.heard()
        elif name == "rPh":
            self.is_phonetic = False
        elif name == "row":
            self.end_of_row()

    def _open_row(self, attributes: dict[str, str]) -> None:
        self.row, self.rows, self.column = int(attributes.get("r", self.row + 1)), self.rows + 1, 0
        if max(self.row, self.rows) > ROWS_MAX:
            raise TooLarge(f"at most {ROWS_MAX:,} rows")
        if attributes.get("hidden") in ("1", "true"):
            self.hidden_rows += 1

    def _hide_columns(self, first: int, last: int) -> None:
        first, last = max(first, 0), min(last, COLUMNS_MAX)
        if first <= last:
            self._hides_column[first : last + 1] = b"\1" * (last + 1 - first)

    def is_hidden(self, column: Column) -> bool:
        return bool(self._hides_column[column.number])

    def _open_cell(self, attributes: dict[str, str]) -> None:
        self.cells += 1
        if self.cells > CELLS_MAX:
            raise TooLarge(f"at most {CELLS_MAX:,} cells; save the sheet as CSV to have more read")
        place = attributes.get("r")
        if place is None:
            self.column += 1
        else:
            letters = place.rstrip("0123456789")
            self.column = self._columns.get(letters) or self._column(letters)
        self.kind, self.style = attributes.get("t", NUMBER), attributes.get("s", "0")
        self.text, self.has_formula = "", False

    def _column(self, letters: str) -> int:
        """The number of the column of these letters. Raises TooLarge and ValueError."""
        if not 1 <= len(letters) <= 3 or not letters.isascii() or not letters.isalpha():
            raise ValueError("no cell has this name")
        number = 0
        for letter in letters.upper():
            number = number * 26 + ord(letter) - ord("A") + 1
        if number > COLUMNS_MAX:
            raise TooLarge(f"at most {COLUMNS_MAX:,} columns")
        self._columns[letters] = number
        return number

    @property
    def is_uncomputed(self) -> bool:
        """A formula without a value. One whose value is a text without letters is computed."""
        return self.has_formula and not self.text and self.kind != FORMULA_TEXT

    def cell(self) -> None:
        """A cell has ended."""

    def end_of_row(self) -> None:
        """A row has ended."""


class SheetTable(_Cells):
    """The whole sheet, as a table."""

    def __init__(self, book: Book) -> None:
        super().__init__(book)
        self.table = Table(cell_name)

    def read(self, source: IO[bytes]) -> Table:
        """Raises TooLarge, ParamsError and what expat raises."""
        for _ in self.feed(source):
            self.table.flush_if_full()
        return self.table

    def end_of_row(self) -> None:
        if self.table.first_row:
            return
        if self.table.first_words or any(one.is_used or one.missing for one in self.table.columns):
            self.table.first_row = self.row

    def cell(self) -> None:
        if not self.text and not self.has_formula:
            return
        if self.is_uncomputed:
            self.table.column(self.column).note_uncomputed(cell_name(self.row, self.column))
        elif self.kind == NUMBER and self.text:
            self._number()
        elif self.text:
            self._text_cell()

    def _number(self) -> None:
        value = float(self.text)
        columns = self.table.columns
        is_known = self.column <= len(columns)
        column = columns[self.column - 1] if is_known else self.table.column(self.column)
        if self.book.dates and (style := int(self.style)) in self.book.dates:
            self._date(column, self.book.date_text(value, style))
        elif math.isfinite(value) and "_" not in self.text:
            self.table.add_number(column, value)
            if not self.table.first_row:
                self.table.first_numbers[self.column] = self.text
        else:
            place = cell_name(self.row, self.column)
            self._wrong(column, self.text, not_a_number(place, self.text))

    def _date(self, column: Column, text: str) -> None:
        place = cell_name(self.row, self.column)
        self._wrong(column, text, f"{place}: {text} is a date or a time, not a number")

    def _text_cell(self) -> None:
        column = self.table.column(self.column)
        if self.kind == ISO_DATE:
            self._date(column, self.text)
        elif self._is_missing() and column.missing >= PLACES_MAX:
            column.missing += 1  # only the first ones are named
        elif self._is_missing():
            place = cell_name(self.row, self.column)
            column.note_missing(self.row, f"{place} says {shown(self._words())}")
        elif column.first_text and self.table.first_row:
            column.texts += 1  # only the first one is ever shown
        elif self.kind == SHARED and self.book.shared_is_blank(int(self.text)):
            pass  # and not looked up: the table of strings may have to be read anew for each
        elif (text := self._words()).strip():
            is_number = self.kind != BOOLEAN and _is_number(text)
            hint = ", but a text; make it a number in a spreadsheet program" if is_number else ""
            place = cell_name(self.row, self.column)
            self._wrong(column, text, f"{place}: {shown(text)} is not a number{hint}")

    def _is_missing(self) -> bool:
        if self.kind == SHARED:
            return self.book.shared_is_missing(int(self.text))
        return self.text.strip().lower() in MISSING

    def _words(self) -> str:
        if self.kind == SHARED:
            return self.book.shared_text(int(self.text))
        if self.kind == BOOLEAN:
            return "True" if self.text == "1" else "False"
        return self.text

    def _wrong(self, column: Column, text: str, sentence: str) -> None:
        if self.table.first_row:
            column.note_text(self.row, sentence)
        else:
            self.table.add_first_word(self.column, text, sentence)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


class _FoundNumber(Exception):
    """Enough was read."""


class _AnyNumber(_Cells):
    def cell(self) -> None:
        is_number = self.kind == NUMBER and self.text and int(self.style) not in self.book.dates
        if is_number or self.is_uncomputed:
            raise _FoundNumber


def has_numbers(book: Book, source: IO[bytes]) -> bool:
    """Whether any cell of the sheet is a number, or will be one once it is computed."""
    try:
        _AnyNumber(book).parse(source)
    except _FoundNumber:
        return True
    return False
