"""Charts as shapes, in per cent of the width and pixels of the height. Pure.

SVG without a `viewBox` stretches such shapes to the width of the page.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from math import ceil, floor, isfinite, log10

MAX = sys.float_info.max
TOP_PX, BASE_PX = 36, 156  # of the columns; above them there is room for labels
TICKS_MAX = 5
NARROW_PX = 250  # labels do not touch each other on a chart as narrow as this
CHAR_PX = 6.5


@dataclass(frozen=True)
class Bins:
    """Bins of equal width: bin i counts the x with place + i <= x / width < place + i + 1."""

    place: int
    width: float
    counts: tuple[int, ...]

    def at_most(self, bins: float) -> Bins:
        """These bins joined two by two until there are no more than `bins`."""
        found = self
        while len(found.counts) > bins and isfinite(2 * found.width):
            counts = (0,) * (found.place % 2) + found.counts
            pairs = zip_longest(counts[::2], counts[1::2], fillvalue=0)
            found = Bins(found.place // 2, 2 * found.width, tuple(a + b for a, b in pairs))
        return found

    def edge(self, i: int) -> float:
        """The lower edge of bin i; beyond the range of binary64 its largest number."""
        return max(-MAX, min(MAX, (self.place + i) * self.width))

    def at(self, value: float) -> float:
        """Where a value is, in per cent of the width of all bins."""
        return round(100 * (value / self.width - self.place) / len(self.counts), 2)


@dataclass(frozen=True)
class Column:
    x: float
    width: float
    y: int
    height: int
    title: str


@dataclass(frozen=True)
class Label:
    """`anchor` is SVG's text-anchor; `x` per cent."""

    x: float
    anchor: str
    text: str


@dataclass(frozen=True)
class Rule:
    """A line from top to bottom at a value. `main` is the one that counts."""

    x: float
    label: Label
    main: bool = False


@dataclass(frozen=True)
class Histogram:
    """The shapes of a histogram.

    `says` is the chart in a sentence; `rows` are (from, to, count) as text.
    """

    columns: list[Column]
    rules: list[Rule]
    labels: list[Label]
    rows: list[tuple[str, str, str]]
    says: str


def histogram(bins: Bins, mean: float, deviation: float | None) -> Histogram:
    digits = _digits(bins)
    edges = [short(bins.edge(i), digits) for i in range(len(bins.counts) + 1)]
    rows = [(edges[i], edges[i + 1], f"{count:,}") for i, count in enumerate(bins.counts)]
    return Histogram(
        columns=columns(
            bins.counts, [f"{low} to {high}: {_numbers(count)}" for low, high, count in rows]
        ),
        rules=_rules(bins, mean, deviation),
        labels=ticks(bins),
        rows=rows,
        says=_says(
            bins, rows, short(mean, digits), None if deviation is None else short(deviation, digits)
        ),
    )


def columns(
    counts: Sequence[float],
    titles: Sequence[str],
    *,
    top_px: int = TOP_PX,
    base_px: int = BASE_PX,
    most: float = 0,
) -> list[Column]:
    """A column for each count.

    A count of `most` (or else the largest) fills the height; any count above 0 has two pixels.
    """
    each, most = 100 / len(counts), most or max(counts) or 1
    found = []
    for i, (count, title) in enumerate(zip(counts, titles, strict=True)):
        height = 0
        if count:
            height = max(2, round((base_px - top_px) * count / most))
        found.append(
            Column(
                x=round(i * each + 0.05 * each, 2),
                width=round(0.9 * each, 2),
                y=base_px - height,
                height=height,
                title=title,
            )
        )
    return found


def minutes(pace: Sequence[int]) -> list[str]:
    """The titles of columns that count the subtasks done in each minute, this minute last."""
    last = len(pace) - 1
    found = []
    for i, done in enumerate(pace):
        when = "this minute" if i == last else f"{last - i} min ago"
        found.append(f"{done:,} subtasks, {when}")
    return found


