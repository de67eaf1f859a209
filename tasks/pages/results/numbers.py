"""MEAN's result: figures and a histogram. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import cbrt, sqrt
from typing import Annotated, Any

import msgspec

from tasks.pages import charts
from tasks.pages.results.shape import Ask, Incomplete, Shown

TEMPLATE = "tasks/results/_numbers.html"
BINS_LEAST = 8
TOO_LARGE = "beyond binary64"


class Histogram(msgspec.Struct):
    first: float
    width: Annotated[float, msgspec.Meta(gt=0)]
    counts: Annotated[
        list[Annotated[int, msgspec.Meta(ge=0)]], msgspec.Meta(min_length=1, max_length=1000)
    ]


class Result(msgspec.Struct):
    count: Annotated[int, msgspec.Meta(ge=1)]
    mean: float
    variance: float | None
    min: float
    max: float
    histogram: Histogram | None = None  # results of version 1 have none
    incomplete: Incomplete | None = None

    @property
    def deviation(self) -> float | None:
        return None if self.variance is None or self.variance < 0 else sqrt(self.variance)


@dataclass(frozen=True)
class Numbers:
    """What is shown; `chart` is None if all numbers are equal or there is no histogram."""

    pairs: list[tuple[str, str]]
    all_equal: str
    chart: charts.Histogram | None


def show(raw: bytes, ask: Ask) -> Shown:
    found = msgspec.json.decode(raw, type=Result)
    numbers = Numbers(_pairs(found), _all_equal(found), _chart(found))
    return Shown(TEMPLATE, numbers, found.incomplete)


def _all_equal(found: Result) -> str:
    """The sentence that says so, if all of several numbers are equal."""
    if found.count > 1 and found.min == found.max:
        return f"All {found.count:,} numbers are {plain(found.min)}."
    return ""


def plain(number: float | None) -> str:
    """The number with all its digits and no more."""
    return TOO_LARGE if number is None else repr(number).removesuffix(".0")


def _pairs(found: Result) -> list[tuple[str, str]]:
    return [
        ("Count", f"{found.count:,}"),
        ("Mean", plain(found.mean)),
        ("Variance", plain(found.variance)),
        ("Standard deviation", plain(found.deviation)),
        ("Smallest", plain(found.min)),
        ("Largest", plain(found.max)),
    ]


def _chart(found: Result) -> charts.Histogram | None:
    """The histogram, with fewer bins for few numbers (Rice's rule: 2·n^(1/3))."""
    data = found.histogram
    if data is None or found.min >= found.max:
        return None
    bins = charts.Bins(round(data.first / data.width), data.width, tuple(data.counts))
    bins_max = max(BINS_LEAST, 2 * cbrt(found.count))
    return charts.histogram(bins.at_most(bins_max), found.mean, found.deviation)


def table(raw: bytes) -> Iterator[list[Any]]:
    return _rows(msgspec.json.decode(raw, type=Result))


def _rows(found: Result) -> Iterator[list[Any]]:
    yield ["name", "value", "from", "to"]
    figures = {"count": found.count, "mean": found.mean, "variance": found.variance}
    figures |= {"standard deviation": found.deviation, "min": found.min, "max": found.max}
    for name, value in figures.items():
        yield [name, value, None, None]
    if found.incomplete:
        yield ["subtasks missing", found.incomplete.failed, None, None]
    if found.histogram:
        width = found.histogram.width
        for i, count in enumerate(found.histogram.counts):
            start = found.histogram.first + i * width
            yield ["bin", count, start, start + width]
