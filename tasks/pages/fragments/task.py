"""The page of one task, live. A panel is used by one thread at a time."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.conf import settings

from tasks import event_log, event_texts, states
from tasks.estimates import time_left
from tasks.event_log import Bar, Entry
from tasks.models import Contribution, Task, Worker
from tasks.pages import timeline
from tasks.pages.fragments.changes import Parts
from tasks.pages.fragments.page_state import (
    LABELS,
    TONES,
    Axis,
    Lane,
    Line,
    Look,
    Note,
    Progress,
    Row,
    parts,
)
from tasks.queue import task_log
from tasks.selectors import contributions, history, standing, visibility
from tasks.selectors.standing import Standing

LANES_MAX, ROWS_MAX, EVENTS_MAX = (
    40,
    100,
    50,
)  # a page shows no more, and says how many more there are
RECENT_SECONDS = 20.0
COMMON = {"leased", "done", "overtaken", "released"}  # too common to be told one by one


@dataclass
class TaskPanel:
    """Of one task, for all who watch it here."""

    task_id: UUID
    entries: deque[Entry] = field(default_factory=lambda: deque(maxlen=2500))
    bars: dict[str, Bar] = field(default_factory=dict)
    workers: dict[str, Worker | None] = field(default_factory=dict)
    samples: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=200))
    is_over: bool = False

    def look_now(self) -> Look | None:
        """How it looks now; None if the task is gone."""
        task = visibility.task(self.task_id)
        return self.look(task) if task else None

    def look(self, task: Task) -> Look:
        stands = standing.of_task(task)
        self._read_history(task)
        now = int(time.time() * 1000)
        bars = event_log.thinned(list(self.bars.values()), settings.HISTORY_BARS_MAX)
        running = {bar.worker for bar in bars if bar.end is None}
        within = _scale(task, bars, now)
        everybody = list(dict.fromkeys(bar.worker for bar in bars))
        shown = set(everybody[:LANES_MAX])
        shapes = timeline.lanes([bar for bar in bars if bar.worker in shown], within, now)
        told = [entry for entry in self.entries if entry.what not in COMMON][-EVENTS_MAX:]
        self._meet(shown | {entry.worker for entry in told})
        rows = self._rows(task, stands, running, {bar.worker: bar.outcome for bar in bars})
        return Look(
            progress=self._progress(task, stands, len(running)),
            note=note(task, stands),
            axis=Axis(tuple(within.ticks), within.start, within.end, runs=not task.is_final),
            lanes=[self._lane(worker, worker in running) for worker in shapes],
            shapes=shapes,
            rows=rows,
            lines=self._lines(task, told),
            failures=contributions.failures(task, stands)[::-1],
            workers=len(rows) if len(rows) < ROWS_MAX else contributions.count(task, stands),
            on_timeline=len(everybody),
        )

    def parts(self) -> Parts | None:
        """All that may change, as it is now; None if the task is gone."""
        look = self.look_now()
        return parts(look) if look else None

    # Reading

    def _read_history(self, task: Task) -> None:
        if task.is_final:
            self._read_recorded(task)
            return
        after = self.entries[-1].number if self.entries else 0
        for entry in task_log.log(task.group_id, task.pk, after=after):
            self.entries.append(entry)
            event_log.draw(self.bars, entry)

    def _read_recorded(self, task: Task) -> None:
        """What is over changes no more."""
        if self.is_over:
            return
        self.is_over = True
        entries, bars = history.recorded(task)
        if entries or bars:
            self.entries = deque(entries, maxlen=2500)
            self.bars = {bar.lease: bar for bar in bars}

    def _meet(self, ids: set[str]) -> None:
        """Look up the workers that are not known yet."""
        unknown = ids - self.workers.keys() - {""}
        found = visibility.workers_by_id(unknown)
        self.workers |= {worker: found.get(worker) for worker in unknown}

    # Showing

    def _progress(self, task: Task, stands: Standing, working: int) -> Progress:
        settled = stands.done + stands.failed
        lost = sum(entry.subtasks for entry in self.entries if entry.what == "lost")
        return Progress(
            status=task.status,
            **stands.counts,
            percent=100.0 if task.status == states.SUCCEEDED else standing.percent(stands),
            rate=stands.rate,
            eta=None if task.is_final else time_left(stands.total - settled, self._rates(stands)),
            started=task.started,
            finished=task.finished,
            working=working,
            taken=lost,
            splits=not stands.is_split and not task.is_final,
        )

    def _rates(self, stands: Standing) -> list[float]:
        """Subtasks a second since the start, and lately; nothing as long as the split goes on."""
        now = time.monotonic()
        self.samples.append((now, stands.done))
        if not stands.is_split:
            return []
        then, before = next(sample for sample in self.samples if now - sample[0] <= RECENT_SECONDS)
        return [stands.rate, (stands.done - before) / (now - then) if now - then > 1 else 0.0]

    def _rows(
        self, task: Task, stands: Standing, running: set[str], last: dict[str, str]
    ) -> list[Row]:
        """`last`: what became of each worker's latest lease."""
        rows = []
        for what in contributions.of_task(task, stands, most=ROWS_MAX):
            worker = str(what.worker_id)
            status = what.status
            # Of a worker that may do more, the timeline knows whether it does now.
            if status == states.WORKING and worker not in running:
                status = last.get(worker, "")
            rows.append(_row(what, status))
        return rows

    def _lane(self, worker: str, runs: bool) -> Lane:
        row = self.workers.get(worker)
        owner = row.owner.username if row and row.owner else "a former member"
        return Lane(worker, row.name if row else "a former worker", owner, "lit" if runs else "off")

    def _lines(self, task: Task, told: Sequence[Entry]) -> list[Line]:
        lines = [
            _line(
                entry.number,
                event_texts.moment(entry.at),
                entry.what,
                event_texts.sentence(entry, event_texts.who(self.workers.get(entry.worker))),
            )
            for entry in told
        ]
        first, last = event_texts.beginning(task), event_texts.end(task)
        before = [
            _line(number - 9, what["at"], what["what"], what["text"])
            for number, what in enumerate(first)
        ]
        after = [
            _line(10**9 + number, what["at"], what["what"], what["text"])
            for number, what in enumerate(last)
        ]
        return [*before, *lines, *after][::-1]


