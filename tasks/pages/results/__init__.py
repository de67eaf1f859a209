"""What people see of a result: on a page, and as a table for programs that read CSV. Pure.

For some kinds there is a module here: a Struct says what the result must look like, `show` returns
what a page shows, `table` the rows. Other kinds, and results that do not fit (of an older version,
or of another package with the same kind), are shown generically: as pairs, tables and lists.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from typing import Any, Protocol

import msgspec

from tasks.pages.results import anything, crawl, factors, numbers
from tasks.pages.results.shape import Ask, Incomplete, Shown, asked

__all__ = ("Ask", "Incomplete", "Shown", "asked", "crawl_part", "kept_for", "shown", "table")


class View(Protocol):
    """A module that shows the results of one kind."""

    def show(self, raw: bytes, ask: Ask) -> Shown: ...

    def table(self, raw: bytes) -> Iterator[list[Any]]: ...


VIEWS: dict[str, View] = {"CRAWLER": crawl, "FACTORIZATION": factors, "MEAN": numbers}
# What a view raises for a result that does not have the form it expects.
FOREIGN = (msgspec.MsgspecError, RecursionError, OverflowError)


def shown(kind: str, raw: bytes, ask: Ask | None = None) -> Shown:
    """What a page shows of a result, given as JSON: a template, and what it draws."""
    ask = ask or Ask()
    if kind in VIEWS:
        with suppress(*FOREIGN):
            return VIEWS[kind].show(raw, ask)
    return anything.show(raw, ask)


def table(kind: str, raw: bytes) -> Iterator[list[Any]]:
    """The rows of a result, the names of the columns first.

    Cells are numbers, texts, booleans or None.
    """
    if kind in VIEWS:
        with suppress(*FOREIGN):
            return VIEWS[kind].table(raw)
    return anything.table(raw)


def crawl_part(kind: str, raw: bytes, ask: Ask) -> crawl.Part | None:
    """The part of a crawl that `ask` names; None if there is none."""
    try:
        return crawl.part(raw, ask) if VIEWS.get(kind) is crawl else None
    except FOREIGN:
        return None


def kept_for(expires: datetime, now: datetime) -> str:
    """How long a result is still kept: "71 h 34 min", "5 min", "less than a minute"."""
    minutes = int((expires - now).total_seconds() // 60)
    if minutes < 1:
        return "less than a minute"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
