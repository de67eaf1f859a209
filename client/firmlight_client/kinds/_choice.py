"""Which columns of a table are read: the one that was asked for, or those that must be meant.

Without `column`, a table of nothing but numbers is read whole, and the only column of numbers
beside columns of text is read alone. In any other table the user has to choose a column.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from firmlight_client.kinds import ParamsError
from firmlight_client.kinds._histogram import as_result, histogram
from firmlight_client.kinds._table import PLACES_MAX, Column, Table, bad

AMBIGUOUS = "ambiguous_file"
COLUMNS_DESCRIBED_MAX = 50
COARSER_BITS = 2  # four bins become one
COMPUTE_FIRST = "open the file in a spreadsheet program and save it, so that they are computed"


@dataclass(frozen=True)
class Chosen:
    """The columns that are read, and whether the first row is their heading."""

    columns: list[Column]
    has_heading: bool


def ask(message: str, field: str, choices: list[str], table: Table | None = None) -> ParamsError:
    columns = described(table, []) if table else None
    return ParamsError(message, field, AMBIGUOUS, {field: choices}, columns)


def choose(table: Table, column: str | int | None, heading: str | None) -> Chosen:
    """Settle the heading and find the columns to read.

    Raises ParamsError, which may ask for `column` or `heading`.
    """
    is_heading = table.settle_heading(heading)
    columns = _chosen(table, column)
    unclear = is_heading is None and any(one.number in table.first_numbers for one in columns)
    if unclear:
        place = table.place(table.first_row, 1)
        message = f"{place} may be a heading or a row of numbers"
        question = f"{message}: choose whether there is a heading, yes or no"
        raise ask(question, "heading", ["yes", "no"], table)
    return Chosen(columns, bool(is_heading))


def labels(columns: Iterable[Column], table: Table) -> list[str]:
    """How each of these columns is chosen: by its name where that is clear, else by its number."""
    names = Counter(one.name for one in table.columns)
    return [_label(one, names) for one in columns]


def _label(column: Column, names: Counter[str]) -> str:
    if names[column.name] == 1 and _is_clear(column.name):
        return column.name
    number = str(column.number)
    is_no_name = number not in names or (number == column.name and names[number] == 1)
    return number if is_no_name else f"#{number}"


def _is_clear(name: str) -> bool:
    """Whether a name cannot be taken for anything else, as 2020, 0.5, null and #2 can."""
    if name[:1] == "#" and name[1:].isdecimal():
        return False
    try:
        json.loads(name)
    except (ValueError, RecursionError):
        return bool(name)
    return False


def _chosen(table: Table, asked: str | int | None) -> list[Column]:
    if asked is not None:
        column = named(table, asked)
        _require_numbers(column)
        return [column]
    used = [column for column in table.columns if column.is_used]
    numeric = [column for column in used if column.is_numeric]
    _require_some_number(used)
    _require_computed(used, table)
    if len(numeric) == len(used):
        return numeric
    with_numbers = [column for column in used if column.numbers]
    has_text_columns = len(with_numbers) < len(used)
    if not has_text_columns or len(with_numbers) == 1:
        mixed = [column for column in with_numbers if not column.is_numeric]
        if mixed:
            raise bad(_first_text(mixed) + _hint(with_numbers, table))
        return numeric
    offered = labels(with_numbers, table)
    message = f"it has {len(with_numbers)} columns of numbers: choose the one that is meant, "
    raise ask(f"{message}{_listed(offered)}", "column", offered, table)


def named(table: Table, asked: str | int) -> Column:
    """By its name, or by its number from 1, with `#` before it where the number alone is a name."""
    wanted = " ".join(str(asked).split())
    numbered = _numbered(table, wanted.removeprefix("#"))
    if numbered and wanted[0] == "#":
        return numbered
    named = [column for column in table.columns if column.name and column.name == wanted]
    if len(named) == 1 and (numbered is None or numbered is named[0]):
        return named[0]
    if len(named) == 1 and numbered:
        message = f"{wanted} is the name of column {named[0].number}, and the number of another"
        raise _ask_again(f"{message}: say", [numbered, named[0]], table)
    if named:
        message = f"{len(named)} columns are called {wanted!r}: give the number of one,"
        raise _ask_again(message, named, table)
    if numbered:
        return numbered
    offered = labels([column for column in table.columns if column.numbers], table)
    message = (
        f"there is no column {wanted[:80]!r}; columns of numbers: {_listed(offered) or 'none'}"
    )
    choices = {"column": offered} if offered else None
    raise ParamsError(message, "column", choices=choices, columns=described(table, []))


def _numbered(table: Table, text: str) -> Column | None:
    number = int(text[:6]) if text.isdecimal() else 0
    return table.columns[number - 1] if 1 <= number <= len(table.columns) else None


def _ask_again(message: str, columns: list[Column], table: Table) -> ParamsError:
    offered = labels(columns, table)
    return ask(f"{message} {_listed(offered)}", "column", offered, table)


def _require_numbers(column: Column) -> None:
    if column.uncomputed:
        raise bad(_uncomputed([column]))
    if column.texts:
        raise bad(column.first_text)
    if not column.numbers:
        raise bad(f"there is no number in column {column.name or column.number}")


