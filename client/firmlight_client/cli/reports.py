"""How the command line shows tasks and workers. What others wrote goes through `one_line`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from firmlight_client.sdk.task_state import FINAL
from firmlight_client.text import count, member_name, one_line

FAILURES_SHOWN = 5

Row = dict[str, Any]


def task_line(task: Row) -> str:
    """One task of a list."""
    title = one_line(task.get("title") or "")
    known, status, kind = (one_line(str(task[name])) for name in ("id", "status", "kind"))
    return f"{known}  {status:<11} {kind:<14} {title}".rstrip()


def task_report(task: Row) -> str:
    """Where a task stands, in several lines."""
    counts, error = task.get("counts") or {}, task.get("error")
    numbers = ", ".join(f"{number} {state}" for state, number in counts.items())
    lines = [task_line(task), f"{task.get('progress', 0):.0%} done: {numbers}"]
    if task.get("waiting_reason"):
        lines.append(one_line(task["waiting_reason"]))
    if task.get("eta_seconds") is not None:
        lines.append(f"about {task['eta_seconds']:.0f} s to go")
    if error:
        lines.append(one_line(f"{error['code']}: {error['message']}"))
    if checks := checks_line(task):
        lines.append(checks)
    lines += [f"  {_share(row)}" for row in task.get("contributions", [])]
    return "\n".join([*lines, *_failures(task.get("failures") or [])])


def checks_line(task: Row) -> str:
    """How the result was checked, or what is to be checked; "" from a server that says neither."""
    if checked := task.get("verification"):
        return one_line(checked["sentence"])
    if not task.get("verify") or task["status"] in FINAL:
        return ""
    line = f"to be checked: {task['verify']}"
    asked = task.get("verify_asked") or task["verify"]
    return one_line(line if asked == task["verify"] else f"{line}, as the group asks, not {asked}")


def _share(row: Row) -> str:
    who = one_line(f"{member_name(row['member'])} ({row['worker']['name']})")
    line = (
        f"{who}: {count(row['subtasks'], 'subtask')}, "
        f"{row['share']:.1f} %, {row['compute_seconds']:.1f} s"
    )
    # Older servers do not say these.
    said = {"checks": "computed for checks", "lost": "lost", "taken_out": "taken out"}
    return ", ".join(
        [line, *(f"{row[name]} {words}" for name, words in said.items() if row.get(name))]
    )


def _failures(rows: list[Row]) -> list[str]:
    """The last few, oldest first."""
    last = sorted(rows, key=lambda row: row["at"])[-FAILURES_SHOWN:]
    lines = [f"  {failure_line(row)}" for row in last]
    if len(rows) > len(last):
        lines.insert(0, f"the last {len(last)} of {count(len(rows), 'failure')}:")
    return lines


def failure_line(row: Row) -> str:
    """subtask 17 on ben's tower: ValueError: no such thing"""
    what = ": ".join(word for word in (row["error"], row["message"]) if word)
    line = one_line(f"subtask {row['subtask']}{_place(row)}: {what}")
    if row.get("final"):
        line += " (given up)"
    return line


def _place(row: Row) -> str:
    """On which worker it failed, and whose; "" where that is not known."""
    worker, member = row.get("worker"), row.get("member")
    if not worker:
        return ""
    if not member:
        return f" on {worker['name']}"
    return f" on {member['username']}'s {worker['name']}"


def worker_lines(workers: list[Row]) -> list[str]:
    """A table: name, slots, when it was last seen, and why it gets no work if it gets none."""
    if not workers:
        return []
    rows = [("NAME", "SLOTS", "LAST SEEN", "SUSPENDED"), *(_cells(worker) for worker in workers)]
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        lines.append("  ".join(cells).rstrip())
    return lines


def _cells(worker: Row) -> tuple[str, str, str, str]:
    return (
        one_line(worker["name"]),
        str(worker["slots"]),
        _local(worker.get("last_seen")),
        one_line(worker.get("suspended") or ""),
    )


def _local(moment: str | None) -> str:
    """An ISO time by this machine's clock, to the second."""
    if not moment:
        return "never"
    return datetime.fromisoformat(moment).astimezone().strftime("%Y-%m-%d %H:%M:%S")
