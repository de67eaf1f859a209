"""The parts of an XLSX workbook that describe it, each read in one pass (ECMA-376, part 1, 18).

Relations between parts, the list of sheets, number formats, and the strings that all sheets share.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass

from openpyxl.styles.numbers import BUILTIN_FORMATS, is_date_format, is_timedelta_format

from firmlight_client.kinds._table import MISSING
from firmlight_client.kinds._xml_stream import TooLarge, XmlStream

STYLES_MAX = 2**16  # more than the 65,490 that Excel allows
SHEETS_MAX = 1000
STRINGS_KEPT_MAX = 20_000  # of the table of shared strings; those beyond are looked up one by one
STRING_CHARS_KEPT = 200
LOCAL_DATE_FORMATS = {*range(27, 37), *range(50, 59)}  # dates in East Asian versions (18.8.30)


def same_name(part: str) -> str:
    """The name of a part in the form in which equal names are equal (ECMA-376, part 2, 6.2.2.3).

    Case and the kind of slash do not matter.
    """
    return part.replace("\\", "/").lstrip("/").lower()


def time_format(number: int, own: dict[int, str]) -> str:
    """ "date", "span", or "" for a number format that is neither."""
    code = own.get(number) or BUILTIN_FORMATS.get(number, "")
    if is_timedelta_format(code):
        return "span"
    return "date" if number in LOCAL_DATE_FORMATS or is_date_format(code) else ""


@dataclass(frozen=True)
class Relation:
    """A relation to another part.

    `kind` is the last word of its type, which is the same in transitional and strict workbooks.
    """

    kind: str
    target: str


class Relations(XmlStream):
    """What a part refers to, by id. Targets are names of parts, without a leading slash."""

    def __init__(self, folder: str) -> None:
        super().__init__()
        self.folder = folder
        self.relations: dict[str, Relation] = {}

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name != "Relationship" or attributes.get("TargetMode") == "External":
            return
        target = attributes.get("Target", "").replace("\\", "/")
        path = posixpath.normpath(posixpath.join("/", self.folder, target)).lstrip("/")
        kind = attributes.get("Type", "").rpartition("/")[2]
        self.relations[attributes.get("Id", "")] = Relation(kind, path)

    def end(self, name: str) -> None:
        pass


class Frame(XmlStream):
    """The sheets of a workbook, (name, state, id of the relation), and when its time began."""

    def __init__(self) -> None:
        super().__init__()
        self.sheets: list[tuple[str, str, str]] = []
        self.since_1904 = False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "sheet":
            relation = next((attributes[key] for key in attributes if key.endswith(":id")), "")
            self.sheets.append((attributes.get("name", ""), attributes.get("state", ""), relation))
            if len(self.sheets) > SHEETS_MAX:
                raise TooLarge(f"at most {SHEETS_MAX:,} sheets")
        elif name == "workbookPr":
            self.since_1904 = attributes.get("date1904", "0") in ("1", "true", "on")

    def end(self, name: str) -> None:
        pass


class Styles(XmlStream):
    """The number formats of cells.

    `used` is the format of each style of cells, `formats` the codes of the workbook's own formats.
    """

    def __init__(self) -> None:
        super().__init__()
        self.formats: dict[int, str] = {}
        self.used: list[int] = []
        self.is_inside = False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "cellXfs":
            self.is_inside = True
        elif name == "xf" and self.is_inside:
            self.used.append(int(attributes.get("numFmtId", 0)))
        elif name == "numFmt":
            self.formats[int(attributes["numFmtId"])] = attributes.get("formatCode", "")
        if max(len(self.used), len(self.formats)) > STYLES_MAX:
            raise TooLarge(f"at most {STYLES_MAX:,} styles")

    def end(self, name: str) -> None:
        if name == "cellXfs":
            self.is_inside = False


class Strings(XmlStream):
    """Shared strings without their phonetic hints: STRINGS_KEPT_MAX of them from `first` on.

    `missing` are the places of all that say that there is no number; `is_blank` has a flag for each
    string.
    """

    def __init__(self, first: int) -> None:
        super().__init__()
        self.first = first
        self.found: list[str] = []
        self.missing: set[int] = set()
        self.is_blank = bytearray()
        self.place = -1
        self.is_phonetic = False
        self.text = ""

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "t" and not self.is_phonetic:
            self.listen()
        elif name == "si":
            self.place += 1
            self.text = ""
        elif name == "rPh":
            self.is_phonetic = True

    def end(self, name: str) -> None:
        if name == "t" and not self.is_phonetic:
            self.text += self.heard()
        elif name == "si":
            self._keep()
        elif name == "rPh":
            self.is_phonetic = False

    def _keep(self) -> None:
        text = self.text.strip()
        self.is_blank.append(not text)
        if text.lower() in MISSING:
            self.missing.add(self.place)
        if self.place >= self.first and len(self.found) < STRINGS_KEPT_MAX:
            self.found.append(self.text[:STRING_CHARS_KEPT])
