"""The parts of a task's page: values, and the HTML that shows them. Pure but for the templates.

A part has an id and lies in a place, the element of that id. The same value is drawn once, whoever
looks at it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from django.template.loader import render_to_string
from django.utils import timezone

from tasks.estimates import Range
from tasks.models import SubtaskFailure
from tasks.pages.timeline import Shape

INDENTATION = re.compile(r"\s*\n\s*")  # of templates; to a browser it is a space

LABELS = {
    **{
        "split": "Split",
        "again": "Taken over",
        "copied": "Second copy",
        "lost": "Lost",
        "decided": "Decided",
    },
    **{
        "failed": "Failed",
        "failed_for_good": "Failed for good",
        "paused": "Paused",
        "resumed": "Resumed",
    },
    **{
        "submitted": "Submitted",
        "started": "Started",
        "succeeded": "Finished",
        "cancelled": "Cancelled",
    },
    **{"bad_partial": "Malformed result", "kind_changed": "Other version"},
    **{"leased": "Leased", "done": "Done", "overtaken": "Overtaken", "released": "Given back"},
}
TONES = {
    **dict.fromkeys(("lost", "failed", "failed_for_good", "bad_partial"), "bad"),
    **dict.fromkeys(("again", "copied"), "join"),
    **dict.fromkeys(("decided", "succeeded"), "good"),
}


class Part(NamedTuple):
    """`place` is the id of the element it lies in."""

    place: str
    html: str


@dataclass(frozen=True)
class Progress:
    """How far it is. Percentages are of all subtasks; `eta` is a range of seconds."""

    status: str
    total: int
    done: int
    leased: int
    waiting: int
    failed: int
    percent: float
    rate: float  # subtasks a second
    eta: Range | None
    started: datetime | None
    finished: datetime | None
    working: int  # workers with a lease now
    taken: int  # subtasks that were lost and done by others
    splits: bool  # the split goes on, so the total grows

    @property
    def ran_ms(self) -> int:
        """Since it started, to its end or to now."""
        if self.started is None:
            return 0
        return int(((self.finished or timezone.now()) - self.started).total_seconds() * 1000)

    @property
    def shares(self) -> dict[str, float]:
        """Per cent of the bar: where each part begins and how wide it is."""
        whole = max(self.total, 1)
        done, failed, leased = (
            round(100 * part / whole, 2) for part in (self.done, self.failed, self.leased)
        )
        return {
            "done": done,
            "failed": failed,
            "leased": leased,
            "failed_at": done,
            "leased_at": done + failed,
        }


@dataclass(frozen=True)
class Row:
    """What one worker did."""

    worker: str
    hue: int
    name: str
    member: str
    state: str  # of its lamp
    word: str
    started: datetime | None
    finished: datetime | None
    share: float
    subtasks: int
    compute: str
    failures: int
    lost: int


@dataclass(frozen=True)
class Lane:
    """One worker's line of the timeline."""

    worker: str
    name: str
    member: str
    state: str


@dataclass(frozen=True)
class Note:
    """What is said above everything: why it waits, or why it failed. Without text there is none."""

    tone: str = ""
    icon: str = ""
    text: str = ""


@dataclass(frozen=True)
class Line:
    """One event. `number` orders them."""

    number: int
    at: str
    label: str
    tone: str
    text: str


@dataclass(frozen=True)
class Axis:
    """The timeline's time: per cent and words of each tick; the browser moves the line that stands
    for now.
    """

    ticks: tuple[tuple[float, str], ...]
    start: int  # ms since the epoch
    end: int
    runs: bool


@dataclass
class Look:
    """All that a page shows that may change while it is open."""

    progress: Progress
    note: Note
    axis: Axis
    lanes: list[Lane]
    shapes: dict[str, list[Shape]]
    rows: list[Row]
    lines: list[Line]
    failures: list[SubtaskFailure]
    workers: int = 0  # that contributed
    on_timeline: int = 0


def parts(look: Look) -> dict[str, Part]:
    """Every part by its id, each behind the one it lies in."""
    found = {
        "progress": Part("progress-place", html("tasks/_progress.html", look.progress)),
        "note": Part("note-place", html("tasks/_note.html", look.note)),
        "axis": Part("axis-place", html("tasks/_axis.html", look.axis)),
    }
    for lane in look.lanes:
        found[f"lane-{lane.worker}"] = Part(
            "lanes", html("tasks/_lane.html", Lane(lane.worker, lane.name, lane.member, ""))
        )
        found[f"lamp-{lane.worker}"] = Part(
            f"lamp-place-{lane.worker}", html("tasks/_lamp.html", lane)
        )
        for shape in look.shapes[lane.worker]:
            found[f"bar-{shape.key}"] = Part(
                f"bars-{lane.worker}", html("tasks/_bar.html", _still(shape))
            )
    found |= {
        f"row-{row.worker}": Part("contributions", html("tasks/_contribution.html", row))
        for row in look.rows
    }
    for line in reversed(look.lines):
        found[f"event-{line.number}"] = Part("events", html("tasks/_event.html", line))
    return found


def _still(shape: Shape) -> Shape:
    """A running bar grows in the browser: here it stays as it is as long as it runs."""
    return (
        replace(shape, width=0.2, title=shape.title.split(", ")[0] + ", at work")
        if shape.runs
        else shape
    )


def drawn(template: str, it: Any) -> str:
    """What shows a value of ours."""
    return INDENTATION.sub(" ", render_to_string(template, {"it": it}).strip())


# The same value is drawn once. Not for what shows how long ago something was.
html = lru_cache(maxsize=8192)(drawn)
