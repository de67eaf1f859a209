"""The table of a terminal: connection, groups, what each slot does, what was done today, news.

It is drawn when something has changed, REDRAW_SECONDS later, so a busy worker costs no more than a
slow one. Times are times of day, so nothing moves while nothing happens.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from rich.console import Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from firmlight_client.text import count, one_line
from firmlight_client.worker.brain.connection import SUSPENDED
from firmlight_client.worker.brain.slots import Slots
from firmlight_client.worker.report import Facts, sentence

if TYPE_CHECKING:
    from rich.console import Console

    from firmlight_client.worker.brain.lease_book import Job

REDRAW_SECONDS = 0.25
LOOK_AGAIN_SECONDS = 5.0
RECENT = 4
SLOTS_SHOWN = 16
RATE_SECONDS = 300.0
RATE_SECONDS_MIN = 10.0  # a rate over a shorter time says nothing
HINT = "Ctrl-C finishes what runs and leaves; a second one leaves immediately."
STATES = {"starting", "connected", "disconnected", "draining", "stopped"}
NOT_NEWS = STATES | {"done", "resting", "rules"}  # they have a place of their own


@dataclass
class Today:
    """What was done since midnight, or since the start if that was later.

    The rate is that of the last RATE_SECONDS.
    """

    day: date = field(default_factory=date.today)
    done: int = 0
    failed: int = 0
    seconds: float = 0.0
    lately: deque[tuple[float, int]] = field(default_factory=deque)  # (when, subtasks)
    since: float = field(default_factory=time.monotonic)

    def note(self, event: str, facts: Facts) -> None:
        today = date.today()
        if self.day != today:
            self.day, self.done, self.failed, self.seconds = today, 0, 0, 0.0
        if event == "failed":
            self.failed += 1
        elif event == "done":
            self.done += facts["subtasks"]
            self.seconds += facts["seconds"]
            self.lately.append((time.monotonic(), facts["subtasks"]))

    def per_minute(self) -> float:
        """Subtasks a minute, over at most RATE_SECONDS."""
        now = time.monotonic()
        while self.lately and self.lately[0][0] < now - RATE_SECONDS:
            self.lately.popleft()
        subtasks = sum(number for _, number in self.lately)
        span = max(min(RATE_SECONDS, now - self.since), RATE_SECONDS_MIN)
        return 60 * subtasks / span

    def __str__(self) -> str:
        done = f"{count(self.done, 'subtask')} in {span_of(self.seconds)} of computing"
        return f"{done}, {self.failed:,} failed, {self.per_minute():,.0f} a minute lately"


def span_of(seconds: float) -> str:
    """12 s, 3.4 min, 5.6 h"""
    if seconds < 120:
        return f"{seconds:.3g} s"
    if seconds < 7200:
        return f"{seconds / 60:.3g} min"
    return f"{seconds / 3600:,.1f} h"


class SlotRow(NamedTuple):
    """A line of the table, as text."""

    slot: str
    work: str
    subtasks: str = ""
    since: str = ""


@dataclass
class Picture:
    """What the table shows. `slots` are the brain's: they are read whenever it is drawn."""

    state: str = "starting"
    notice: str = ""  # why nothing comes, as long as that holds
    resting: str = ""
    rules: str = ""  # what is wrong with them
    url: str = ""
    name: str = ""
    groups: str = ""
    today: Today = field(default_factory=Today)
    recent: list[str] = field(default_factory=list)
    slots: Slots | None = None
    first_seen: dict[int, datetime] = field(default_factory=dict)  # by id of the job

    def note(self, event: str, facts: Facts) -> None:
        self.today.note(event, facts)
        words = sentence(event, facts)
        if event in STATES:
            self._note_state(event, facts, words)
        if event in ("let_back", "disconnected"):
            self.notice = ""  # the next connection says it again if it still holds
        if event == "error" and facts["code"] == SUSPENDED:
            self.notice = words
        elif event == "resting":
            self.resting = words if facts["resting"] or facts["why"] else ""
        elif event == "rules":
            self.rules = words if facts["problems"] else ""
        elif words and event not in NOT_NEWS:
            news = f"{datetime.now():%H:%M:%S} {words}"
            self.recent = [*self.recent, news][-RECENT:]

    def _note_state(self, event: str, facts: Facts, words: str) -> None:
        self.state = words
        if event == "starting":
            self.url = facts["url"]
        elif event == "connected":
            self.name = one_line(facts["name"])
            self.groups = one_line(", ".join(facts["groups"])) or "no group yet"
            self.state = f"connected since {datetime.now():%H:%M}"

    def content(self) -> object:
        """Everything that is drawn, to compare."""
        words = self.state, self.notice, self.rules, self.resting, self.groups
        return *words, str(self.today), [*self.recent], self.rows()

    def rows(self) -> list[SlotRow]:
        """A row for each slot; the slots after SLOTS_SHOWN share one."""
        if self.slots is None:
            return []
        states = self.slots.states
        jobs = [state.job for state in states.values() if state.job]
        self._note_first_seen(jobs)
        rows = []
        for number, state in list(states.items())[:SLOTS_SHOWN]:
            if state.job:
                rows.append(self._row(number, state.job))
            else:
                rows.append(SlotRow(str(number + 1), state.state))
        if len(states) > SLOTS_SHOWN:
            rows.append(SlotRow("…", f"{len(jobs)} of {len(states)} slots at work"))
        return rows

    def _row(self, number: int, job: Job) -> SlotRow:
        lease = job.held.lease
        work = f"{lease.kind} for {lease.group_name}" if lease.group_name else lease.kind
        since = f"{self.first_seen[job.id]:%H:%M:%S}"
        return SlotRow(str(number + 1), one_line(work), f"{len(job.order):,}", since)

    def _note_first_seen(self, jobs: list[Job]) -> None:
        """Keep the times of jobs that go on, and note those of new ones."""
        now = datetime.now()
        self.first_seen = {job.id: self.first_seen.get(job.id, now) for job in jobs}


