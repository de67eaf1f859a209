"""A task's timeline as shapes: percentages of a lane's width and pixels of its height. Pure.

Lanes are 34 px high and hold two rows of bars, for workers of several slots; more lie over each
other.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil

from tasks.event_log import Bar

ROWS_Y = (6, 18)
TICKS_MAX = 8
STEPS_MS = [
    seconds * 1000
    for seconds in (
        1,
        2,
        5,
        10,
        15,
        30,
        60,
        120,
        300,
        600,
        900,
        1800,
        3600,
        7200,
        14_400,
        21_600,
        43_200,
        86_400,
    )
]
LOOKS = {"again": "tb tb-took", "copied": "tb-copy"}
WENT_WRONG = {"lost", "failed", "bad_partial"}


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
        return [
            (self.at(at), clock(at - self.start)) for at in range(self.start, self.end, self.step)
        ]


def scale(start: int, now: int, *, runs: bool) -> Scale:
    """From the start to the tick behind now, so that it stays until now gets there; of what is
    over, to its end.
    """
    spent = max(now - start, 1000)
    step = next((step for step in STEPS_MS if spent / step <= TICKS_MAX), spent // TICKS_MAX)
    return Scale(start, start + (ceil(spent / step) * step if runs else spent), step)


def clock(ms: int) -> str:
    """0:05, 12:40, 3:00:00"""
    minutes, seconds = divmod(ms // 1000, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


@dataclass(frozen=True)
class Shape:
    """One bar. `look` is its class, `mark` what stands at its end or start: lost, took or nothing.
    `runs`: it grows.
    """

    key: str
    x: float
    width: float
    y: int
    look: str
    title: str
    mark: str = ""
    runs: bool = False

    @property
    def mark_x(self) -> float:
        return round(self.x + self.width, 2) if self.mark == "lost" else self.x


def lanes(bars: Iterable[Bar], within: Scale, now: int) -> dict[str, list[Shape]]:
    """The shapes of each worker, workers in the order they came."""
    rows: dict[str, list[Bar]] = {}
    for bar in bars:
        rows.setdefault(bar.worker, []).append(bar)
    return {worker: _lane(row, within, now) for worker, row in rows.items()}


def _lane(row: Sequence[Bar], within: Scale, now: int) -> list[Shape]:
    ends = [0] * len(ROWS_Y)
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
    width = max(round(within.at(end) - x, 2), 0.2)  # a lease of milliseconds is seen, too
    return Shape(bar.lease, x, width, y, _look(bar), title(bar, end), _mark(bar), bar.end is None)


def _look(bar: Bar) -> str:
    if bar.outcome in WENT_WRONG:
        return "tb tb-lost"
    look = LOOKS.get(bar.how, "tb")
    return f"{look} tb-now" if bar.end is None else look


def _mark(bar: Bar) -> str:
    if bar.outcome in WENT_WRONG:
        return "lost"
    return "took" if bar.how == "again" else ""


HOWS = {"again": "taken over", "copied": "a second copy", "leased": ""}
OUTCOMES = {
    "running": "at work",
    "done": "done",
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
