"""Which sheet of an XLSX workbook is read, and what its cells need (ECMA-376, part 1, 18).

A few kilobytes of zip can say millions of styles, strings or cells, so no workbook library builds
objects of them here: expat passes over each part once and keeps what is needed. That is also more
tolerant: fills, fonts, views and settings of the calculation are ignored, and both the transitional
and the strict names of things are understood. (python-calamine is tolerant too, but it does not
tell a formula without a value from an empty cell, and it keeps whole sheets.) Of openpyxl only the
formats of dates are used. `zipfile` unpacks no more of a part than its directory states.
"""

from __future__ import annotations

import posixpath
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, time
from typing import IO, BinaryIO
from xml.parsers import expat

from openpyxl.utils.datetime import CALENDAR_MAC_1904, CALENDAR_WINDOWS_1900, from_excel

from firmlight_client.kinds import ParamsError, _workbook_parts
from firmlight_client.kinds._choice import ask
from firmlight_client.kinds._sheet import SheetTable, has_numbers
from firmlight_client.kinds._table import Column, Table, bad
from firmlight_client.kinds._workbook_parts import (
    Frame,
    Relation,
    Relations,
    Strings,
    Styles,
    same_name,
    time_format,
)
from firmlight_client.kinds._xml_stream import TooLarge, XmlStream

SHEET_BYTES_MAX = 128 * 2**20  # some four million cells
STRINGS_BYTES_MAX = 128 * 2**20
PART_BYTES_MAX = 2**24
FAULTS = (
    zipfile.BadZipFile,
    expat.ExpatError,
    zlib.error,
    struct.error,
    EOFError,
    KeyError,
    OSError,
    OverflowError,
    RuntimeError,
    ValueError,
)
"""What expat, zipfile and this module raise on a file that is no workbook, or an encrypted one."""


@dataclass(frozen=True)
class Sheet:
    name: str
    part: str
    is_hidden: bool


@dataclass(frozen=True)
class SheetRead:
    """`sheets` are the names of all of them, `left_out` sentences about those that were not read.

    `is_hidden` says of a column whether people do not see it.
    """

    name: str
    table: Table
    sheets: list[str]
    left_out: list[str]
    hidden_rows: int
    is_hidden: Callable[[Column], bool]


def read_sheet(file: BinaryIO, asked: str | int | None) -> SheetRead:
    """The sheet that is asked for, or the only visible one with numbers.

    Raises ParamsError, which may ask for `sheet`.
    """
    try:
        book = Workbook(file)
        sheet = _chosen(book, asked)
        reader = SheetTable(book)
        with book.open(sheet.part, SHEET_BYTES_MAX) as source:
            table = reader.read(source)
    except TooLarge as error:
        raise bad(str(error)) from None
    except FAULTS as error:
        if isinstance(error, ParamsError):
            raise
        raise bad("it is not an XLSX workbook") from None
    others = [one for one in book.sheets if one is not sheet]
    left_out = [
        f"sheet {one.name!r} is {'hidden and ' if one.is_hidden else ''}not read" for one in others
    ]
    names = [one.name for one in book.sheets]
    return SheetRead(sheet.name, table, names, left_out, reader.hidden_rows, reader.is_hidden)


def _chosen(book: Workbook, asked: str | int | None) -> Sheet:
    if asked is not None:
        return _named(book.sheets, str(asked))
    visible = [sheet for sheet in book.sheets if not sheet.is_hidden]
    if len(visible) == 1 and len(book.sheets) == 1:
        return visible[0]
    meant = [sheet for sheet in visible if book.has_numbers(sheet)]
    if len(meant) == 1:
        return meant[0]
    if meant:
        names = [sheet.name for sheet in meant]
        raise ask(f"{len(meant)} sheets have numbers: choose the one that is meant", "sheet", names)
    hidden = [sheet.name for sheet in book.sheets if sheet.is_hidden and book.has_numbers(sheet)]
    if hidden:
        raise ask("only hidden sheets have numbers: choose one if it is meant", "sheet", hidden)
    return (visible or book.sheets)[0]


def _named(sheets: list[Sheet], wanted: str) -> Sheet:
    """By its name, or else by its number from 1."""
    named = [sheet for sheet in sheets if sheet.name == wanted]
    named = named or [sheet for sheet in sheets if sheet.name.casefold() == wanted.casefold()]
    if named:
        return named[0]
    if wanted.isdecimal() and 1 <= int(wanted[:6]) <= len(sheets):
        return sheets[int(wanted[:6]) - 1]
    names = [sheet.name for sheet in sheets]
    message = f"there is no sheet {wanted[:80]!r}; there are {', '.join(names)[:1000]}"
    raise ParamsError(message, "sheet", choices={"sheet": names})


