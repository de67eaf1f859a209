"""What a person sees of a worker: a calm table, plain lines, or one JSON object a line."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, TextIO

from firmlight_client.protocol import ALL_GROUPS
from firmlight_client.words import count, one_line
from firmlight_client.worker.actions import SUSPENDED

if TYPE_CHECKING:
    from rich.console import Console

Facts = dict[str, Any]
REDRAW_SECONDS = 0.25
RECENT = 6
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


SENTENCES: dict[str, Callable[[Facts], str]] = {
    "starting": lambda f: f"starting {count(f['slots'], 'slot')} for {f['url']}",
    "connected": _connected,
    "kind_refused": lambda f: f"{f['kind']} {f['here']} is not used: the server has {f['server'] or 'none'}",
    "done": lambda f: f"did {count(f['subtasks'], 'subtask')} of {f['kind']} in {f['seconds']:.3g} s",
    "failed": lambda f: f"subtask {f['subtask']} of {f['kind']} failed: {f['error']}: {one_line(f['message'])}",
    "refused": lambda f: f"a result of {f['kind']} was not needed: {f['reason']}",
    "dropped": lambda f: f"{f['kind']} is no longer wanted here: {f['reason']}",
    "error": lambda f: f"the server says: {f['message']}",
    "resting": _resting,
    "restored": lambda f: f"{count(f['results'], 'result')} of an earlier run to deliver",
    "spool_failed": lambda f: f"results cannot be put on disk, and are kept in memory only: {f['why']}",
    "let_back": lambda f: "let back: work comes again",
    "disconnected": lambda f: f"{f['why'].rstrip('.')}; trying again in {f['seconds']:.2g} s",
    "draining": lambda f: f"finishing {count(f['leases'], 'lease')}: {f['why']}",
    "stopped": lambda f: f"stopped: {f['why']}",
}


class Lines(AbstractContextManager["Lines"]):
    """`--plain` and `--json`: one line an event, flushed at once."""

    def __init__(self, out: TextIO, *, as_json: bool = False) -> None:
        self.out, self.as_json = out, as_json

    def __call__(self, event: str, facts: Facts) -> None:
        now = datetime.now().astimezone()
        if self.as_json:
            self._write(json.dumps({"event": event, "time": now.isoformat(timespec="milliseconds"), **facts}))
        elif words := sentence(event, facts):
            self._write(f"{now:%H:%M:%S} {words}")

    def _write(self, line: str) -> None:
        self.out.write(line + "\n")
        self.out.flush()

    def __exit__(self, *_: object) -> None:
        self.out.flush()


@dataclass
class Picture:
    """What the table shows."""

    state: str = "starting"
    notice: str = ""  # why nothing comes, as long as that holds
    working: dict[str, tuple[str, int]] = field(default_factory=dict)  # lease -> kind, subtasks
    done: int = 0
    failed: int = 0
    seconds: float = 0.0
    recent: list[str] = field(default_factory=list)

    def note(self, event: str, facts: Facts) -> None:
        if event == "leased":
            self.working[facts["lease"]] = facts["kind"], facts["subtasks"]
        elif event in ("done", "dropped"):
            self.working.pop(facts["lease"], None)
        self.done += facts["subtasks"] if event == "done" else 0
        self.seconds += facts["seconds"] if event == "done" else 0
        self.failed += event == "failed"
        words = sentence(event, facts)
        if event in ("let_back", "disconnected"):  # a new connection says it again if it still holds
            self.notice = ""
        if event in ("starting", "connected", "disconnected", "draining", "stopped"):
            self.state = words
        elif event == "error" and facts["code"] == SUSPENDED:
            self.notice = words
        elif words and event != "done":
            self.recent = [*self.recent, f"{datetime.now():%H:%M:%S} {words}"][-RECENT:]


class Live(AbstractContextManager["Live"]):
    """The table, drawn anew REDRAW_SECONDS after something changed, so a busy worker costs no more than a slow one."""

    def __init__(self, console: Console | None = None) -> None:
        from rich.live import Live as RichLive

        self.picture = Picture()
        self.due: asyncio.TimerHandle | None = None  # the next drawing
        self.screen = RichLive(console=console, auto_refresh=False)

    def __enter__(self) -> Live:
        self.screen.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self.screen.update(self._table(), refresh=True)
        self.screen.__exit__(*error)

    def __call__(self, event: str, facts: Facts) -> None:
        self.picture.note(event, facts)
        if self.due is None:
            self.due = asyncio.get_running_loop().call_later(REDRAW_SECONDS, self._draw)

    def _draw(self) -> None:
        self.due = None
        self.screen.update(self._table(), refresh=True)

    def _table(self) -> Any:
        from rich.console import Group
        from rich.panel import Panel
        from rich.text import Text

        picture = self.picture
        work = [f"{kind}: {count(subtasks, 'subtask')}" for kind, subtasks in picture.working.values()]
        figures = f"{picture.done:,} subtasks done in {picture.seconds:,.1f} s of computing, {picture.failed:,} failed"
        lines = ["working on " + ("; ".join(work) or "nothing now"), figures, *picture.recent]
        short = [Text(line, overflow="ellipsis", no_wrap=True) for line in lines]
        notice = [Text(picture.notice, style="bold")] if picture.notice else []
        return Panel(Group(Text(picture.state), *notice, *short), title="firmlight work")


def observer(*, plain: bool, as_json: bool) -> Lines | Live:
    """The view that was asked for; plain lines where there is no terminal."""
    if as_json or plain or not sys.stdout.isatty():
        return Lines(sys.stdout, as_json=as_json)
    return Live()