def _line(number: int, at: datetime, what: str, text: str) -> Line:
    return Line(
        number,
        at.isoformat(timespec="seconds"),
        LABELS.get(what, what.capitalize()),
        TONES.get(what, ""),
        text,
    )


def _scale(task: Task, bars: Sequence[Bar], now: int) -> timeline.Scale:
    start = int((task.started or task.created).timestamp() * 1000)
    start = min([start, *(bar.start for bar in bars[:1])])
    end = int(task.finished.timestamp() * 1000) if task.finished else now
    return timeline.scale(
        start, max([end, *(bar.end or 0 for bar in bars)]), runs=not task.is_final
    )


# (state of the lamp, word) by the status of a contribution, or by what became of a lease
WORDS = {
    states.WORKING: ("lit", "Working"),
    states.LOST: ("lost", "Lost"),
    states.FAILED: ("lost", "Failed"),
    states.DONE: ("ready", "Done"),
}


def _row(what: Contribution, status: str) -> Row:
    state, word = WORDS.get(status, ("ready", "Ready"))
    member = what.member
    return Row(
        worker=str(what.worker_id),
        hue=1 + member.pk.int % 6 if member else 1,
        name=what.worker.name,
        member=member.username if member else "a former member",
        state=state,
        word=word,
        started=what.started,
        finished=what.finished,
        share=round(what.share, 1),
        subtasks=what.subtasks,
        compute=timeline.span(int(what.compute_seconds * 1000)),
        failures=what.failures,
        lost=what.lost,
    )


def note(task: Task, stands: Standing) -> Note:
    if task.status == states.FAILED:
        return Note("bad", "alert", f"It failed. {task.error_message}")
    reason = standing.waiting_reason(task, stands)
    return Note("wait", "clock", reason) if reason else Note()