class Workbook:
    """`dates` are the styles that make a number a point or a length of time."""

    def __init__(self, file: BinaryIO) -> None:
        """Raises TooLarge, or one of FAULTS, as everything here does."""
        file.seek(0)
        self.archive = zipfile.ZipFile(file)
        self._parts = {same_name(info.filename): info for info in self.archive.infolist()}
        part = self._workbook_part()
        relations = self._relations(part)
        frame = Frame()
        self._parse(part, frame)
        self.epoch = CALENDAR_MAC_1904 if frame.since_1904 else CALENDAR_WINDOWS_1900
        self.sheets = self._worksheets(frame, relations)
        self._spans: frozenset[int] = frozenset()
        self.dates: frozenset[int] = frozenset()
        self._read_styles(relations)
        strings = [one.target for one in relations.values() if one.kind == "sharedStrings"]
        self._strings_part = strings[0] if strings else ""
        self._strings: Strings | None = None

    # Parts

    def open(self, part: str, most: int = PART_BYTES_MAX) -> IO[bytes]:
        """A part by its name, whatever its case.

        Raises KeyError, and TooLarge if it unpacks to more than `most`.
        """
        info = self._parts[same_name(part)]
        if info.file_size > most:
            raise TooLarge(f"unpacked, {part} has more than {most // 2**20} MiB")
        return self.archive.open(info)

    def _parse(self, part: str, stream: XmlStream) -> None:
        with self.open(part) as source:
            stream.parse(source)

    def _workbook_part(self) -> str:
        for relation in self._relations("").values():
            if relation.kind == "officeDocument":
                return relation.target
        return "xl/workbook.xml"

    def _relations(self, part: str) -> dict[str, Relation]:
        folder, name = posixpath.split(part)
        own = posixpath.join(folder, "_rels", f"{name}.rels")
        if same_name(own) not in self._parts:
            return {}
        found = Relations(folder)
        self._parse(own, found)
        return found.relations

    def _worksheets(self, frame: Frame, relations: dict[str, Relation]) -> list[Sheet]:
        """Charts and macros are no worksheets. Raises ValueError if there is none."""
        found = []
        for name, state, relation in frame.sheets:
            meant = relations.get(relation)
            if meant and meant.kind == "worksheet" and same_name(meant.target) in self._parts:
                found.append(Sheet(name, meant.target, state not in ("", "visible")))
        if not found:
            raise ValueError("no sheet")
        return found

    def has_numbers(self, sheet: Sheet) -> bool:
        with self.open(sheet.part, SHEET_BYTES_MAX) as source:
            return has_numbers(self, source)

    # Dates

    def _read_styles(self, relations: dict[str, Relation]) -> None:
        parts = [one.target for one in relations.values() if one.kind == "styles"]
        if not parts or same_name(parts[0]) not in self._parts:
            return
        styles = Styles()
        self._parse(parts[0], styles)
        formats = {number: time_format(number, styles.formats) for number in set(styles.used)}
        self.dates = frozenset(place for place, number in enumerate(styles.used) if formats[number])
        spans = {number for number, kind in formats.items() if kind == "span"}
        self._spans = frozenset(
            place for place, number in enumerate(styles.used) if number in spans
        )

    def date_text(self, value: float, style: int) -> str:
        """A number of this style as people see it: 2023-03-15."""
        try:
            found = from_excel(value, self.epoch, timedelta=style in self._spans)
        except (ValueError, OverflowError):
            return repr(value)
        is_day = isinstance(found, datetime) and found.time() == time()
        return str(found.date() if is_day else found)

    # Strings that all sheets share

    def shared_is_missing(self, place: int) -> bool:
        """Whether the shared string at this place says that there is no number."""
        return place in self._strings_from(0, again=False).missing

    def shared_is_blank(self, place: int) -> bool:
        """Whether the shared string at this place, if there is one, has nothing but white space."""
        blank = self._strings_from(0, again=False).is_blank
        return not 0 <= place < len(blank) or bool(blank[place])

    def shared_text(self, place: int) -> str:
        """The beginning of the shared string at this place; "" if there is none."""
        strings = self._strings_from(place, again=True)
        offset = place - strings.first
        return strings.found[offset] if offset < len(strings.found) else ""

    def _strings_from(self, place: int, *, again: bool) -> Strings:
        """The table of shared strings, of which STRINGS_KEPT_MAX are kept.

        With `again`, `place` has to be among those, so the table may have to be read anew.
        """
        known = self._strings
        if known is None or (
            again and not 0 <= place - known.first < _workbook_parts.STRINGS_KEPT_MAX
        ):
            known = self._strings = Strings(
                place // _workbook_parts.STRINGS_KEPT_MAX * _workbook_parts.STRINGS_KEPT_MAX
            )
            if same_name(self._strings_part) in self._parts:
                with self.open(self._strings_part, STRINGS_BYTES_MAX) as source:
                    known.parse(source)
        return known