def _require_some_number(used: list[Column]) -> None:
    if any(column.numbers for column in used):
        return
    if any(column.uncomputed for column in used):
        raise bad(_uncomputed(used))
    texts = [column for column in used if column.texts]
    raise bad(_first_text(texts) if texts else "there is no number in it")


def _require_computed(used: list[Column], table: Table) -> None:
    others = [column for column in used if not column.uncomputed and column.numbers]
    if any(column.uncomputed for column in used):
        raise bad(_uncomputed(used) + _hint(others, table))


def _uncomputed(columns: list[Column]) -> str:
    places = [place for column in columns for place in column.uncomputed_places]
    count = sum(column.uncomputed for column in columns)
    more = f" and {count - PLACES_MAX:,} more" if count > PLACES_MAX else ""
    return f"formulas without values: {', '.join(places[:PLACES_MAX])}{more}; {COMPUTE_FIRST}"


def _first_text(columns: list[Column]) -> str:
    found = [column for column in columns if column.first_text]
    return min(found, key=lambda column: (column.first_text_row, column.number)).first_text


def _hint(columns: list[Column], table: Table) -> str:
    good = labels([column for column in columns if column.is_numeric], table)
    if not good:
        return ""
    return f"; to read one column alone, say column={good[0]}" if len(table.columns) > 1 else ""


def _listed(labels: Iterable[str]) -> str:
    listed = [one if len(one) <= 40 else one[:40] + "…" for one in labels]
    more = len(listed) - PLACES_MAX
    return ", ".join(listed[:PLACES_MAX]) + (f" and {more} more" if more > 0 else "")


# What people see of it


def described(table: Table, read: list[Column]) -> list[dict[str, Any]]:
    """Each column that holds anything, at most COLUMNS_DESCRIBED_MAX of them, as plain data."""
    used = [column for column in table.columns if column.is_used][:COLUMNS_DESCRIBED_MAX]
    values, places = table.values()
    wanted = {column.number for column in read}
    rows = []
    for column, label in zip(used, labels(used, table), strict=True):
        own = values[places == column.number] if column.numbers else values[:0]
        least = float(own.min()) if own.size else None
        most = float(own.max()) if own.size else None
        rows.append(
            {
                "column": label,
                "number": column.number,
                "read": column.number in wanted,
                "count": int(own.size),
                "min": least,
                "max": most,
                "histogram": _small_histogram(own, least, most),
                "texts": column.texts,
                "missing": column.missing,
                "empty": column.empty,
            }
        )
    return rows


def _small_histogram(values: Any, least: float | None, most: float | None) -> dict[str, Any] | None:
    """17 bins at most. None without numbers, and at the very edge of binary64."""
    if least is None or most is None:
        return None
    power, place, counts = histogram(values, least, most)
    coarse_place = place >> COARSER_BITS
    coarse = [0] * (((place + len(counts) - 1) >> COARSER_BITS) - coarse_place + 1)
    for bin_place, count in enumerate(counts, place):
        coarse[(bin_place >> COARSER_BITS) - coarse_place] += count
    try:
        return as_result(power + COARSER_BITS, coarse_place, coarse)
    except OverflowError:
        return None


def left_out(table: Table, chosen: Chosen) -> list[str]:
    """What of the table is not read, and why, a sentence each."""
    sentences = []
    if chosen.has_heading:
        place = table.place(table.first_row, 1)  # "line 3", or the cell "A3" of a workbook
        row = place if place.startswith("line") else f"row {table.first_row}"
        sentences.append(f"{row} is a heading")
    missing = sorted(place for column in chosen.columns for place in column.missing_places)
    sentences += [sentence for _, sentence in missing[:PLACES_MAX]]
    more = sum(column.missing for column in chosen.columns) - PLACES_MAX
    if more > 0:
        sentences.append(f"{more:,} more cells say that there is no number")
    read = {column.number for column in chosen.columns}
    others = [column for column in table.columns if column.number not in read]
    counted = [*chosen.columns, *(column for column in others if not column.is_used)]
    empty = sum(column.empty for column in counted) + table.blank_rows
    if empty:
        cells = "1 cell is" if empty == 1 else f"{empty:,} cells are"
        sentences.append(f"{cells} empty")
    unread = [_unread(column) for column in others if column.is_used or column.missing]
    more = len(unread) - PLACES_MAX
    beyond = [f"{more:,} more columns are not read"] if more > 0 else []
    return sentences + unread[:PLACES_MAX] + beyond


def _unread(column: Column) -> str:
    held = [
        (column.numbers, "number", "numbers"),
        (column.texts, "text", "texts"),
        (column.uncomputed, "formula without a value", "formulas without a value"),
        (column.missing, "cell without a number", "cells without a number"),
    ]
    counted = [f"{count:,} {one if count == 1 else many}" for count, one, many in held if count]
    name = f" ({column.name[:40]})" if column.name else ""
    return f"column {column.number}{name} is not read: {' and '.join(counted)}"


def read_values(table: Table, chosen: Chosen) -> bytes:
    """The numbers of the chosen columns, packed, in the order of the file."""
    values, places = table.values()
    with_numbers = [column for column in table.columns if column.numbers]
    if len(chosen.columns) < len(with_numbers):
        wanted = np.zeros(len(table.columns) + 1, bool)
        wanted[[column.number for column in chosen.columns]] = True
        values = values[wanted[places]]
    return values.tobytes()
