"""What people see of a result: for a page, and as a table for programs that read CSV. Pure.

A kind of its own look is a module here: a Struct says what the result must look like, `look` what
is shown of it, `table` its rows. Other kinds, and results that do not fit (of an older version, or
of another package that took the name), are shown as what they are: pairs, tables and lists.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from types import ModuleType
from typing import Any

import msgspec

from tasks.pages.results import anything, crawl, factors, numbers
from tasks.pages.results.shape import Ask, Incomplete, Shown, asked

__all__ = ("Ask", "Incomplete", "Shown", "asked", "crawl_part", "kept_for", "shown", "table")
LOOKS: dict[str, ModuleType] = {"CRAWLER": crawl, "FACTORIZATION": factors, "MEAN": numbers}
FOREIGN = (
    msgspec.MsgspecError,
    RecursionError,
    OverflowError,
)  # what a result is met with that is not as it should be


def shown(kind: str, raw: bytes, ask: Ask | None = None) -> Shown:
    """What is shown of a result, given as JSON: the name of a template, and what it draws as `it`."""
    look: Shown = _of(kind, raw, "look", ask or Ask())
    return look


def table(kind: str, raw: bytes) -> Iterator[list[Any]]:
    """The result's rows, the names of the columns first. Cells are numbers, texts, booleans or
    None.
    """
    rows: Iterator[list[Any]] = _of(kind, raw, "table")
    return rows


def crawl_part(kind: str, raw: bytes, ask: Ask) -> crawl.Part | None:
    """The part of a crawl that `ask` names; None if there is none."""
    try:
        return crawl.part(raw, ask) if LOOKS.get(kind) is crawl else None
    except FOREIGN:
        return None


def _of(kind: str, raw: bytes, what: str, *args: Any) -> Any:
    if kind in LOOKS:
        try:
            return getattr(LOOKS[kind], what)(raw, *args)
        except FOREIGN:
            pass
    return getattr(anything, what)(raw, *args)


def kept_for(expires: datetime, now: datetime) -> str:
    """How long it is still there: "71 h 34 min", "5 min", "less than a minute"."""
    minutes = int((expires - now).total_seconds() // 60)
    if minutes < 1:
        return "less than a minute"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
