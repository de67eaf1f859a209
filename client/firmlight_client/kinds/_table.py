"""What a table of a file holds, column by column, gathered while its rows go by.

Numbers are kept as binary64 with the column they stand in, 10 bytes a number, in the order of the
file. Of everything else a count and the first places are kept. `_choice` decides afterwards what of
it is read.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from firmlight_client.kinds import ParamsError, _packed
from firmlight_client.kinds import number_words as words
from firmlight_client.kinds._packed import PACKED

MISSING = {"na", "n/a", "#n/a", "null", "none", "-", "--"}  # in upper case, too
PLACES_MAX = 20  # that are named
COLUMNS_MAX = 2**14  # as many as a sheet has
FLUSH_NUMBERS = 2**15


class TooWide(ParamsError):
    """A row has more cells than a table may have columns.

    It is a list of numbers in one line, or no table at all.
    """

    def __init__(self) -> None:
        super().__init__(f"at most {COLUMNS_MAX:,} columns", "file")

    def __reduce__(self) -> tuple[type[TooWide], tuple[()]]:
        return TooWide, ()


def bad(message: str) -> ParamsError:
    return ParamsError(message, "file")


def shown(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:40] + "…")


def not_a_number(place: str, text: str) -> str:
    """The sentence that says that the cell with this text is not a number, or not a finite one."""
    value = words.parse_point(text)
    is_endless = value is not None and not math.isfinite(value)
    noun = "finite number" if is_endless else "number"
    return f"{place}: {shown(text)} is not a {noun}"


@dataclass
class Column:
    """One column; `number` is 1 for the first.

    `odd` counts those of its texts that are numbers if commas are understood.
    """

    number: int
    name: str = ""
    numbers: int = 0
    texts: int = 0
    odd: int = 0
    odd_marks: set[words.Decimal] = field(default_factory=lambda: {words.POINT, words.COMMA})
    first_odd: str = ""  # where it stands and what it is
    first_text: str = ""  # the whole sentence that says why it is not a number
    first_text_row: int = 0
    missing: int = 0
    missing_places: list[tuple[int, str]] = field(default_factory=list)
    empty: int = 0
    uncomputed: int = 0
    uncomputed_places: list[str] = field(default_factory=list)

    @property
    def is_numeric(self) -> bool:
        return self.numbers > 0 and not self.texts and not self.uncomputed

    @property
    def is_used(self) -> bool:
        return bool(self.numbers or self.texts or self.uncomputed)

    def note_text(self, row: int, sentence: str) -> None:
        self.texts += 1
        if sentence and (not self.first_text or row < self.first_text_row):
            self.first_text, self.first_text_row = sentence, row

    def note_missing(self, row: int, sentence: str) -> None:
        self.missing += 1
        if len(self.missing_places) < PLACES_MAX:
            self.missing_places.append((row, sentence))

    def note_odd(self, place: str, text: str) -> None:
        self.odd += 1
        self.odd_marks &= set(words.readings(text))
        self.first_odd = self.first_odd or f"{place}: {shown(text)}"

    def note_uncomputed(self, place: str) -> None:
        self.uncomputed += 1
        if len(self.uncomputed_places) < PLACES_MAX:
            self.uncomputed_places.append(place)


class Table:
    """`place(row, column)` names a cell: "line 3", or "B3". Rows and columns are counted from 1.

    The first row that has anything in it may be a heading. Its numbers are taken along, as the
    first ones, and its texts are put aside until all other rows are known.
    """

    def __init__(self, place: Callable[[int, int], str]) -> None:
        self.place = place
        self.columns: list[Column] = []
        self.first_row = 0  # 0: none yet
        self.first_words: dict[int, str] = {}  # by column; what is no number in the first row
        self.first_numbers: dict[int, str] = {}
        self.first_sentences: dict[int, str] = {}
        self._is_settled = False
        self._has_heading: bool | None = None
        self.blank_rows = 0
        self.count = 0
        self._pieces: list[tuple[NDArray[np.float64], NDArray[np.uint16]]] = []
        self._values, self._places = array("d"), array("H")

    def column(self, number: int) -> Column:
        """Raises TooWide beyond COLUMNS_MAX columns."""
        if number > len(self.columns):
            if number > COLUMNS_MAX:
                raise TooWide
            self.columns += [Column(n) for n in range(len(self.columns) + 1, number + 1)]
        return self.columns[number - 1]

    def add_row(self, row: int, cells: Sequence[str], parse: words.Parse) -> None:
        """Take a row of texts, read with `parse`."""
        texts = [cell.strip() for cell in cells]
        if not any(texts):
            self.blank_rows += 1 if self.first_row else 0
            return
        is_first = not self.first_row
        self.first_row = self.first_row or row
        if len(texts) > len(self.columns):
            self.column(len(texts))
        values, places, is_finite = self._values, self._places, math.isfinite
        for column, text in zip(self.columns, texts, strict=False):
            if not text:
                column.empty += 1
                continue
            value = parse(text)
            if value is None or not is_finite(value):
                self._add_text(column, row, text, may_name=is_first and value is None)
                continue
            column.numbers += 1
            values.append(value)
            places.append(column.number)
            if is_first:
                self.first_numbers[column.number] = text
        if len(values) >= FLUSH_NUMBERS:
            self.flush()

    def add_number(self, column: Column, value: float) -> None:
        column.numbers += 1
        self._values.append(value)
        self._places.append(column.number)

    def _add_text(self, column: Column, row: int, text: str, *, may_name: bool) -> None:
        if text.lower() in MISSING and column.missing >= PLACES_MAX:
            column.missing += 1  # only the first ones are named
            return
        place = self.place(row, column.number)
        if text.lower() in MISSING:
            column.note_missing(row, f"{place} says {shown(text)}")
        elif may_name and len(text) <= words.CELL_CHARS_MAX and not words.is_odd(text):
            self.add_first_word(column.number, text, not_a_number(place, text))
        else:
            # Only the first sentence of a column is ever shown.
            sentence = "" if column.first_text else not_a_number(place, text)
            self.add_wrong(column, row, text, sentence)

    def add_first_word(self, number: int, text: str, sentence: str) -> None:
        self.first_words[number], self.first_sentences[number] = text, sentence

    def add_wrong(self, column: Column, row: int, text: str, sentence: str) -> None:
        """A cell that is no number; `sentence` says so."""
        column.note_text(row, sentence)
        if words.is_odd(text):
            column.note_odd(self.place(row, column.number), text)

    def add_block(self, values: NDArray[np.float64], width: int, blank_rows: int) -> None:
        """Take rows of `width` numbers each, all of them finite; between them were `blank_rows`."""
        self.flush()
        self.blank_rows += blank_rows
        rows = values.size // width
        self.column(width)
        for column in self.columns[:width]:
            column.numbers += rows
        places = np.tile(np.arange(1, width + 1, dtype=np.uint16), rows)
        self._keep(values, places)

    def flush_if_full(self) -> None:
        if len(self._values) >= FLUSH_NUMBERS:
            self.flush()

    def flush(self) -> None:
        if self._values:
            self._keep(np.array(self._values, PACKED), np.array(self._places, np.uint16))
            self._values, self._places = array("d"), array("H")

    def _keep(self, values: NDArray[np.float64], places: NDArray[np.uint16]) -> None:
        self.count += values.size
        if self.count > _packed.NUMBERS_MAX:
            raise bad(f"At most {_packed.NUMBERS_MAX:,} numbers.")
        self._pieces.append((values, places))

    def values(self) -> tuple[NDArray[np.float64], NDArray[np.uint16]]:
        """All numbers in the order of the file, and the column of each."""
        self.flush()
        if not self._pieces:
            return np.empty(0, PACKED), np.empty(0, np.uint16)
        if len(self._pieces) > 1:
            values, places = zip(*self._pieces, strict=True)
            self._pieces = [(np.concatenate(values), np.concatenate(places))]
        return self._pieces[0]

    def numbers_of(self, column: int) -> NDArray[np.float64]:
        """Those of one column, in the order of the file."""
        values, places = self.values()
        return values[places == column]

    # The heading

    def settle_heading(self, asked: str | None) -> bool | None:
        """Whether the first row is a heading; None if that is unclear.

        `asked` ("yes", "no") says so, or else the columns below it. A heading is taken off once,
        however often this is called.
        """
        if self._is_settled:
            return self._has_heading
        self._has_heading = {"yes": True, "no": False}.get(asked or "", self._is_heading())
        self._is_settled = True
        if self._has_heading:
            self._take_names()
        else:
            self._take_as_row()
        return self._has_heading

    def _is_heading(self) -> bool | None:
        if not self.first_words:
            return False
        if not self.first_numbers:
            return True
        below = [self.columns[number - 1] for number in self.first_words]
        if any(column.numbers + column.odd > 0 and column.texts == column.odd for column in below):
            return True  # a word above nothing but numbers
        return None if self._has_more_than_first() else False

    def _has_more_than_first(self) -> bool:
        own = sum(column.numbers + column.texts for column in self.columns)
        return own > len(self.first_numbers)

    def _take_names(self) -> None:
        for number, text in {**self.first_words, **self.first_numbers}.items():
            self.columns[number - 1].name = " ".join(text.split())
        for number in self.first_numbers:
            self.columns[number - 1].numbers -= 1
        values, places = self.values()
        skip = len(self.first_numbers)
        self._pieces = [(values[skip:], places[skip:])]

    def _take_as_row(self) -> None:
        for number, text in self.first_words.items():
            column = self.columns[number - 1]
            self.add_wrong(column, self.first_row, text, self.first_sentences[number])
