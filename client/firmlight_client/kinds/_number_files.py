"""Numbers out of uploaded files: plain text, CSV, TSV, NPY and XLSX become packed binary64.

What is no number is refused with its place. Left out are a heading, empty cells, and cells that say that there is no
number (MISSING); `Skipped` tells of all of them.

It runs in a thread beside an event loop, so every reader works in bounded pieces and lets go of the interpreter
between them. Every number is taken as the nearest binary64, integers beyond 2^53 too.
"""

from __future__ import annotations

import math
import tokenize
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from pathlib import PurePath
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from firmlight_client.kinds import ParamsError
from firmlight_client.kinds._packed import NUMBER_BYTES, PACKED, first_not_finite

NUMBERS_MAX = 2**25  # 256 MiB packed; 100 MB of text can hold more, and a Redis value ends at 512 MB
PIECE_BYTES = 2**18
CELL_CHARS_MAX = 1000  # no sane number is longer
_SEPARATORS = b",;\t \r\n\v\f"
MISSING = {"na", "n/a", "#n/a", "null", "none", "-", "--"}  # in upper case, too
SKIPPED_NAMED_MAX = 20
_TO_CELLS = bytes.maketrans(_SEPARATORS, b" " * len(_SEPARATORS))


class Skipped:
    """What was left out of a file, as sentences."""

    def __init__(self) -> None:
        self.named: list[str] = []
        self.missing = 0
        self.empty = 0

    def note_heading(self, place: str) -> None:
        self.named.append(f"{place} is a heading")

    def note_missing(self, place: str, cell: str) -> None:
        self.missing += 1
        if self.missing <= SKIPPED_NAMED_MAX:
            self.named.append(f"{place} says {_shown(cell)}")

    def sentences(self) -> list[str]:
        more = self.missing - SKIPPED_NAMED_MAX
        beyond = [f"{more:,} more cells say that there is no number"] if more > 0 else []
        gaps = [f"{self.empty:,} cell{'s are' if self.empty > 1 else ' is'} empty"] if self.empty > 0 else []
        return self.named + beyond + gaps


def read_numbers(file: BinaryIO, name: str, skipped: Skipped | None = None) -> bytes:
    """All numbers of a file called `name`, in order, packed. Raises ParamsError (field `file`)."""
    reader = _READERS.get(PurePath(name).suffix.lower())
    if reader is None:
        raise _bad(f"the name must end with one of {', '.join(_READERS)}")
    pieces, count = [], 0
    for piece in reader(file, skipped or Skipped()):
        pieces.append(piece.tobytes())
        count += piece.size
        if count > NUMBERS_MAX:
            raise _bad(f"At most {NUMBERS_MAX:,} numbers.")
    if not count:
        raise _bad("there is no number in it")
    return b"".join(pieces)


def _bad(message: str) -> ParamsError:
    return ParamsError(message, "file")


# Text: numbers with a decimal point, separated by commas, semicolons or white space; empty cells are skipped


def _read_text(file: BinaryIO, skipped: Skipped) -> Iterator[NDArray]:
    line = 1
    for piece in _whole_cells(file):
        yield _cells(piece, line, skipped)
        line += piece.count(b"\n")


def _read_table(file: BinaryIO, skipped: Skipped) -> Iterator[NDArray]:
    """Text whose first line with anything in it may be a header: none of its cells is a number."""
    line, header, cells = 1, True, 0
    for piece in _whole_cells(file):
        body = piece
        if header and piece.translate(_TO_CELLS).strip():
            body, header = _without_header(piece), False
        above = piece[: len(piece) - len(body)].count(b"\n")
        if len(body) < len(piece):
            skipped.note_heading(f"line {line + above - 1 if above else line}")
        values = _cells(body, line + above, skipped)
        cells += sum(map(body.count, (b"\n", b",", b";", b"\t"))) - values.size
        yield values
        line += piece.count(b"\n")
    skipped.empty = max(0, cells - skipped.missing)


def _whole_cells(file: BinaryIO) -> Iterator[bytes]:
    """The file in pieces of about PIECE_BYTES that end where a cell ends; without a byte order mark."""
    rest = file.read(3).removeprefix(b"\xef\xbb\xbf")
    while block := file.read(PIECE_BYTES):
        data = rest + block
        end = 1 + max(data.rfind(separator) for separator in (b"\n", b",", b";", b"\t", b" "))
        piece, rest = data[:end], data[end:]
        if len(rest) > CELL_CHARS_MAX:
            raise _bad(f"{_shown(rest)} is not a number")
        if piece:
            yield piece
    yield rest


def _without_header(piece: bytes) -> bytes:
    lead = len(piece) - len(piece.lstrip())
    end = piece.find(b"\n", lead) + 1 or len(piece)
    cells = piece[lead:end].translate(_TO_CELLS).split()
    return piece if any(_number(cell) is not None for cell in cells) else piece[end:]


def _cells(piece: bytes, line: int, skipped: Skipped) -> NDArray:
    """Every number of the piece, which starts in line `line`."""
    if b";" in piece and b"," in piece:
        raise _bad("it has both commas and semicolons; use one of them, and a point for decimals")
    try:
        values = np.array(list(map(float, piece.translate(_TO_CELLS).split())), PACKED)
    except ValueError:
        return _cells_slowly(piece, line, skipped)
    good = b"_" not in piece and first_not_finite(values) is None  # float() takes 1_000
    return values if good else _cells_slowly(piece, line, skipped)