def _rules(bins: Bins, mean: float, deviation: float | None) -> list[Rule]:
    x = bins.at(mean)
    rules = [Rule(x, Label(*beside(x, before=x > 80), "mean"), main=True)]
    if deviation:
        low, high = bins.at(mean - deviation), bins.at(mean + deviation)
        if low >= 0:
            rules.append(Rule(low, Label(*beside(low, before=low > 15), "−1 sd")))
        if high <= 100:
            rules.append(Rule(high, Label(*beside(high, before=high > 85), "+1 sd")))
    return rules


def beside(x: float, *, before: bool) -> tuple[float, str]:
    """The x and the anchor of a label beside a line at `x`."""
    if before:
        return round(x - 1, 2), "end"
    return round(x + 1, 2), "start"


# Round numbers along an axis


def ticks(bins: Bins) -> list[Label]:
    """Round numbers along the axis, as many as have room; its ends if there are none."""
    low, high = bins.edge(0), bins.edge(len(bins.counts))
    step = nice_step((high / TICKS_MAX) - (low / TICKS_MAX))
    multiples: Iterable[int] = ()
    if step:
        multiples = range(ceil(low / step), floor(high / step) + 1)
    # A set, and checked: near the limits of binary64 products may round to the same number.
    values = sorted({k * step for k in multiples if low <= k * step <= high})
    if len(values) < 2:
        values, step = [low, high], high / 2 - low / 2
    digits = _digits_for(max(abs(low), abs(high)), step)
    return _apart([_label(bins.at(value), short(value, digits)) for value in values])


def nice_step(least: float) -> float:
    """The least number of the series 1, 2, 5, 10, 20, … that is not below `least`; 0 if none is.

    The series goes on in both directions: 0.5, 0.2, …
    """
    if not (isfinite(least) and least > 1e-290):
        return 0.0
    power = 10.0 ** floor(log10(least))
    step = next((factor * power for factor in (1, 2, 5, 10) if factor * power >= least), 0.0)
    return step if isfinite(step) else 0.0


def _label(x: float, text: str) -> Label:
    room = _percent(text) / 2
    if x < room:
        return Label(x, "start", text)
    if x > 100 - room:
        return Label(x, "end", text)
    return Label(x, "middle", text)


def _apart(labels: list[Label]) -> list[Label]:
    """The labels that do not touch the one before them."""
    kept: list[Label] = []
    end = -100.0
    for label in labels:
        width = _percent(label.text)
        start = label.x
        if label.anchor == "middle":
            start -= width / 2
        elif label.anchor == "end":
            start -= width
        if start > end + 2:
            kept.append(label)
            end = start + width
    return kept


def _percent(text: str) -> float:
    return 100 * len(text) * CHAR_PX / NARROW_PX


# Words


def short(number: float, digits: int) -> str:
    """A number with so many significant digits and a real minus sign."""
    text = f"{number:.{digits}g}" if number else "0"
    return text.replace("-", "−")


def _digits(bins: Bins) -> int:
    return _digits_for(max(abs(bins.edge(0)), abs(bins.edge(len(bins.counts)))), bins.width)


def _digits_for(largest: float, step: float) -> int:
    """As many digits as tell two neighbouring edges apart; at least six."""
    try:
        return max(6, min(17, 2 + ceil(log10(largest) - log10(step))))
    except ValueError:  # 0 has no logarithm
        return 6


def _numbers(count: str) -> str:
    return "1 number" if count == "1" else f"{count} numbers"


def _says(bins: Bins, rows: list[tuple[str, str, str]], mean: str, deviation: str | None) -> str:
    low, high, most = rows[max(range(len(rows)), key=bins.counts.__getitem__)]
    spread = f", the standard deviation {deviation}" if deviation else ""
    numbers = _numbers(f"{sum(bins.counts):,}")
    return (
        f"Histogram of {numbers} in {len(rows)} bins from {rows[0][0]} to {rows[-1][1]}. "
        f"The fullest, from {low} to {high}, holds {most}. The mean is {mean}{spread}."
    )
