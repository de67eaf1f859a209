"""Numbers from uploaded files: plain text, CSV, TSV, NPY and XLSX become packed binary64.

What could be read in two ways is asked (ParamsError with the code "ambiguous_file"), never guessed,
and what is left out is counted and named. Every number is taken as the nearest binary64, integers
beyond 2^53 too.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePath
from typing import Any, BinaryIO

from firmlight_client.kinds import ParamsError, _choice, _packed
from firmlight_client.kinds._dialect import SEPARATORS
from firmlight_client.kinds._npy import read_npy
from firmlight_client.kinds._number_options import NumberFileParams
from firmlight_client.kinds._table import Table, TooWide, bad
from firmlight_client.kinds._text import Numbers, PlainText
from firmlight_client.kinds._text_table import has_endless_line, read_table

PLAIN, TABLE, ARRAY, WORKBOOK = "plain", "table", "array", "workbook"
SUFFIXES = {".csv": TABLE, ".npy": ARRAY, ".tsv": TABLE, ".txt": PLAIN, ".xlsx": WORKBOOK}
NAME_CHARS = 200  # of a heading, in the summary


class NumberFile:
    """The numbers of one file, packed, with what was left out of it and how it was read."""

    def __init__(self, file: BinaryIO, name: str, options: NumberFileParams) -> None:
        """Read the file. Raises ParamsError.

        Its field is `file`, or the option that has to be given or is wrong.
        """
        self.options = options
        self.skipped: list[str] = []
        self.summary: list[list[str]] = []
        self.choices: dict[str, list[str]] = {}
        self.read: tuple[Table, _choice.Chosen] | None = None
        form = SUFFIXES.get(PurePath(name).suffix.lower())
        if form is None:
            raise bad(f"the name must end with one of {', '.join(SUFFIXES)}")
        self._refuse_options(form)
        if form == ARRAY:
            self.numbers = _joined(read_npy(file))
        elif form == WORKBOOK:
            self.numbers = self._workbook(file)
        else:
            self.numbers = self._text(file, form)
        if not self.numbers:
            raise bad("there is no number in it")

    @property
    def understood(self) -> dict[str, Any]:
        """As `Kind.load_file` says."""
        columns = _choice.described(self.read[0], self.read[1].columns) if self.read else []
        return {"summary": self.summary, "columns": columns, "choices": self.choices}

    def _refuse_options(self, form: str) -> None:
        """Raise ParamsError for an option that cannot apply to a file of this type."""
        options = self.options
        unfit = {
            "sheet": options.sheet is not None and form != WORKBOOK,
            "decimal": options.decimal is not None and form in (ARRAY, WORKBOOK),
            "column": options.column is not None and form == ARRAY,
            "heading": options.heading is not None and form == ARRAY,
        }
        for name, is_unfit in unfit.items():
            if is_unfit:
                raise ParamsError(f"a file of this type has no {name} to choose", name)

    def _text(self, file: BinaryIO, form: str) -> bytes:
        """The numbers of a text.

        A plain text is read as a table if columns are asked for, and a table of endless lines as a
        plain text.
        """
        wants_table = self.options.column is not None or self.options.heading is not None
        if not wants_table and (form == PLAIN or has_endless_line(file)):
            return self._plain(file)
        try:
            return self._table(file)
        except TooWide:
            if wants_table:
                raise
            return self._plain(file)

    def _plain(self, file: BinaryIO) -> bytes:
        text = PlainText(file, self.options.decimal)
        numbers = _joined(text.read())
        self.skipped += text.left_out()
        self.summary.append(["Decimal mark", text.decimal or "point"])
        return numbers

    def _table(self, file: BinaryIO) -> bytes:
        options = self.options
        found = read_table(file, options.column, options.decimal, options.heading)
        separator = found.dialect.separator
        self.summary.append(["Separator", SEPARATORS.get(separator, separator)])
        self.summary.append(["Decimal mark", found.dialect.decimal or "point"])
        return self._columns(found.table, found.chosen)

    def _workbook(self, file: BinaryIO) -> bytes:
        # openpyxl takes 0.2 s to import, and few uploads need it.
        from firmlight_client.kinds import _workbook

        found = _workbook.read_sheet(file, self.options.sheet)
        self.summary.append(["Sheet", found.name])
        if found.hidden_rows:
            self.summary.append(["Hidden rows", f"{found.hidden_rows:,}, read like the others"])
        if len(found.sheets) > 1:
            self.choices["sheet"] = found.sheets
        chosen = _choice.choose(found.table, self.options.column, self.options.heading)
        numbers = self._columns(found.table, chosen)
        hidden = [one for one in chosen.columns if found.is_hidden(one)]
        if hidden:
            labels = ", ".join(_choice.labels(hidden, found.table))[:NAME_CHARS]
            self.summary.append(["Hidden columns", f"{labels}, read like the others"])
        self.skipped += found.left_out
        return numbers

    def _columns(self, table: Table, chosen: _choice.Chosen) -> bytes:
        names = [one.name for one in table.columns if one.name]
        heading = ", ".join(names)[:NAME_CHARS] if chosen.has_heading else "none"
        self.summary.append(["Heading", heading])
        if len(table.columns) > 1:
            labels = ", ".join(_choice.labels(chosen.columns, table))
            self.summary.append(["Columns read", labels[:NAME_CHARS]])
        with_numbers = [one for one in table.columns if one.numbers]
        if len(with_numbers) > 1:
            self.choices["column"] = _choice.labels(with_numbers, table)
        self.skipped += _choice.left_out(table, chosen)
        self.read = table, chosen
        return _choice.read_values(table, chosen)


def _joined(pieces: Iterable[Numbers]) -> bytes:
    found, count = [], 0
    for piece in pieces:
        found.append(piece.tobytes())
        count += piece.size
        if count > _packed.NUMBERS_MAX:
            raise bad(f"At most {_packed.NUMBERS_MAX:,} numbers.")
    return b"".join(found)
