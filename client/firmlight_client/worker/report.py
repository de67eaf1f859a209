"""What a worker reports: a sentence for each event, or one JSON object a line."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, TextIO

from firmlight_client.protocol import ALL_GROUPS
from firmlight_client.text import count, one_line

Facts = dict[str, Any]
SENTENCE_CHARS_MAX = 500


def sentence(event: str, facts: Facts) -> str:
    """One event in words; "" for what is not worth a line."""
    write = SENTENCES.get(event)
    if write is None:
        return ""
    return one_line(write(facts), SENTENCE_CHARS_MAX)


def _connected(facts: Facts) -> str:
    groups = ", ".join(facts["groups"]) or "no group yet"
    return f"connected as {facts['name']}, working for {groups}"


def _kind_refused(facts: Facts) -> str:
    server = facts["server"] or "none"
    return f"{facts['kind']} {facts['here']} is not used: the server has {server}"


def _done(facts: Facts) -> str:
    subtasks = count(facts["subtasks"], "subtask")
    return f"did {subtasks} of {facts['kind']} in {facts['seconds']:.3g} s"


def _failed(facts: Facts) -> str:
    message = one_line(facts["message"])
    return f"subtask {facts['subtask']} of {facts['kind']} failed: {facts['error']}: {message}"


def _dropped(facts: Facts) -> str:
    if facts["reason"] == "bad_partial":
        message = one_line(facts.get("message", ""))
        return f"the server refused a result of {facts['kind']} as malformed: {message}"
    return f"{facts['kind']} is no longer wanted here: {facts['reason']}"


def _resting(facts: Facts) -> str:
    """Why this machine takes less than it could, or that it takes all again."""
    if facts["all"]:
        reasons = dict.fromkeys(facts["resting"].values())  # each once, in order
        return f"resting: {'; '.join(reasons)}"
    parts = []
    if facts["why"]:
        parts.append(f"{count(facts['slots'], 'slot')} at work: {facts['why']}")
    for row, why in facts["resting"].items():
        group = "other groups" if row == ALL_GROUPS else row
        parts.append(f"nothing for {group}: {why}")
    return "; ".join(parts) or "working with all slots"


def _rules(facts: Facts) -> str:
    return " ".join(facts["problems"]) or "each rule fits a group again"


def _disconnected(facts: Facts) -> str:
    return f"{facts['why'].rstrip('.')}; trying again in {facts['seconds']:.2g} s"


def _draining(facts: Facts) -> str:
    """What it waits for before it leaves, and why it leaves."""
    waits = "; ".join(facts.get("waits", ()))
    work = f" ({waits})" if waits else ""
    return f"finishing {count(facts['leases'], 'lease')}{work}: {facts['why']}"


def _sandbox(facts: Facts) -> str:
    """What tasks can get at on this machine."""
    parts = []
    if facts["files"]:
        parts.append(f"tasks are not kept from your files: {facts['files']}")
    if facts["network"]:
        parts.append(f"tasks that need no network are not kept from it: {facts['network']}")
    return "; ".join(parts)


SENTENCES: dict[str, Callable[[Facts], str]] = {
    "starting": lambda facts: f"starting {count(facts['slots'], 'slot')} for {facts['url']}",
    "sandbox": _sandbox,
    "connected": _connected,
    "kind_refused": _kind_refused,
    "done": _done,
    "failed": _failed,
    "refused": lambda facts: f"a result of {facts['kind']} was not needed: {facts['reason']}",
    "dropped": _dropped,
    "error": lambda facts: f"the server says: {facts['message']}",
    "resting": _resting,
    "rules": _rules,
    "not_remembered": lambda facts: (
        f"which groups the names mean cannot be kept on disk: {facts['why']}"
    ),
    "restored": lambda facts: f"{count(facts['results'], 'result')} of an earlier run to deliver",
    "spool_failed": lambda facts: (
        f"results cannot be put on disk, and are kept in memory only: {facts['why']}"
    ),
    "let_back": lambda facts: "let back: work comes again",
    "disconnected": _disconnected,
    "draining": _draining,
    "stopped": lambda facts: f"stopped: {facts['why']}",
}


class Lines(AbstractContextManager["Lines"]):
    """`--plain` and `--json`: one line an event, flushed immediately."""

    def __init__(self, out: TextIO, *, as_json: bool = False) -> None:
        self.out, self.as_json = out, as_json

    def __call__(self, event: str, facts: Facts) -> None:
        now = datetime.now().astimezone()
        if self.as_json:
            time = now.isoformat(timespec="milliseconds")
            self._write(json.dumps({"event": event, "time": time, **facts}))
            return
        words = sentence(event, facts)
        if words:
            self._write(f"{now:%H:%M:%S} {words}")

    def _write(self, line: str) -> None:
        self.out.write(line + "\n")
        self.out.flush()

    def __exit__(self, *_: object) -> None:
        self.out.flush()
