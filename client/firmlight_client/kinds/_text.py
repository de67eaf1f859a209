"""Text in pieces, and plain texts of numbers.

Between numbers are blanks, line ends, semicolons and commas. A comma may also belong to a number.
`1,2,3` and `1, 2` say which; `1,5` does not, and then the user is asked.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import BinaryIO

import msgspec
import numpy as np
from numpy.typing import NDArray

from firmlight_client.kinds import ParamsError
from firmlight_client.kinds import number_words as words
from firmlight_client.kinds._choice import ask
from firmlight_client.kinds._packed import PACKED, first_not_finite
from firmlight_client.kinds._table import MISSING, PLACES_MAX, bad, not_a_number, shown

BLOCK_BYTES = 2**18
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
OTHER_ORDER_MARKS = (b"\xff\xfe", b"\xfe\xff")
_BLANKS = b" \t\r\n\v\f"
_LIST_TO_WORDS = bytes.maketrans(b",;", b"  ")
_WORDS = bytes.maketrans(b";", b" ")
_NUMBERS = msgspec.json.Decoder(list[float])  # four times as fast as float(), and as exact

Numbers = NDArray[np.float64]


def blocks(file: BinaryIO, ends: bytes = b"\n", most: int = 0) -> Iterator[bytes]:
    """The file from its beginning, in pieces of about BLOCK_BYTES that end with one of `ends`.

    All line ends become a line feed, and a byte order mark is passed over. A piece without an end
    grows until `most` bytes (0: without limit); then it is cut there.
    """
    file.seek(0)
    beginning = file.read(len(BYTE_ORDER_MARK))
    if beginning.startswith(OTHER_ORDER_MARKS):
        raise bad("it is text in UTF-16; save it as UTF-8")
    rest, size = list[bytes](), 0
    held_back = beginning.removeprefix(BYTE_ORDER_MARK)
    while block := file.read(BLOCK_BYTES):
        block, held_back = _line_feeds(held_back + block)
        end = 1 + max(block.rfind(ends[i : i + 1]) for i in range(len(ends)))
        if not end and not (most and size + len(block) > most):
            rest.append(block)
            size += len(block)
            continue
        end = end or len(block)
        yield b"".join([*rest, block[:end]])
        rest, size = [block[end:]], len(block) - end
    last = b"".join(rest) + held_back.replace(b"\r", b"\n")
    if last:
        yield last


def _line_feeds(block: bytes) -> tuple[bytes, bytes]:
    """A carriage return at the end may be half of a line end: it is held back."""
    if b"\r" not in block:
        return block, b""
    held_back = b"\r" if block.endswith(b"\r") else b""
    whole = block[: len(block) - len(held_back)]
    return whole.replace(b"\r\n", b"\n").replace(b"\r", b"\n"), held_back


def fast_numbers(row: bytes) -> Numbers | None:
    """Numbers with commas between them; None if anything else is in it, or one is not finite."""
    try:
        return np.array(_NUMBERS.decode(b"[" + row + b"]"), PACKED)
    except (msgspec.DecodeError, OverflowError):
        pass  # +1, 1. and .5 are no JSON
    try:
        values = np.array(list(map(float, row.split(b","))), PACKED)
    except ValueError:
        return None
    return values if b"_" not in row and first_not_finite(values) is None else None


def split_numbers(piece: bytes) -> Numbers | None:
    """The same with blanks between them."""
    found = piece.split()
    return fast_numbers(b",".join(found)) if found else np.empty(0, PACKED)


class PlainText:
    """The numbers of a plain text.

    `decimal` is the mark that was asked for, and then the one that was found.
    """

    def __init__(self, file: BinaryIO, decimal: words.Decimal | None) -> None:
        self.file, self.decimal = file, decimal
        self.missing = 0
        self.missing_places: list[str] = []

    def read(self) -> list[Numbers]:
        """Raises ParamsError, which may ask for `decimal`."""
        for lines in blocks(self.file, b"\n", BLOCK_BYTES):
            if spaced := words.spaced_thousands(lines):
                raise bad(one_with_blanks(spaced))
        self._settle_commas()
        try:
            return self._pieces()
        except ParamsError:
            has_commas = next(_comma_blocks(self.file), None) is not None
            if self.decimal or has_commas or not self._reads_with(words.COMMA):
                raise
        # Something like 1.234.567 contradicts a decimal point, and nothing a decimal comma.
        self.decimal = words.COMMA
        return self._pieces()

    def _settle_commas(self) -> None:
        """Ask what a comma means, unless the text or the user says so."""
        unclear = None if self.decimal == words.COMMA else _unclear_word(self.file)
        if unclear is None:
            return
        marks = words.readings(unclear)
        if self.decimal is None and words.COMMA in marks:
            choices = [mark for mark in words.PARSERS if self._reads_with(mark)]
            if not choices:
                self._pieces()  # which says what is wrong besides
            sentence = f"{one_or_several(unclear)}: choose the decimal mark, comma or point"
            raise ask(sentence, "decimal", [*choices])
        if words.POINT in marks:
            raise bad(f"{one_or_several(unclear)}: {WRITE_PLAINLY}")

    def _reads_with(self, mark: words.Decimal) -> bool:
        try:
            PlainText(self.file, mark)._pieces()
        except ParamsError:
            return False
        return True

    def _pieces(self) -> list[Numbers]:
        commas_separate = self.decimal != words.COMMA
        parse = words.parse_point if commas_separate else words.parse_comma
        self.missing, self.missing_places = 0, []
        to_words = _LIST_TO_WORDS if commas_separate else _WORDS
        ends = _BLANKS + (b",;" if commas_separate else b";")
        line, found = 1, []
        for block in blocks(self.file, ends, BLOCK_BYTES):
            piece = block.translate(to_words)
            values = split_numbers(piece) if commas_separate else None
            found.append(self._slowly(piece, line, parse) if values is None else values)
            line += piece.count(b"\n")
        return found

    def _slowly(self, piece: bytes, first_line: int, parse: words.Parse) -> Numbers:
        """The numbers of a piece, word by word. Raises ParamsError.

        It takes quoted numbers, and words that say that there is no number.
        """
        values = []
        for line, row in enumerate(piece.split(b"\n"), first_line):
            for raw in row.split():
                word = raw.decode("utf-8", "replace")
                value = self._number(word, f"line {line}", parse)
                if value is not None:
                    values.append(value)
        return np.array(values, PACKED)

    def _number(self, word: str, place: str, parse: words.Parse) -> float | None:
        bare = word[1:-1] if len(word) > 1 and word[0] == word[-1] == '"' else word
        value = parse(bare.rstrip(",") if parse is words.parse_comma else bare)
        if value is not None and math.isfinite(value):
            return value
        if bare.lower() not in MISSING:
            raise bad(not_a_number(place, word))
        self.missing += 1
        if self.missing <= PLACES_MAX:
            self.missing_places.append(f"{place} says {shown(word)}")
        return None

    def left_out(self) -> list[str]:
        """What is not read, and why, a sentence each."""
        more = self.missing - PLACES_MAX
        beyond = [f"{more:,} more cells say that there is no number"] if more > 0 else []
        return self.missing_places + beyond


WRITE_PLAINLY = (
    "write it without thousands separators, or a blank after each comma that stands between numbers"
)


def one_or_several(word: str, place: str = "") -> str:
    """The sentence for a word of which nobody knows whether it is one number or several."""
    where = f"{place}: " if place else ""
    count = word.strip(",").count(",") + 1
    return f"{where}{shown(word)} may be one number, or {count} with commas between them"


def one_with_blanks(word: bytes) -> str:
    """The sentence for what `words.spaced_thousands` finds."""
    instead = "write it without thousands separators, or semicolons between numbers"
    return f"{shown(word.decode())} may be one number with a blank between thousands: {instead}"


def _unclear_word(file: BinaryIO) -> str | None:
    """The first word with commas that may be one number.

    None if some word shows that commas stand between numbers.
    """
    found = (words.doubtful_word(block) for block in _comma_blocks(file))
    doubtful = next(filter(None, found), None)
    if doubtful is None or any(map(_has_list, _comma_blocks(file))):
        return None
    return doubtful.decode()


def _comma_blocks(file: BinaryIO) -> Iterator[bytes]:
    """Pieces that end where a word ends; only a word of BLOCK_BYTES is cut, which no number is."""
    return (block for block in blocks(file, _BLANKS + b";", BLOCK_BYTES) if b"," in block)


def _has_list(block: bytes) -> bool:
    return any(
        len(word) > words.CELL_CHARS_MAX or words.is_list(word.decode("utf-8", "replace"))
        for word in block.translate(_WORDS).split()
        if b"," in word
    )
