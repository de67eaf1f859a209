"""The table of a terminal: connection, groups, slots and what each does, what was done today, the
last news.

It is drawn when something has changed, REDRAW_SECONDS later, so a busy worker costs no more than a
slow one; times are times of day, so that nothing moves while nothing happens.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.live import Live as RichLive
from rich.table import Table
from rich.text import Text

from firmlight_client.text import count, one_line
from firmlight_client.worker.brain.actions import SUSPENDED
from firmlight_client.worker.report import Facts, sentence

if TYPE_CHECKING:
    from rich.console import Console

    from firmlight_client.worker.brain.lease_book import Ledger

REDRAW_SECONDS = 0.25
LOOK_AGAIN_SECONDS = 5.0
RECENT = 4
SLOTS_SHOWN = 16
RATE_SECONDS = 300.0
HINT = "Ctrl-C finishes what runs and leaves; a second one leaves at once."
STATES = ("starting", "connected", "disconnected", "draining", "stopped")


@dataclass
class Today:
    """What was done since midnight, or since the start if that was later; the rate is that of the
    last minutes.
    """

    day: date = field(default_factory=date.today)
    done: int = 0
    failed: int = 0
    seconds: float = 0.0
    lately: deque[tuple[float, int]] = field(default_factory=deque)
    since: float = field(default_factory=time.monotonic)

    def note(self, event: str, facts: Facts) -> None:
        if self.day != date.today():
            self.day, self.done, self.failed, self.seconds = date.today(), 0, 0, 0.0
        self.failed += event == "failed"
        if event == "done":
            self.done += facts["subtasks"]
            self.seconds += facts["seconds"]
            self.lately.append((time.monotonic(), facts["subtasks"]))

    def a_minute(self) -> float:
        """Subtasks a minute, over at most RATE_SECONDS."""
        now = time.monotonic()
        while self.lately and self.lately[0][0] < now - RATE_SECONDS:
            self.lately.popleft()
        span = min(RATE_SECONDS, now - self.since)
        return 60 * sum(number for _, number in self.lately) / max(span, 10.0)

    def __str__(self) -> str:
        done = f"{count(self.done, 'subtask')} in {span_of(self.seconds)} of computing"
        return f"{done}, {self.failed:,} failed, {self.a_minute():,.0f} a minute lately"


def span_of(seconds: float) -> str:
    """12 s, 3.4 min, 5.6 h"""
    if seconds < 120:
        return f"{seconds:.3g} s"
    return f"{seconds / 60:.3g} min" if seconds < 7200 else f"{seconds / 3600:,.1f} h"


@dataclass
class Picture:
    """What the table shows. `book` is the brain's: its slots are looked at whenever it is drawn."""

    state: str = "starting"
    notice: str = ""  # why nothing comes, as long as that holds
    resting: str = ""
    rules: str = ""  # what is wrong with them
    url: str = ""
    name: str = ""
    groups: str = ""
    today: Today = field(default_factory=Today)
    recent: list[str] = field(default_factory=list)
    book: Ledger | None = None
    seen: dict[int, datetime] = field(default_factory=dict)  # job -> when it was seen first

    def note(self, event: str, facts: Facts) -> None:
        self.today.note(event, facts)
        words = sentence(event, facts)
        if event in (
            "let_back",
            "disconnected",
        ):  # a new connection says it again if it still holds
            self.notice = ""
        self._note_state(event, facts, words)
        if event == "error" and facts["code"] == SUSPENDED:
            self.notice = words
        elif event == "resting":
            self.resting = words if facts["resting"] or facts["why"] else ""
        elif event == "rules":
            self.rules = words if facts["problems"] else ""
        elif words and event not in STATES and event != "done":
            self.recent = [*self.recent, f"{datetime.now():%H:%M:%S} {words}"][-RECENT:]

    def _note_state(self, event: str, facts: Facts, words: str) -> None:
        if event == "starting":
            self.url = facts["url"]
        if event == "connected":
            self.name, self.groups = (
                one_line(facts["name"]),
                one_line(", ".join(facts["groups"])) or "no group yet",
            )
            words = f"connected since {datetime.now():%H:%M}"
        if event in STATES:
            self.state = words

    def facts(self) -> object:
        """All that is drawn, to compare."""
        told = self.state, self.notice, self.rules, self.resting, self.groups
        return *told, str(self.today), [*self.recent], self.slots()

    def slots(self) -> list[tuple[str, str, str, str]]:
        """(number, what it works on, how many subtasks, since when) of each slot; many are counted
        together.
        """
        if self.book is None:
            return []
        seats = list(self.book.seats.items())
        now = {
            seat.job.id: self.seen.get(seat.job.id, datetime.now()) for _, seat in seats if seat.job
        }
        self.seen = now
        rows = []
        for number, seat in seats[:SLOTS_SHOWN]:
            if seat.job:
                lease = seat.job.held.lease
                what = one_line(
                    lease.kind + (f" for {lease.group_name}" if lease.group_name else "")
                )
                rows.append(
                    (
                        str(number + 1),
                        what,
                        f"{len(seat.job.order):,}",
                        f"{now[seat.job.id]:%H:%M:%S}",
                    )
                )
            else:
                rows.append((str(number + 1), seat.state, "", ""))
        if len(seats) > SLOTS_SHOWN:
            busy = sum(seat.job is not None for _, seat in seats)
            rows.append(("…", f"{busy} of {len(seats)} slots at work", "", ""))
        return rows


