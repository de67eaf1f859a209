"""When a machine may work: "22:00-07:00", "sat-sun", "mon-fri 18:00-08:00".

Hours are those of this machine's own clock.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_MINUTES = 24 * 60
SPAN = re.compile(
    r"(?:(?P<first>[a-z]{3})(?:-(?P<last>[a-z]{3}))?)?"
    r"\s*"
    r"(?:(?P<start>\d\d?:\d\d)\s*-\s*(?P<end>\d\d?:\d\d))?"
)


class Span(NamedTuple):
    """On `days` (0 is Monday) from minute `start` of the day; `end` may lie beyond midnight."""

    days: frozenset[int]
    start: int
    end: int

    def holds(self, at: datetime) -> bool:
        """A span that passes midnight belongs to the day on which it begins."""
        minute, yesterday = at.hour * 60 + at.minute, (at - timedelta(days=1)).weekday()
        if at.weekday() in self.days and self.start <= minute < self.end:
            return True
        return yesterday in self.days and minute < self.end - DAY_MINUTES


def parse_span(text: str) -> Span:
    """Raises ValueError with words for the person who wrote the span."""
    found = SPAN.fullmatch(text.strip().lower())
    if not found or not any(found.groups()):
        raise ValueError(
            f"{text!r} is no span of hours: write 22:00-07:00, sat-sun or mon-fri 18:00-08:00"
        )
    start = _minute(found["start"] or "00:00", text)
    end = _minute(found["end"] or "24:00", text)
    if end <= start:  # it ends on the next day
        end += DAY_MINUTES
    return Span(_days(found["first"], found["last"], text), start, end)


def _minute(clock: str, text: str) -> int:
    hour, minute = map(int, clock.split(":"))
    if hour * 60 + minute > DAY_MINUTES or minute > 59:
        raise ValueError(f"{text!r}: there is no {clock}")
    return hour * 60 + minute


def _days(first: str | None, last: str | None, text: str) -> frozenset[int]:
    for name in filter(None, (first, last)):
        if name not in DAYS:
            raise ValueError(f"{text!r}: {name} is no day; days are {', '.join(DAYS)}")
    if first is None:
        return frozenset(range(7))
    begin, end = DAYS.index(first), DAYS.index(last or first)
    return frozenset((begin + n) % 7 for n in range((end - begin) % 7 + 1))


def open_at(spans: Iterable[str], at: datetime) -> bool:
    """Whether one of the spans holds then; without spans, always."""
    parsed = [parse_span(text) for text in spans]
    return not parsed or any(span.holds(at) for span in parsed)
