"""The page of one task, live."""

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
from tasks.names import FORMER_WORKER, member_name
from tasks.pages import checks, event_labels, timeline
from tasks.pages.fragments.fragment import Fragments
from tasks.pages.fragments.page_state import (
    Axis,
    Lane,
    Line,
    Note,
    PageState,
    Progress,
    Row,
    fragments,
)
from tasks.queue import task_log
from tasks.selectors import contributions, history, task_progress, visibility
from tasks.selectors.task_progress import TaskProgress

# A page shows no more, and says how many more there are.
LANES_MAX, ROWS_MAX, EVENTS_MAX = 40, 100, 50
ENTRIES_KEPT = 2500
RECENT_SECONDS = 20.0
# Events too common to be listed one by one.
COMMON = {"leased", "done", "checked", "confirmed", "overtaken", "released"}
WITHDRAWN = (
    "Its result was withdrawn, because a part of it was wrong. That is being computed again: do "
    "not use what you have of the result."
)
# Events are sorted by number. Entries of the log have theirs, from 0 on; the events that begin and
# end a task get numbers before and after all of those.
BEFORE_ALL_ENTRIES, AFTER_ALL_ENTRIES = -9, 10**9


@dataclass
class TaskPage:
    """The page of one task, for everybody in this process who watches it.

    It remembers what it has read, so only one thread may use it at a time.
    """

    task_id: UUID
    entries: deque[Entry] = field(default_factory=lambda: deque(maxlen=ENTRIES_KEPT))
    bars: dict[str, Bar] = field(default_factory=dict)
    workers: dict[str, Worker | None] = field(default_factory=dict)  # None: it no longer exists
    samples: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=200))
    has_read_record: bool = False

    def fragments(self) -> Fragments | None:
        """Everything that may change, as it is now; None if the task is gone."""
        task = visibility.task(self.task_id)
        return fragments(self.state(task)) if task else None

    def state(self, task: Task) -> PageState:
        """The state of the page; `task` is its row as it is now."""
        stands = task_progress.of_task(task)
        self._read_history(task)
        now = int(time.time() * 1000)
        bars = event_log.thinned(list(self.bars.values()), settings.HISTORY_BARS_MAX)
        running = {bar.worker for bar in bars if bar.end is None}
        everybody = list(dict.fromkeys(bar.worker for bar in bars))
        shown = set(everybody[:LANES_MAX])
        scale = _scale(task, bars, now)
        shapes = timeline.lanes([bar for bar in bars if bar.worker in shown], scale, now)
        listed = [entry for entry in self.entries if entry.what not in COMMON][-EVENTS_MAX:]
        self._look_up(shown | {entry.worker for entry in listed})
        rows = self._rows(task, stands, running, {bar.worker: bar.outcome for bar in bars})
        return PageState(
            progress=self._progress(task, stands, len(running)),
            note=note(task, stands),
            checks=checks.of_task(task),
            checked=checks.of_result(task),
            axis=Axis(tuple(scale.ticks), scale.start, scale.end, runs=not task.is_final),
            lanes=[self._lane(worker, worker in running) for worker in shapes],
            shapes=shapes,
            rows=rows,
            lines=self._lines(task, listed),
            failures=contributions.failures(task, stands)[::-1],
            workers=len(rows) if len(rows) < ROWS_MAX else contributions.count(task, stands),
            on_timeline=len(everybody),
        )

    # Reading

    def _read_history(self, task: Task) -> None:
        if task.is_final and not task.is_pending:
            self._read_record(task)
            return
        after = self.entries[-1].number if self.entries else 0
        for entry in event_log.as_seen(task_log.log(task.group_id, task.pk, after=after)):
            self.entries.append(entry)
            event_log.draw(self.bars, entry)

    def _read_record(self, task: Task) -> None:
        """Read the record of a task that is over, once: it does not change any more."""
        if self.has_read_record:
            return
        self.has_read_record = True
        entries, bars = history.recorded(task)
        if entries or bars:
            self.entries = deque(entries, maxlen=ENTRIES_KEPT)
            self.bars = {bar.lease: bar for bar in bars}

    def _look_up(self, ids: set[str]) -> None:
        """Read the workers that are not known yet."""
        unknown = ids - self.workers.keys() - {""}
        if not unknown:
            return
        found = visibility.workers_by_id(unknown)
        self.workers |= {worker: found.get(worker) for worker in unknown}

    # Showing

    def _progress(self, task: Task, stands: TaskProgress, working: int) -> Progress:
        settled = stands.done + stands.failed
        eta = None
        if not task.is_final:
            eta = time_left(stands.total - settled, self._rates(stands))
        has_succeeded = task.status == states.SUCCEEDED
        return Progress(
            status=task.status,
            **stands.counts,
            percent=100.0 if has_succeeded else task_progress.percent(stands),
            rate=stands.rate,
            eta=eta,
            started=task.started,
            finished=task.finished,
            working=working,
            taken=sum(entry.subtasks for entry in self.entries if entry.what == "lost"),
            splits=not stands.is_split and not task.is_final,
        )

    def _rates(self, stands: TaskProgress) -> list[float]:
        """Subtasks a second since the start, and lately; none while the task is being split."""
        now = time.monotonic()
        self.samples.append((now, stands.done))
        if not stands.is_split:
            return []
        then, before = next(sample for sample in self.samples if now - sample[0] <= RECENT_SECONDS)
        seconds = now - then
        lately = (stands.done - before) / seconds if seconds > 1 else 0.0
        return [stands.rate, lately]

    def _rows(
        self, task: Task, stands: TaskProgress, running: set[str], last_outcomes: dict[str, str]
    ) -> list[Row]:
        """A row for each contribution; `last_outcomes` are those of the workers' latest leases."""
        rows = []
        for contribution in contributions.of_task(task, stands, most=ROWS_MAX):
            worker = str(contribution.worker_id)
            status = contribution.status
            # The timeline knows whether a worker that may do more computes now.
            if status == states.WORKING and worker not in running:
                status = last_outcomes.get(worker, "")
            rows.append(_row(contribution, status))
        return rows

    def _lane(self, worker: str, runs: bool) -> Lane:
        row = self.workers.get(worker)
        return Lane(
            worker=worker,
            name=row.name if row else FORMER_WORKER,
            member=member_name(row.owner if row else None),
            state="lit" if runs else "off",
        )

    def _lines(self, task: Task, listed: Sequence[Entry]) -> list[Line]:
        """The events of these entries, with the task's beginning and end, the latest first."""
        lines = []
        for number, event in enumerate(event_texts.beginning(task), BEFORE_ALL_ENTRIES):
            lines.append(_line(number, event["at"], event["what"], event["text"]))
        for entry in listed:
            text = event_texts.sentence(entry, self.workers.get(entry.worker))
            lines.append(_line(entry.number, event_texts.moment(entry.at), entry.what, text))
        for number, event in enumerate(event_texts.end(task, listed), AFTER_ALL_ENTRIES):
            lines.append(_line(number, event["at"], event["what"], event["text"]))
        return lines[::-1]