class Live(AbstractContextManager["Live"]):
    """Give it the brain with `watch`."""

    def __init__(self, console: Console | None = None) -> None:
        self.picture = Picture()
        self.due: asyncio.TimerHandle | None = None  # the next drawing
        self.drawn: object = None
        self.screen = RichLive(console=console, auto_refresh=False)

    def watch(self, book: Ledger) -> None:
        self.picture.book = book

    def __enter__(self) -> Live:
        self.screen.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self.screen.update(self._table(hint=False), refresh=True)
        self.screen.__exit__(*error)

    def __call__(self, event: str, facts: Facts) -> None:
        self.picture.note(event, facts)
        if self.due is None or self.due.when() > asyncio.get_running_loop().time() + REDRAW_SECONDS:
            self._draw_in(REDRAW_SECONDS)

    def _draw_in(self, seconds: float) -> None:
        if self.due:
            self.due.cancel()
        self.due = asyncio.get_running_loop().call_later(seconds, self._draw)

    def _draw(self) -> None:
        """And look again after a while: slots start without a word, and the pace of the last
        minutes sinks.
        """
        facts = self.picture.facts()
        if facts != self.drawn:
            self.drawn = facts
            self.screen.update(self._table(), refresh=True)
        self._draw_in(LOOK_AGAIN_SECONDS)

    def _table(self, *, hint: bool = True) -> Any:
        picture = self.picture
        head = Text(f"{picture.name or 'firmlight work'}  ", style="bold").append(
            picture.url, style="not bold dim"
        )
        lines: list[Any] = [head, Text(picture.state)]
        lines += [
            Text(words, style="bold")
            for words in (picture.notice, picture.rules, picture.resting)
            if words
        ]
        lines += ["", self._slots(), "", self._facts()]
        if hint and not picture.state.startswith(("finishing", "stopped")):
            lines += ["", Text(HINT, style="dim")]
        return Group(*lines)

    def _slots(self) -> Table:
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
        for title, right in (
            ("Slot", True),
            ("Works on", False),
            ("Subtasks", True),
            ("Since", False),
        ):
            table.add_column(
                title, justify="right" if right else "left", no_wrap=True, overflow="ellipsis"
            )
        for row in self.picture.slots():
            table.add_row(*map(Text, row), style="" if row[3] else "dim")
        return table

    def _facts(self) -> Table:
        picture = self.picture
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(style="dim", no_wrap=True)
        table.add_column(no_wrap=True, overflow="ellipsis")
        rows = [("Groups", picture.groups), ("Today", str(picture.today))]
        rows += [
            ("News" if number == 0 else "", line) for number, line in enumerate(picture.recent)
        ]
        for title, words in rows:
            table.add_row(title, Text(words, overflow="ellipsis", no_wrap=True))
        return table
