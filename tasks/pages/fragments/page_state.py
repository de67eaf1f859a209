"""The state of a task's page as values, and the fragments that show it.

Pure but for the templates.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from django.utils import timezone

from tasks.estimates import Range
from tasks.models import SubtaskFailure
from tasks.pages import timeline
from tasks.pages.checks import Checks
from tasks.pages.fragments.fragment import Fragment, Fragments, html
from tasks.pages.timeline import Shape


@dataclass(frozen=True)
class Progress:
    """How far the task is. Percentages are of all subtasks; `eta` is a range of seconds."""

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
    splits: bool  # it is still being split, so the total grows

    @property
    def ran_ms(self) -> int:
        """The time from its start to its end, or to now."""
        if self.started is None:
            return 0
        end = self.finished or timezone.now()
        return int((end - self.started).total_seconds() * 1000)

    @property
    def shares(self) -> dict[str, float]:
        """Where each part of the bar begins and how wide it is, in per cent."""
        whole = max(self.total, 1)
        done = round(100 * self.done / whole, 2)
        failed = round(100 * self.failed / whole, 2)
        leased = round(100 * self.leased / whole, 2)
        return {
            "done": done,
            "failed": failed,
            "leased": leased,
            "failed_at": done,
            "leased_at": done + failed,
        }


@dataclass(frozen=True)
class Row:
    """What one worker did for the task."""

    worker: str
    hue: int
    name: str
    member: str
    state: str  # of its lamp: lit, ready or lost
    word: str  # the state in words
    started: datetime | None
    finished: datetime | None
    share: float
    subtasks: int
    compute: str
    failures: int
    lost: int
    checks: int  # subtasks computed again, to check others
    taken_out: int  # subtasks whose results did not count any more


@dataclass(frozen=True)
class Lane:
    """One worker's line of the timeline."""

    worker: str
    name: str
    member: str
    state: str


@dataclass(frozen=True)
class Note:
    """What stands above everything: why the task waits, or why it failed. May have no text."""

    tone: str = ""
    icon: str = ""
    text: str = ""


@dataclass(frozen=True)
class Line:
    """One event of the task; `number` orders them."""

    number: int
    at: str
    label: str
    tone: str
    text: str


@dataclass(frozen=True)
class Axis:
    """The time axis of the timeline: where each tick stands, in per cent, and its text.

    The browser moves the line that stands for now.
    """

    ticks: tuple[tuple[float, str], ...]
    start: int  # ms since the epoch
    end: int
    runs: bool


@dataclass
class PageState:
    """Everything on the page that may change while it is open."""

    progress: Progress
    note: Note
    checks: Checks  # what is to be checked
    checked: Checks  # how the result was
    axis: Axis
    lanes: list[Lane]
    shapes: dict[str, list[Shape]]
    rows: list[Row]
    lines: list[Line]
    failures: list[SubtaskFailure]
    workers: int = 0  # how many contributed, also those without a row
    on_timeline: int = 0  # how many had a lease, also those without a lane


def fragments(state: PageState) -> Fragments:
    """Every fragment of the page by its id, each after the one that it lies in."""
    found = {
        "progress": Fragment("progress-place", html("tasks/_progress.html", state.progress)),
        "note": Fragment("note-place", html("tasks/_note.html", state.note)),
        "checks": Fragment("progress-place", html("tasks/_checks.html", state.checks)),
        "checked": Fragment("checked-place", html("tasks/_checked.html", state.checked)),
        "axis": Fragment("axis-place", html("tasks/_axis.html", state.axis)),
    }
    for lane in state.lanes:
        found |= _lane_fragments(lane, state.shapes[lane.worker])
    for row in state.rows:
        drawn_row = html("tasks/_contribution.html", row)
        found[f"row-{row.worker}"] = Fragment("contributions", drawn_row)
    for line in reversed(state.lines):
        found[f"event-{line.number}"] = Fragment("events", html("tasks/_event.html", line))
    return found


def _lane_fragments(lane: Lane, shapes: list[Shape]) -> Fragments:
    """A lane, its lamp and its bars.

    The lane itself is drawn without the worker's state, so that it stays the same when that changes
    and only the lamp is replaced.
    """
    worker = lane.worker
    stateless = replace(lane, state="")
    found = {
        f"lane-{worker}": Fragment("lanes", html("tasks/_lane.html", stateless)),
        f"lamp-{worker}": Fragment(f"lamp-place-{worker}", html("tasks/_lamp.html", lane)),
    }
    for shape in shapes:
        bar = html("tasks/_bar.html", _still(shape))
        found[f"bar-{shape.key}"] = Fragment(f"bars-{worker}", bar)
    return found


def _still(shape: Shape) -> Shape:
    """A shape that stays the same while its lease runs: the browser makes running bars grow."""
    if not shape.runs:
        return shape
    subtasks = shape.title.split(", ")[0]
    return replace(shape, width=timeline.WIDTH_MIN, title=f"{subtasks}, at work")
