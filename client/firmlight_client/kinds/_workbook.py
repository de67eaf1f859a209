"""The first sheet of an XLSX workbook, and of the rest no more than that needs.

openpyxl makes an object of every style, sheet, string, merged cell and theme it finds: a few kilobytes of zip can say
millions, for minutes and gigabytes. So it reads the parts that say where things lie, each bounded before, and the cells
are taken from the stream by expat, which keeps nothing. `zipfile` unpacks no more of a part than its directory states.
"""

from __future__ import annotations

import zipfile
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any, BinaryIO
from xml.etree.ElementTree import ParseError
from xml.parsers import expat

from openpyxl.packaging.relationship import get_rels_path
from openpyxl.reader.excel import ExcelReader, _find_workbook_part
from openpyxl.styles.stylesheet import apply_stylesheet
from openpyxl.utils.datetime import from_excel
from openpyxl.xml.constants import ARC_CONTENT_TYPES, ARC_STYLE, SHARED_STRINGS

SHEET_BYTES_MAX = 128 * 2**20  # some four million cells
PART_BYTES_MAX = 2**20
ROWS_MAX = 2**20  # as many as a sheet has
DEPTH_MAX = 32  # a sheet needs six; expat remembers each element that is open
CELL_CHARS_MAX = 40_000  # a sheet allows 32,767
BLOCK_BYTES = 2**16
FAULTS = (
    zipfile.BadZipFile,
    expat.ExpatError,
    AttributeError,
    IndexError,
    KeyError,
    NotImplementedError,
    OSError,
    OverflowError,
    ParseError,
    TypeError,
    ValueError,
)
"""What openpyxl, expat and zipfile raise on a file that is no workbook."""


class TooLarge(Exception):
    """It has more than it may; the message says of what."""


@dataclass(frozen=True)
class Shared:
    """A text, by its place in the table of strings that all sheets share: looked up only to be shown."""

    book: Workbook
    place: int

    def __str__(self) -> str:
        return self.book.string(self.place)


class Workbook:
    """`dates` and `spans` are the styles that make a number a point or a length of time, `epoch` is when time began."""

    def __init__(self, file: BinaryIO) -> None:
        """Raises TooLarge, or one of FAULTS, as everything here does."""
        self.reader = ExcelReader(file, read_only=True, data_only=True, keep_links=False)
        self._read_frame()
        book = self.reader.wb
        self.epoch, self.dates, self.spans = book.epoch, book._date_formats, book._timedelta_formats

    def _read_frame(self) -> None:
        self._bound(ARC_CONTENT_TYPES)
        self.reader.read_manifest()
        workbook = _find_workbook_part(self.reader.package).PartName[1:]
        for part in (workbook, get_rels_path(workbook), ARC_STYLE):
            self._bound(part)
        self.reader.read_workbook()
        apply_stylesheet(self.reader.archive, self.reader.wb)

    def _bound(self, part: str, most: int = PART_BYTES_MAX) -> None:
        """A part that is missing is for openpyxl to judge."""
        if part in self.reader.valid_files and self.reader.archive.getinfo(part).file_size > most:
            raise TooLarge(f"unpacked, {part} has more than {most // 2**20} MiB")

    def rows(self) -> Iterator[tuple[int, list[Any]]]:
        """The number and the values of each row of the first sheet, without empty cells. Texts may be Shared."""
        for _, relation in self.reader.parser.find_sheets():
            if "chartsheet" not in relation.Type and relation.target in self.reader.valid_files:
                self._bound(relation.target, SHEET_BYTES_MAX)
                with self.reader.archive.open(relation.target) as source:
                    yield from _Cells(self).read(source)
                return
        raise IndexError("no sheet")

    def string(self, place: int) -> str:
        """The shared string at this place, read as far as there; "" if there is none."""
        strings = self.reader.package.find(SHARED_STRINGS)
        if strings is None:
            return ""
        with self.reader.archive.open(strings.PartName[1:]) as source:
            return _Strings(place).read(source)