def _cells_slowly(piece: bytes, line: int, skipped: Skipped) -> NDArray:
    """The same cell by cell: quoted numbers, what says that there is none, or the first cell that is neither."""
    values = []
    for number, row in enumerate(piece.split(b"\n"), line):
        for cell in row.translate(_TO_CELLS).split():
            value = _number(cell)
            if value is None and _is_missing(cell):
                skipped.note_missing(f"line {number}", cell.decode())
                continue
            if value is None or not math.isfinite(value):
                raise _bad(f"line {number}: {_shown(cell)} is not a {'finite ' if value is not None else ''}number")
            values.append(value)
    return np.array(values, PACKED)


def _number(cell: bytes) -> float | None:
    """The number a cell holds, with or without quotes around it."""
    inner = cell[1:-1] if len(cell) > 1 and cell[:1] == cell[-1:] == b'"' else cell
    try:
        return None if b"_" in inner else float(inner)
    except ValueError:
        return None


def _is_missing(cell: bytes) -> bool:
    return cell.strip(b'"').lower().decode("ascii", "replace") in MISSING


def _shown(cell: bytes | str) -> str:
    text = cell.decode("utf-8", "replace") if isinstance(cell, bytes) else cell
    return repr(text if len(text) <= 40 else text[:40] + "…")


# NPY (numpy.lib.format, versions 1 and 2): integers or floats of any size and shape


def _read_npy(file: BinaryIO, skipped: Skipped) -> Iterator[NDArray]:
    dtype, count = _npy_header(file)
    wanted = count * dtype.itemsize
    each = PIECE_BYTES // dtype.itemsize * dtype.itemsize
    while wanted:
        data = file.read(min(each, wanted))
        if not data or len(data) % dtype.itemsize:
            raise _bad(f"it is cut short: {wanted - len(data)} bytes are missing")
        wanted -= len(data)
        yield _as_binary64(np.frombuffer(data, dtype))


def _npy_header(file: BinaryIO) -> tuple[np.dtype, int]:
    """Element type and count."""
    try:
        version = np.lib.format.read_magic(file)
        read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}[version]
        shape, _, dtype = read(file, max_header_size=10_000)
    except (ValueError, TypeError, KeyError, SyntaxError, MemoryError, RecursionError, tokenize.TokenError):
        raise _bad("it is not an NPY file") from None
    if dtype.kind not in "iuf" or dtype.subdtype:
        raise _bad(f"it must hold integers or floats, not {dtype}")
    count = math.prod(shape)
    if any(length < 0 for length in shape) or count > NUMBERS_MAX:
        raise _bad(f"At most {NUMBERS_MAX:,} numbers.")
    return dtype, count


def _as_binary64(values: NDArray) -> NDArray:
    """A wider float may be beyond range; it becomes an infinity, which Params refuses."""
    with np.errstate(over="ignore", invalid="ignore"):
        return values.astype(PACKED, copy=False)


# XLSX: the first sheet; formulas count with the value last computed; a first row without numbers is a header


def _read_xlsx(file: BinaryIO, skipped: Skipped) -> Iterator[NDArray]:
    from firmlight_client.kinds import _workbook  # openpyxl takes 0.2 s to import, and few uploads need it

    try:
        yield from _in_pieces(_sheet_numbers(_workbook.Workbook(file).rows(), skipped))
    except _workbook.TooLarge as error:
        raise _bad(str(error)) from None
    except _workbook.FAULTS as error:
        raise error if isinstance(error, ParamsError) else _bad("it is not an XLSX workbook") from None


def _sheet_numbers(rows: Iterable[tuple[int, list]], skipped: Skipped) -> Iterator[float]:
    started = False
    for number, row in rows:
        if not started and row and not any(isinstance(cell, int | float) for cell in row):
            started = True
            skipped.note_heading(f"row {number}")
            continue
        started = started or bool(row)
        for cell in row:
            if isinstance(cell, str) and cell.strip().lower() in MISSING:
                skipped.note_missing(f"row {number}", cell)
            else:
                yield _sheet_number(cell, number)


def _sheet_number(cell: Any, row: int) -> float:
    try:
        value = float(cell) if isinstance(cell, int | float) and not isinstance(cell, bool) else None
    except OverflowError:
        value = math.inf
    if value is None or not math.isfinite(value):
        raise _bad(f"row {row}: {_shown(str(cell))} is not a {'finite ' if value is not None else ''}number")
    return value


def _in_pieces(numbers: Iterator[float]) -> Iterator[NDArray]:
    for first in numbers:
        yield np.fromiter(chain([first], islice(numbers, PIECE_BYTES // NUMBER_BYTES)), PACKED)


_READERS: dict[str, Callable[[BinaryIO, Skipped], Iterator[NDArray]]] = {
    ".csv": _read_table,
    ".npy": _read_npy,
    ".tsv": _read_table,
    ".txt": _read_text,
    ".xlsx": _read_xlsx,
}
