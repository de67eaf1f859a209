"""A task's timeline as shapes: percentages of a lane's width and pixels of its height. Pure.

Lanes are 34 px high and hold two rows of bars, for workers with several slots. Further bars lie
over each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil

from tasks.event_log import Bar

ROWS_Y = (6, 18)
TICKS_MAX = 8
STEPS_SECONDS = (1, 2, 5, 10, 15, 30)
STEPS_MINUTES = (1, 2, 5, 10, 15, 30)
STEPS_HOURS = (1, 2, 4, 6, 12, 24)
STEPS_MS = (
    *(seconds * 1000 for seconds in STEPS_SECONDS),
    *(minutes * 60_000 for minutes in STEPS_MINUTES),
    *(hours * 3_600_000 for hours in STEPS_HOURS),
)
WIDTH_MIN = 0.2  # per cent: a lease of milliseconds is visible too
CLASSES = {"again": "tb tb-took", "copied": "tb-copy"}
WENT_WRONG = {"lost", "failed", "bad_partial", "taken_out"}


@dataclass(frozen=True)
class Scale:
    """The time that a lane's width stands for; ms since the epoch."""

    start: int
    end: int
    step: int  # between two ticks

    def at(self, moment: int) -> float:
        """Where a moment is, in per cent of the width."""
        return round(100 * (moment - self.start) / (self.end - self.start), 2)

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """(per cent, time since the start) of each tick."""
        moments = range(self.start, self.end, self.step)
        return [(self.at(moment), clock(moment - self.start)) for moment in moments]


def scale(start: int, now: int, *, runs: bool) -> Scale:
    """The scale of a task that began at `start`.

    While the task runs, the scale goes to the next tick after now, so that it changes only when now
    gets there. Afterwards it ends with the task, which `now` is then.
    """
    spent = max(now - start, 1000)
    step = next((step for step in STEPS_MS if spent / step <= TICKS_MAX), spent // TICKS_MAX)
    length = ceil(spent / step) * step if runs else spent
    return Scale(start, start + length, step)


def clock(ms: int) -> str:
    """0:05, 12:40, 3:00:00"""
    minutes, seconds = divmod(ms // 1000, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


@dataclass(frozen=True)
class Shape:
    """One bar.

    `mark` is "lost" (at its end), "took" (at its start) or "". A bar that `runs` grows.
    """

    key: str
    x: float
    width: float
    y: int
    css_class: str
    title: str
    mark: str = ""
    runs: bool = False

    @property
    def mark_x(self) -> float:
        return round(self.x + self.width, 2) if self.mark == "lost" else self.x


def lanes(bars: Iterable[Bar], within: Scale, now: int) -> dict[str, list[Shape]]:
    """The shapes of each worker; workers in the order of their first lease."""
    rows: dict[str, list[Bar]] = {}
    for bar in bars:
        rows.setdefault(bar.worker, []).append(bar)
    return {worker: _lane(row, within, now) for worker, row in rows.items()}


def _lane(row: Sequence[Bar], within: Scale, now: int) -> list[Shape]:
    ends = [0] * len(ROWS_Y)  # of the last bar in each row
    shapes = []
    for bar in row:
        free = [number for number, end in enumerate(ends) if end <= bar.start]
        number = free[0] if free else ends.index(min(ends))
        ends[number] = now if bar.end is None else bar.end
        shapes.append(_shape(bar, within, now, ROWS_Y[number]))
    return shapes


def _shape(bar: Bar, within: Scale, now: int, y: int) -> Shape:
    end = now if bar.end is None else bar.end
    x = within.at(bar.start)
    return Shape(
        key=bar.lease,
        x=x,
        width=max(round(within.at(end) - x, 2), WIDTH_MIN),
        y=y,
        css_class=_css_class(bar),
        title=title(bar, end),
        mark=_mark(bar),
        runs=bar.end is None,
    )


def _css_class(bar: Bar) -> str:
    if bar.outcome in WENT_WRONG:
        return "tb tb-lost"
    own = "tb tb-check" if bar.outcome == "checked" else CLASSES.get(bar.how, "tb")
    return f"{own} tb-now" if bar.end is None else own


def _mark(bar: Bar) -> str:
    if bar.outcome in WENT_WRONG:
        return "lost"
    return "took" if bar.how == "again" else ""


HOWS = {"again": "taken over", "copied": "a second copy", "leased": ""}
OUTCOMES = {
    "running": "at work",
    "done": "done",
    "checked": "a check of another member's result",
    "taken_out": "its result was taken out, others do them",
    "failed": "a subtask failed",
    "lost": "lost, others do them",
    "released": "given back",
    "bad_partial": "a malformed result, others do them",
    "kind_changed": "of another version of the kind",
    "overtaken": "another worker was faster",
}


def title(bar: Bar, end: int) -> str:
    """A bar in words."""
    subtasks = "1 subtask" if bar.subtasks == 1 else f"{bar.subtasks:,} subtasks"
    leases = f"in {bar.leases} leases" if bar.leases > 1 else ""
    words = (subtasks, leases, HOWS[bar.how], f"{span(end - bar.start)}, {OUTCOMES[bar.outcome]}")
    return ", ".join(word for word in words if word)


def span(ms: int) -> str:
    """45 ms, 3.2 s, 51 s, 4 min 5 s, 2 h 10 min"""
    if ms < 1000:
        return f"{ms} ms"
    if ms < 10_000:
        return f"{ms / 1000:.1f} s"
    seconds = round(ms / 1000)
    if seconds < 60:
        return f"{seconds} s"
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s"
