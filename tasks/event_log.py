"""What happened to a task: a line for each event of its log, and a bar for each lease. Pure.

The log is the queue's (`record` in `lua/_common.lua`). A lease is *leased* (for the first time),
*again* (what another worker lost or failed) or *copied* (a second time, at the tail); what it owes
becomes *done*, *failed*, *lost*, *released* or *overtaken* (another worker was faster), or is taken
away: what came was a *bad_partial*, or its kind has *kind_changed*. A lease that checks another
owner's result is *leased* like any other, so that nobody knows; afterwards it is *checked*. As long
as the task runs, people are told that it is *done*.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
from msgspec.structs import replace

GRANTED = ("leased", "again", "copied")
# About the task, or a lease that has ended.
WHOLE = (
    *("split", "decided", "confirmed", "rechecked"),
    *("delivered", "withdrawn", "paused", "resumed"),
)


class Entry(msgspec.Struct, array_like=True, frozen=True):
    """One event. `at` in ms since the epoch.

    `lease` is the end of the lease's id, "" if the event is about none.
    """

    number: int
    at: int
    what: str
    worker: str = ""
    lease: str = ""
    subtasks: int = 0
    left: int = 0  # what the lease owes then
    detail: str = ""


class Bar(msgspec.Struct, frozen=True):
    """One lease in time, or several of one worker that followed each other.

    `start` and `end` in ms since the epoch; `end` is None while it runs.
    """

    lease: str  # the end of its id; of several, the first's
    worker: str
    start: int
    end: int | None
    how: str  # leased, again, copied
    # running, done, checked, taken_out, failed, lost, released, overtaken, bad_partial or
    # kind_changed
    outcome: str
    subtasks: int  # granted
    done: int = 0
    leases: int = 1


def as_seen(entries: Iterable[Entry]) -> list[Entry]:
    """What people see of a task that runs: a check is work like any other.

    Of a lease that is not answered to its end they could tell what it is.
    """
    return [replace(entry, what="done") if entry.what == "checked" else entry for entry in entries]


def bars(entries: Iterable[Entry]) -> list[Bar]:
    """A bar for each lease, in the order they were granted.

    Leases that were granted before the log begins have none.
    """
    found: dict[str, Bar] = {}
    for entry in entries:
        draw(found, entry)
    return list(found.values())


def draw(found: dict[str, Bar], entry: Entry) -> None:
    """Add what this entry says to the bars drawn so far, by lease."""
    if entry.what in GRANTED:
        found[entry.lease] = Bar(
            entry.lease, entry.worker, entry.at, None, entry.what, "running", entry.subtasks
        )
    elif entry.lease in found and entry.what not in WHOLE:
        found[entry.lease] = _after(found[entry.lease], entry)


def _after(bar: Bar, entry: Entry) -> Bar:
    """The bar after this event. It ends when nothing is owed; a result that comes later still
    counts for it.
    """
    if entry.what == "taken_out":
        return replace(bar, outcome="taken_out")
    if entry.what in ("done", "checked"):
        bar = replace(bar, done=bar.done + entry.subtasks)
    over = entry.left == 0
    if over:
        bar = replace(bar, end=entry.at)
    if bar.outcome == "taken_out":
        return bar
    # A lease on which a subtask failed stays failed, whatever else becomes of it.
    if bar.outcome == "failed" or entry.what in ("failed", "failed_for_good"):
        return replace(bar, outcome="failed")
    return replace(bar, outcome=entry.what) if over else bar


def reasons(entries: Iterable[Entry]) -> dict[int, str]:
    """{number of a part that was taken out: why}, as far as the log goes back."""
    found = {}
    for entry in entries:
        if entry.what == "taken_out":
            number, why = part_and_reason(entry)
            found[number] = why
    return found


def part_and_reason(entry: Entry) -> tuple[int, str]:
    """Of an entry that says that a part was taken out: the part's number, and why."""
    number, _, why = entry.detail.partition(" ")
    return int(number or -1), why


def thinned(row: Sequence[Bar], most: int) -> list[Bar]:
    """At most about `most` bars: those of a worker that follow each other are joined.

    The closest are joined first. Only what went well is joined, so whatever was lost, failed or
    copied stays a bar of its own.
    """
    gap, kept = 1, list(row)
    while len(kept) > most and gap < 2**45:
        kept, gap = _joined(kept, gap), gap * 4
    return kept


def _joined(row: Sequence[Bar], gap: int) -> list[Bar]:
    """Bars of one worker less than `gap` ms apart made one."""
    last: dict[str, int] = {}
    kept: list[Bar] = []
    for bar in row:
        at = last.get(bar.worker)
        if at is not None and _fits(kept[at], bar, gap):
            kept[at] = _sum(kept[at], bar)
        else:
            last[bar.worker] = len(kept)
            kept.append(bar)
    return kept


def _fits(first: Bar, second: Bar, gap: int) -> bool:
    plain = first.outcome == second.outcome == "done" and first.how == second.how == "leased"
    return plain and first.end is not None and second.start - first.end < gap


def _sum(first: Bar, second: Bar) -> Bar:
    return replace(
        first,
        end=max(first.end or 0, second.end or 0),
        subtasks=first.subtasks + second.subtasks,
        done=first.done + second.done,
        leases=first.leases + second.leases,
    )
