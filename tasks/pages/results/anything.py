"""Results of any kind: as pairs, tables and lists, and as JSON where nothing else fits. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from tasks.pages.results.shape import Ask, Incomplete, Shown

TEMPLATE = "tasks/results/_anything.html"
PAIRS_MAX = VALUES_MAX = ROWS_MAX = 100
COLUMNS_MAX, SECTIONS_MAX = 12, 20
CELL_CHARS_MAX, TEXT_CHARS_MAX = 300, 20_000
SCALARS = (str, int, float, bool, type(None))


@dataclass(frozen=True)
class Section:
    """One list or object: as a table, as values or as text; `more` of them are left out."""

    name: str = ""
    columns: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    values: list[str] = field(default_factory=list)
    text: str = ""
    size: int = 0

    @property
    def more(self) -> int:
        return 0 if self.text else self.size - len(self.rows) - len(self.values)


@dataclass(frozen=True)
class Anything:
    pairs: list[tuple[str, str]]
    sections: list[Section]
    more: int = 0


def show(raw: bytes, ask: Ask) -> Shown:
    value, incomplete = _whole(_read(raw))
    return Shown(TEMPLATE, _view(value), incomplete)


def _read(raw: bytes) -> Any:
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        return raw.decode(errors="replace")


def _whole(value: Any) -> tuple[Any, Incomplete | None]:
    """The value without the mark of an incomplete result, and the mark.

    A result that was not an object became one for the mark; here it is itself again.
    """
    if not isinstance(value, dict) or "incomplete" not in value:
        return value, None
    try:
        mark = msgspec.convert(value["incomplete"], Incomplete)
    except msgspec.ValidationError:
        return value, None
    rest = {name: part for name, part in value.items() if name != "incomplete"}
    if rest.keys() == {"result"}:
        return rest["result"], mark
    return rest, mark


def _view(value: Any) -> Anything:
    if isinstance(value, SCALARS):
        return Anything(pairs=[("result", _cell(value))], sections=[])
    if not isinstance(value, dict):
        return Anything(pairs=[], sections=[_section("", value)])
    pairs = [(name, part) for name, part in value.items() if isinstance(part, SCALARS)]
    parts = [(name, part) for name, part in value.items() if not isinstance(part, SCALARS)]
    return Anything(
        [(_cell(name), _cell(part)) for name, part in pairs[:PAIRS_MAX]],
        [_section(_cell(name), part) for name, part in parts[:SECTIONS_MAX]],
        more=max(0, len(pairs) - PAIRS_MAX) + max(0, len(parts) - SECTIONS_MAX),
    )


def _section(name: str, value: Any) -> Section:
    if isinstance(value, list) and all(isinstance(one, SCALARS) for one in value):
        return Section(name, values=[_cell(one) for one in value[:VALUES_MAX]], size=len(value))
    if _is_table(value):
        columns = _columns(value[:ROWS_MAX])[:COLUMNS_MAX]
        rows = [[_cell(row.get(column, "")) for column in columns] for row in value[:ROWS_MAX]]
        return Section(
            name, columns=[_cell(column) for column in columns], rows=rows, size=len(value)
        )
    return Section(name, text=_text(value))


def _is_table(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(_is_row(row) for row in value)


def _is_row(row: Any) -> bool:
    return (
        isinstance(row, dict)
        and bool(row)
        and all(isinstance(cell, SCALARS) for cell in row.values())
    )


def _columns(rows: list[dict[str, Any]]) -> list[str]:
    """Every name that occurs, in the order of first occurrence."""
    return list(dict.fromkeys(name for row in rows for name in row))


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = str(value)
    if isinstance(value, float):
        text = text.removesuffix(".0")
    return text if len(text) <= CELL_CHARS_MAX else f"{text[:CELL_CHARS_MAX]}…"


def _text(value: Any) -> str:
    """The value as JSON, cut where it gets long; the rest is not even encoded."""
    pieces, length = [], 0
    try:
        for piece in json.JSONEncoder(indent=2, ensure_ascii=False).iterencode(value):
            pieces.append(piece)
            length += len(piece)
            if length > TEXT_CHARS_MAX:
                break
    except RecursionError:  # so deep that nobody reads it
        pieces.append("…")
    text = "".join(pieces)
    return text if len(text) <= TEXT_CHARS_MAX else f"{text[:TEXT_CHARS_MAX]} …"


def table(raw: bytes) -> Iterator[list[Any]]:
    """The rows of any result.

    A list of flat objects is a table itself; anything else has a row for each value and its path.
    """
    value = _read(raw)
    if _is_table(value):
        columns = _columns(value)
        yield columns
        yield from ([row.get(column) for column in columns] for row in value)
        return
    yield ["path", "value"]
    yield from _leaves(value)


def _leaves(value: Any) -> Iterator[list[Any]]:
    waiting = [("", value)]
    while waiting:
        path, part = waiting.pop()
        if isinstance(part, SCALARS):
            yield [path, part]
        elif not part:
            yield [path, "{}" if isinstance(part, dict) else "[]"]
        else:
            waiting += reversed([(_joined(path, name), one) for name, one in _items(part)])


def _items(part: dict[str, Any] | list[Any]) -> Iterable[tuple[str | int, Any]]:
    return part.items() if isinstance(part, dict) else enumerate(part)


def _joined(path: str, name: str | int) -> str:
    return f"{path}.{name}" if path else str(name)