class Dashboard(AbstractContextManager["Dashboard"]):
    """Draws the picture. `watch` gives it the brain's slots."""

    def __init__(self, console: Console | None = None) -> None:
        self.picture = Picture()
        self.next_drawing: asyncio.TimerHandle | None = None
        self.drawn: object = None  # the content as drawn last
        self.live = Live(console=console, auto_refresh=False)

    def watch(self, slots: Slots) -> None:
        self.picture.slots = slots

    def __enter__(self) -> Dashboard:
        self.live.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self.live.update(self._table(hint=False), refresh=True)
        self.live.__exit__(*error)

    def __call__(self, event: str, facts: Facts) -> None:
        self.picture.note(event, facts)
        soon = asyncio.get_running_loop().time() + REDRAW_SECONDS
        if self.next_drawing is None or self.next_drawing.when() > soon:
            self._draw_in(REDRAW_SECONDS)

    def _draw_in(self, seconds: float) -> None:
        if self.next_drawing:
            self.next_drawing.cancel()
        self.next_drawing = asyncio.get_running_loop().call_later(seconds, self._draw)

    def _draw(self) -> None:
        """Draw what has changed, and look again after a while.

        Slots start without an event, and the rate of the last minutes sinks.
        """
        content = self.picture.content()
        if content != self.drawn:
            self.drawn = content
            self.live.update(self._table(), refresh=True)
        self._draw_in(LOOK_AGAIN_SECONDS)

    def _table(self, *, hint: bool = True) -> Group:
        picture = self.picture
        head = Text(f"{picture.name or 'firmlight work'}  ", style="bold")
        head.append(picture.url, style="not bold dim")
        lines: list[RenderableType] = [head, Text(picture.state)]
        for notice in (picture.notice, picture.rules, picture.resting):
            if notice:
                lines.append(Text(notice, style="bold"))
        lines += ["", self._slot_table(), "", self._fact_table()]
        is_leaving = picture.state.startswith(("finishing", "stopped"))
        if hint and not is_leaving:
            lines += ["", Text(HINT, style="dim")]
        return Group(*lines)

    def _slot_table(self) -> Table:
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
        table.add_column("Slot", justify="right", no_wrap=True, overflow="ellipsis")
        table.add_column("Works on", no_wrap=True, overflow="ellipsis")
        table.add_column("Subtasks", justify="right", no_wrap=True, overflow="ellipsis")
        table.add_column("Since", no_wrap=True, overflow="ellipsis")
        for row in self.picture.rows():
            table.add_row(*map(Text, row), style="" if row.since else "dim")
        return table

    def _fact_table(self) -> Table:
        picture = self.picture
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(style="dim", no_wrap=True)
        table.add_column(no_wrap=True, overflow="ellipsis")
        titles = ["News", *[""] * (len(picture.recent) - 1)]
        rows = [("Groups", picture.groups), ("Today", str(picture.today))]
        rows += zip(titles, picture.recent, strict=False)
        for title, words in rows:
            table.add_row(title, Text(words, overflow="ellipsis", no_wrap=True))
        return table
