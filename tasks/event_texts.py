"""What happened to a task, in sentences for people."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from django.utils.text import capfirst

from tasks import event_log, states
from tasks.event_log import Entry
from tasks.models import Task, Worker
from tasks.names import FORMER_MEMBER, FORMER_WORKER, worker_name

SENTENCES = {
    "split": "Split into {subtasks}.",
    "leased": "{worker} took {subtasks}.",
    "again": "{worker} took over subtask {detail}.",
    "copied": "{worker} took {subtasks} a second time: their holder is late.",
    "done": "{worker} did {subtasks}.",
    "lost": "{worker} was lost with {subtasks}: others do them.",
    "released": "{worker} gave {subtasks} back.",
    "overtaken": "{worker} was overtaken: another worker did {subtasks} first.",
    "bad_partial": "{worker} sent a malformed result: others compute {subtasks}.",
    "confirmed": "Another member computed {subtasks} of {worker} again, and agreed.",
    "checked": "{worker} computed {subtasks} again, to check them.",
    "rechecked": "Others check {subtasks} that {worker} did before: its owner was wrong.",
    "taken_out": "A result of {worker} was taken out: others compute {subtasks}. {detail}",
    "kind_changed": "{worker} sent a result of another version of the kind: {subtasks} wait again.",
    "failed": "{worker} failed on subtask {detail}.",
    "failed_for_good": "{worker} failed on subtask {detail}. It is not tried again.",
    "decided": "{worker} found what decides the task.",
    "delivered": "The result was delivered, and is being checked.",
    "withdrawn": "The result was withdrawn: a part of it was wrong.",
    "paused": "Paused.",
    "resumed": "Resumed.",
}


def line(entry: Entry, worker: Worker | None) -> dict[str, Any]:
    """One event as {at, what, text, worker, member, subtasks}; `worker` is None if it is gone."""
    return {
        "at": moment(entry.at),
        "what": entry.what,
        "text": sentence(entry, worker),
        **whose(worker),
        "subtasks": entry.subtasks,
    }


def whose(worker: Worker | None) -> dict[str, Any]:
    """{worker, member}, each None if it is gone."""
    named, member = None, None
    if worker:
        named = {"id": str(worker.pk), "name": worker.name}
        if worker.owner:
            member = {"id": str(worker.owner.pk), "username": worker.owner.username}
    return {"worker": named, "member": member}


def moment(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


def sentence(entry: Entry, worker: Worker | None) -> str:
    """What happened; `worker` is the one that did it, None if it is gone."""
    detail = entry.detail
    if entry.what.startswith("failed"):  # "<subtask> <error>"
        detail = detail.replace(" ", ": ", 1)
    if entry.what == "taken_out":
        detail = event_log.part_and_reason(entry)[1]
    name = worker_name(worker) if worker else capfirst(FORMER_WORKER)
    text = SENTENCES[entry.what].format(
        worker=name, subtasks=counted(entry.subtasks), detail=detail
    )
    return text.rstrip()


def counted(subtasks: int) -> str:
    return "1 subtask" if subtasks == 1 else f"{subtasks:,} subtasks"


def beginning(task: Task) -> Iterable[dict[str, Any]]:
    """The events before the first one of its log."""
    creator = task.creator.username if task.creator else capfirst(FORMER_MEMBER)
    yield _plain(task.created, "submitted", f"{creator} submitted it.")
    if task.started:
        yield _plain(task.started, "started", "Its split began.")


def end(task: Task, entries: Iterable[Entry]) -> Iterable[dict[str, Any]]:
    """The event after the last one of its log, if it is over.

    None if the log says itself that its result was delivered.
    """
    told = [entry.what for entry in entries if entry.what in ("delivered", "withdrawn")]
    if not task.finished or (told and told[-1] == "delivered"):
        return
    words = {
        states.SUCCEEDED: "The result is complete.",
        states.FAILED: f"It failed. {task.error_message}",
        states.CANCELLED: "It was cancelled.",
    }
    yield _plain(task.finished, task.status, words[task.status])


def _plain(at: datetime, what: str, text: str) -> dict[str, Any]:
    return {"at": at, "what": what, "text": text, "worker": None, "member": None, "subtasks": 0}