def _line(number: int, at: datetime, what: str, text: str) -> Line:
    return Line(
        number=number,
        at=at.isoformat(timespec="seconds"),
        label=event_labels.label(what),
        tone=event_labels.tone(what),
        text=text,
    )


def _scale(task: Task, bars: Sequence[Bar], now: int) -> timeline.Scale:
    """From the task's start to its end or to now, and at least as long as its bars."""
    start = int((task.started or task.created).timestamp() * 1000)
    if bars:
        start = min(start, bars[0].start)
    end = int(task.finished.timestamp() * 1000) if task.finished else now
    end = max([end, *(bar.end or 0 for bar in bars)])
    return timeline.scale(start, end, runs=not task.is_final)


# By the status of a contribution: the state of its lamp, and the word.
STATES = {
    states.WORKING: ("lit", "Working"),
    states.LOST: ("lost", "Lost"),
    states.FAILED: ("lost", "Failed"),
    states.DONE: ("ready", "Done"),
}
HUES = 6


def _row(contribution: Contribution, status: str) -> Row:
    state, word = STATES.get(status, ("ready", "Ready"))
    member = contribution.member
    hue = 1 + member.pk.int % HUES if member else 1
    return Row(
        worker=str(contribution.worker_id),
        hue=hue,
        name=contribution.worker.name,
        member=member_name(member),
        state=state,
        word=word,
        started=contribution.started,
        finished=contribution.finished,
        share=round(contribution.share, 1),
        subtasks=contribution.subtasks,
        compute=timeline.span(int(contribution.compute_seconds * 1000)),
        failures=contribution.failures,
        lost=contribution.lost,
        checks=contribution.checks,
        taken_out=contribution.taken_out,
    )


def note(task: Task, stands: TaskProgress) -> Note:
    """Why the task failed or waits, if it does, and whether it had a result that was wrong."""
    if task.status == states.FAILED:
        return Note("bad", "alert", f"It failed. {task.error_message}")
    reason = task_progress.waiting_reason(task, stands)
    if task.withdrawn and not task.is_final:
        return Note("bad", "alert", f"{WITHDRAWN} {reason}".rstrip())
    return Note("wait", "clock", reason) if reason else Note()