class _Stream(ABC):
    """expat as an iterator's source: elements by their local names, and no document types, so no entities."""

    def __init__(self) -> None:
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.buffer_text = True
        self.parser.StartDoctypeDeclHandler = self._refuse
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self.characters
        self.words: list[str] = []
        self.length = self.depth = 0
        self.listens = False

    def _refuse(self, *_: Any) -> None:
        raise ValueError("a document type")

    def _start(self, name: str, attrs: dict[str, str]) -> None:
        self.depth += 1
        if self.depth > DEPTH_MAX:
            raise TooLarge("its elements are nested too deeply")
        self.start(name.rpartition(" ")[2], attrs)

    def _end(self, name: str) -> None:
        self.depth -= 1
        self.end(name.rpartition(" ")[2])

    def characters(self, data: str) -> None:
        if not self.listens:
            return
        self.length += len(data)
        if self.length > CELL_CHARS_MAX:
            raise TooLarge(f"a cell has more than {CELL_CHARS_MAX:,} characters")
        self.words.append(data)

    def forget(self) -> None:
        self.words, self.length = [], 0

    @abstractmethod
    def start(self, name: str, attrs: dict[str, str]) -> None: ...

    @abstractmethod
    def end(self, name: str) -> None: ...


class _Cells(_Stream):
    """A sheet's cells (ECMA-376, 18.3.1.4). Formulas count with the value last computed."""

    def __init__(self, book: Workbook) -> None:
        super().__init__()
        self.book = book
        self.rows: list[tuple[int, list[Any]]] = []
        self.values: list[Any] = []
        self.number = self.seen = 0
        self.kind, self.style = "n", 0

    def read(self, source: IO[bytes]) -> Iterator[tuple[int, list[Any]]]:
        while block := source.read(BLOCK_BYTES):
            self.parser.Parse(block)
            yield from self.rows
            self.rows = []
        self.parser.Parse(b"", True)
        yield from self.rows

    def start(self, name: str, attrs: dict[str, str]) -> None:
        if name == "row":
            self.number, self.seen = int(attrs.get("r", self.number + 1)), self.seen + 1
            if max(self.number, self.seen) > ROWS_MAX:
                raise TooLarge(f"at most {ROWS_MAX:,} rows")
            self.values = []
        elif name == "c":
            self.kind, self.style = attrs.get("t", "n"), int(attrs.get("s", 0))
            self.forget()
        elif name in ("v", "t"):
            self.listens = True

    def end(self, name: str) -> None:
        if name in ("v", "t"):
            self.listens = False
        elif name == "c" and self.words:
            self.values.append(self.value("".join(self.words)))
        elif name == "row":
            self.rows.append((self.number, self.values))

    def value(self, text: str) -> Any:
        if self.kind == "s":
            return Shared(self.book, int(text))
        if self.kind == "b":
            return text == "1"
        if self.kind != "n":
            return text
        number = int(text) if text.lstrip("-").isdecimal() else float(text)
        if self.style in self.book.dates or self.style in self.book.spans:
            return from_excel(number, self.book.epoch, timedelta=self.style in self.book.spans)
        return number


class _Found(Exception):
    """Enough was read."""


class _Strings(_Stream):
    """The table of shared strings up to one of them."""

    def __init__(self, wanted: int) -> None:
        super().__init__()
        self.wanted, self.place = wanted, -1

    def read(self, source: IO[bytes]) -> str:
        try:
            while block := source.read(BLOCK_BYTES):
                self.parser.Parse(block)
        except _Found:
            return "".join(self.words)
        return ""

    def start(self, name: str, attrs: dict[str, str]) -> None:
        if name == "si":
            self.place += 1
            self.forget()
        self.listens = self.listens or (name == "t" and self.place == self.wanted)

    def end(self, name: str) -> None:
        if name == "t":
            self.listens = False
        elif name == "si" and self.place == self.wanted:
            raise _Found
