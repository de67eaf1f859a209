"""Results of kinds that have no look of their own: pairs, tables, lists, and JSON where nothing
else fits. Pure.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from tasks.pages.results.shape import Ask, Incomplete, Shown

TEMPLATE = "tasks/results/_anything.html"
PAIRS_MAX, ROWS_MAX, COLUMNS_MAX, VALUES_MAX, SECTIONS_MAX = 100, 100, 12, 100, 20
CELL_CHARS_MAX, TEXT_CHARS_MAX = 300, 20_000
SCALARS = (str, int, float, bool, type(None))


@dataclass(frozen=True)
class Section:
    """One list or object: as a table, as values or as text. `more` are left out."""

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


def look(raw: bytes, ask: Ask) -> Shown:
    value, incomplete = _whole(_read(raw))
    return Shown(TEMPLATE, _look(value), incomplete)


def _read(raw: bytes) -> Any:
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        return raw.decode(errors="replace")


def _whole(value: Any) -> tuple[Any, Incomplete | None]:
    """Without the mark; what was no object before it was marked is one no more."""
    if not isinstance(value, dict) or "incomplete" not in value:
        return value, None
    try:
        mark = msgspec.convert(value["incomplete"], Incomplete)
    except msgspec.ValidationError:
        return value, None
    rest = {name: part for name, part in value.items() if name != "incomplete"}
    return (rest["result"] if rest.keys() == {"result"} else rest), mark


def _look(value: Any) -> Anything:
    if not isinstance(value, dict):
        is_scalar = isinstance(value, SCALARS)
        return (
            Anything([("result", _cell(value))], [])
            if is_scalar
            else Anything([], [_section("", value)])
        )
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
    if value is None or isinstance(value, bool):
        return {None: "–", True: "yes", False: "no"}[value]
    text = str(value).removesuffix(".0") if isinstance(value, float) else str(value)
    return text if len(text) <= CELL_CHARS_MAX else f"{text[:CELL_CHARS_MAX]}…"


def _text(value: Any) -> str:
    """As JSON, cut where it gets long; no more of it is made than is shown."""
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
    """A list of flat objects is a table of its own; anything else becomes one row for each value
    and its path.
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
        inner = (
            part.items()
            if isinstance(part, dict)
            else enumerate(part)
            if isinstance(part, list)
            else ()
        )
        below = [(f"{path}.{name}" if path else str(name), one) for name, one in inner]
        if isinstance(part, SCALARS):
            yield [path, part]
        elif not below:
            yield [path, "{}" if isinstance(part, dict) else "[]"]
        waiting += below[::-1]
