"""What the views of all results share. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec

NAMED_MAX = 20  # subtasks that are missing, by number
SEARCH_CHARS_MAX = 100
Digits = Annotated[str, msgspec.Meta(pattern=r"\A[0-9]+\Z")]


class Incomplete(msgspec.Struct):
    """The mark on the result of a task that went on without some subtasks."""

    failed: int
    of: int
    subtasks: list[int] = []

    @property
    def says(self) -> str:
        """ "2 of 16 subtasks failed permanently, and their results are missing: 3 and 7." """
        sentence = f"{self.failed:,} of {self.of:,} subtasks failed permanently"
        sentence = f"{sentence}, and their results are missing"
        which = self._which()
        return f"{sentence}: {which}." if which else f"{sentence}."

    def _which(self) -> str:
        """ "3, 7 and 12 more" """
        names = [str(number) for number in self.subtasks[:NAMED_MAX]]
        if names and self.failed > len(names):
            names.append(f"{self.failed - len(names):,} more")
        if len(names) < 2:
            return "".join(names)
        return f"{', '.join(names[:-1])} and {names[-1]}"


@dataclass(frozen=True)
class Shown:
    """A template, and the value that it draws as `it`."""

    template: str
    it: Any
    incomplete: Incomplete | None = None


@dataclass(frozen=True)
class Ask:
    """What a reader wants to see of a long result.

    Of a crawl that is the `folder` of a `site`, its rows from `start` on.
    """

    q: str = ""
    problems: bool = False
    site: int | None = None
    folder: str = ""
    start: int = 0

    @property
    def searches(self) -> bool:
        return bool(self.q) or self.problems


def asked(query: Mapping[str, Any]) -> Ask:
    """What the address asks for; what should be a number and is not is ignored."""
    site, start = str(query.get("site") or ""), str(query.get("start") or "")
    return Ask(
        q=str(query.get("q") or "").strip()[:SEARCH_CHARS_MAX],
        problems=bool(query.get("problems")),
        site=int(site) if _is_count(site) else None,
        folder=str(query.get("folder") or ""),
        start=int(start) if _is_count(start) else 0,
    )


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10
