"""A task's story for people: what happened, in sentences, and who computed when."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from tasks import event_log, states
from tasks.event_log import Bar, Entry
from tasks.models import Task, TaskHistory, Worker
from tasks.queue import history

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
    "kind_changed": "{worker} sent a result of another version of the kind: {subtasks} wait again.",
    "failed": "{worker} failed on subtask {detail}.",
    "failed_for_good": "{worker} failed on subtask {detail}. It is not tried again.",
    "decided": "{worker} found what decides the task.",
    "paused": "Paused.",
    "resumed": "Resumed.",
}


@dataclass(frozen=True)
class Story:
    """`workers` holds those that still exist, by id."""

    entries: list[Entry]
    bars: list[Bar]
    workers: Mapping[str, Worker]


def story(task: Task) -> Story:
    """From Redis while the task lives, from its history afterwards. Two queries."""
    entries, bars = recorded(task) if task.is_final else _live(task)
    ids = {entry.worker for entry in entries} | {bar.worker for bar in bars}
    rows = Worker.objects.filter(pk__in=ids - {""}).select_related("owner")
    return Story(entries, bars, {str(row.pk): row for row in rows})


def _live(task: Task) -> tuple[list[Entry], list[Bar]]:
    entries = history.log(task.group_id, task.pk)
    return entries, event_log.bars(entries)


def recorded(task: Task) -> tuple[list[Entry], list[Bar]]:
    row = TaskHistory.objects.filter(task=task).first()
    if row is None:
        return [], []
    return msgspec.convert(row.entries, list[Entry]), msgspec.convert(row.bars, list[Bar])


def events(task: Task) -> list[dict[str, Any]]:
    """Everything that is known to have happened, the latest first: {at, what, text, worker, member,
    subtasks}.
    """
    told = story(task)
    lines = [*beginning(task), *(_line(entry, told.workers) for entry in told.entries), *end(task)]
    return lines[::-1]  # not by time: the clocks of Redis and of this machine may differ


def _line(entry: Entry, workers: Mapping[str, Worker]) -> dict[str, Any]:
    row = workers.get(entry.worker)
    return {
        "at": moment(entry.at),
        "what": entry.what,
        "text": sentence(entry, who(row)),
        "worker": {"id": str(row.pk), "name": row.name} if row else None,
        "member": {"id": str(row.owner.pk), "username": row.owner.username}
        if row and row.owner
        else None,
        "subtasks": entry.subtasks,
    }


def moment(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


def who(worker: Worker | None) -> str:
    """A worker as people name it."""
    if worker is None:
        return "A former worker"
    return f"{worker.owner.username if worker.owner else 'a former member'} / {worker.name}"


def sentence(entry: Entry, worker: str) -> str:
    detail = entry.detail.replace(" ", ": ", 1) if entry.what.startswith("failed") else entry.detail
    return SENTENCES[entry.what].format(
        worker=worker, subtasks=counted(entry.subtasks), detail=detail
    )


def counted(subtasks: int) -> str:
    return "1 subtask" if subtasks == 1 else f"{subtasks:,} subtasks"


def beginning(task: Task) -> Iterable[dict[str, Any]]:
    yield _plain(task.created, "submitted", f"{task.creator or 'A former member'} submitted it.")
    if task.started:
        yield _plain(task.started, "started", "Its split began.")


def end(task: Task) -> Iterable[dict[str, Any]]:
    if not task.finished:
        return
    words = {
        states.SUCCEEDED: "The result is complete.",
        states.FAILED: f"It failed. {task.error_message}",
        states.CANCELLED: "It was cancelled.",
    }
    yield _plain(task.finished, task.status, words[task.status])


def _plain(at: datetime, what: str, text: str) -> dict[str, Any]:
    return {"at": at, "what": what, "text": text, "worker": None, "member": None, "subtasks": 0}
