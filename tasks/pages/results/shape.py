"""What all looks of results share. Pure."""

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
        """ "2 of 16 subtasks failed for good, and what they would have given is missing: 3 and 7." """
        names = [str(number) for number in self.subtasks[:NAMED_MAX]]
        if names and self.failed > len(names):
            names.append(f"{self.failed - len(names):,} more")
        which = (
            f": {' and '.join(filter(None, [', '.join(names[:-1]), names[-1]]))}" if names else ""
        )
        lost = f"{self.failed:,} of {self.of:,} subtasks failed for good"
        return f"{lost}, and what they would have given is missing{which}."


@dataclass(frozen=True)
class Shown:
    """`it` is what the template draws."""

    template: str
    it: Any
    incomplete: Incomplete | None = None


@dataclass(frozen=True)
class Ask:
    """What a reader wants to see of a long result: `folder` of the crawl of a `site`, its rows from
    `start` on.
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
    """From the address; what is not a number is left out."""
    site, start = (str(query.get(name) or "") for name in ("site", "start"))
    return Ask(
        q=str(query.get("q") or "").strip()[:SEARCH_CHARS_MAX],
        problems=bool(query.get("problems")),
        site=int(site) if _is_count(site) else None,
        folder=str(query.get("folder") or ""),
        start=int(start) if _is_count(start) else 0,
    )


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10
