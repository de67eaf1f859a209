"""What a worker says of itself: in sentences, or one JSON object a line. `screen` is the calm table
of a terminal.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from typing import TYPE_CHECKING, Any, TextIO

from firmlight_client.protocol import ALL_GROUPS
from firmlight_client.text import count, one_line

if TYPE_CHECKING:
    from firmlight_client.worker.dashboard import Live

Facts = dict[str, Any]
SENTENCE_CHARS_MAX = 500


def sentence(event: str, facts: Facts) -> str:
    """One event in words; "" for what is not worth a line."""
    writer = SENTENCES.get(event)
    return one_line(writer(facts), SENTENCE_CHARS_MAX) if writer else ""


def _connected(facts: Facts) -> str:
    groups = ", ".join(facts["groups"]) or "no group yet"
    return f"connected as {facts['name']}, working for {groups}"


def _resting(facts: Facts) -> str:
    """Why this machine takes less than it could, or that it takes all again."""
    if facts["all"]:
        return f"resting: {'; '.join(dict.fromkeys(facts['resting'].values()))}"
    parts = [f"{count(facts['slots'], 'slot')} at work: {facts['why']}"] if facts["why"] else []
    for name, why in facts["resting"].items():
        parts.append(f"nothing for {'other groups' if name == ALL_GROUPS else name}: {why}")
    return "; ".join(parts) or "working with all slots"


def _draining(facts: Facts) -> str:
    """What it waits for before it leaves, and why it leaves."""
    waits = "; ".join(facts.get("waits", ()))
    return f"finishing {count(facts['leases'], 'lease')}{f' ({waits})' if waits else ''}: {facts['why']}"


def _dropped(facts: Facts) -> str:
    if facts["reason"] == "bad_partial":
        return f"the server refused a result of {facts['kind']} as malformed: {one_line(facts.get('message', ''))}"
    return f"{facts['kind']} is no longer wanted here: {facts['reason']}"


SENTENCES: dict[str, Callable[[Facts], str]] = {
    "starting": lambda f: f"starting {count(f['slots'], 'slot')} for {f['url']}",
    "connected": _connected,
    "kind_refused": lambda f: (
        f"{f['kind']} {f['here']} is not used: the server has {f['server'] or 'none'}"
    ),
    "done": lambda f: (
        f"did {count(f['subtasks'], 'subtask')} of {f['kind']} in {f['seconds']:.3g} s"
    ),
    "failed": lambda f: (
        f"subtask {f['subtask']} of {f['kind']} failed: {f['error']}: {one_line(f['message'])}"
    ),
    "refused": lambda f: f"a result of {f['kind']} was not needed: {f['reason']}",
    "dropped": _dropped,
    "error": lambda f: f"the server says: {f['message']}",
    "resting": _resting,
    "rules": lambda f: " ".join(f["problems"]) or "each rule fits a group again",
    "not_remembered": lambda f: f"which groups the names mean cannot be kept on disk: {f['why']}",
    "restored": lambda f: f"{count(f['results'], 'result')} of an earlier run to deliver",
    "spool_failed": lambda f: (
        f"results cannot be put on disk, and are kept in memory only: {f['why']}"
    ),
    "let_back": lambda f: "let back: work comes again",
    "disconnected": lambda f: f"{f['why'].rstrip('.')}; trying again in {f['seconds']:.2g} s",
    "draining": _draining,
    "stopped": lambda f: f"stopped: {f['why']}",
}


class Lines(AbstractContextManager["Lines"]):
    """`--plain` and `--json`: one line an event, flushed at once."""

    def __init__(self, out: TextIO, *, as_json: bool = False) -> None:
        self.out, self.as_json = out, as_json

    def __call__(self, event: str, facts: Facts) -> None:
        now = datetime.now().astimezone()
        if self.as_json:
            self._write(
                json.dumps(
                    {"event": event, "time": now.isoformat(timespec="milliseconds"), **facts}
                )
            )
        elif words := sentence(event, facts):
            self._write(f"{now:%H:%M:%S} {words}")

    def _write(self, line: str) -> None:
        self.out.write(line + "\n")
        self.out.flush()

    def __exit__(self, *_: object) -> None:
        self.out.flush()


def observer(*, plain: bool, as_json: bool) -> Lines | Live:
    """The view that was asked for; plain lines where there is no terminal."""
    if as_json or plain or not sys.stdout.isatty():
        return Lines(sys.stdout, as_json=as_json)
    from firmlight_client.worker.dashboard import Live

    return Live()
