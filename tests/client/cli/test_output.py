"""What others wrote reaches the terminal harmlessly."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

import firmlight_client
from firmlight_client.cli.output import say
from firmlight_client.cli.reports import task_line, task_report, worker_lines
from firmlight_client.cli.status import table
from firmlight_client.errors import TaskFailed, api_error
from firmlight_client.text import first_unseen
from firmlight_client.worker import report

ESC = "\x1b]0;owned\x07\x1b[2J"
EVIL = f"a{ESC}\u202eb\r\x9b1mc\u200b"
CLIENT = Path(firmlight_client.__file__).parent
PRINTS = re.compile(r"typer\.echo\(|(?<![\w.])print\(|rich\.print|console\.print\(", re.I)
TASK: dict[str, Any] = {
    "id": EVIL,
    "status": EVIL,
    "kind": EVIL,
    "title": EVIL,
    "progress": 0.5,
    "counts": {"done": 1},
    "waiting_reason": EVIL,
    "error": {"code": EVIL, "message": EVIL},
    "contributions": [
        {
            "worker": {"name": EVIL},
            "member": {"username": EVIL},
            "subtasks": 1,
            "share": 1.0,
            "compute_seconds": 1.0,
            "lost": 0,
        }
    ],
    "failures": [
        {
            "at": "2026-01-01",
            "subtask": 1,
            "worker": {"name": EVIL},
            "member": {"username": EVIL},
            "error": EVIL,
            "message": EVIL,
        }
    ],
}


def test_a_command_prints_it_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    say(f"one\n\t{EVIL}")
    out = capsys.readouterr().out
    assert out == ("one\n\ta\\u001b]0;owned\\u0007\\u001b[2J\\u202eb\\u000d\\u009b1mc\\u200b\n")


def test_json_stays_json(capsys: pytest.CaptureFixture[str]) -> None:
    say(json.dumps({"title": f"{EVIL}\x7f"}))
    out = capsys.readouterr().out
    assert json.loads(out) == {"title": f"{EVIL}\x7f"}
    assert not first_unseen(out.strip())


def test_tasks_and_workers_are_shown_without_it() -> None:
    worker = {"name": EVIL, "slots": 1, "last_seen": None, "suspended": EVIL}
    for text in (task_line(TASK), task_report(TASK), "\n".join(worker_lines([worker]))):
        assert not first_unseen(text, several_lines=True)
        assert "\r" not in text


def test_the_table_of_tasks_obeys_neither_controls_nor_markup() -> None:
    out = io.StringIO()
    row = {**TASK, "kind": "[red]K[/red]", "status": "[/]"}
    Console(file=out, width=300, force_terminal=False).print(table([row]))
    assert not first_unseen(out.getvalue(), several_lines=True)
    assert "[red]K[/red]" in out.getvalue()


def test_every_event_of_a_worker_is_one_harmless_line() -> None:
    facts = {
        "groups": [EVIL],
        "name": EVIL,
        "server": EVIL,
        "kind": EVIL,
        "here": EVIL,
        "error": EVIL,
        "message": EVIL,
        "reason": EVIL,
        "why": EVIL,
        "resting": {EVIL: EVIL},
        "all": False,
        "slots": 1,
        "subtasks": 1,
        "subtask": 1,
        "seconds": 1.0,
        "leases": 1,
        "waits": [EVIL],
        "problems": [EVIL],
        "results": 1,
        "url": EVIL,
        "files": EVIL,
        "network": EVIL,
    }
    for event in report.SENTENCES:
        assert not first_unseen(report.sentence(event, facts)), event


def test_the_text_of_an_error_is_printable() -> None:
    refused = api_error(400, {"code": "invalid", "message": EVIL, "fields": {"title": [EVIL]}})
    for error in (refused, TaskFailed("T1", "failed", EVIL)):
        assert not first_unseen(str(error))
    assert refused.message == EVIL


def test_nothing_else_of_the_client_prints() -> None:
    """Every other place goes through `say`, a `one_line` or a Text of rich."""
    own = {"cli/output.py", "cli/status.py"}
    for path in sorted(CLIENT.rglob("*.py")):
        where = path.relative_to(CLIENT).as_posix()
        code = re.sub(r'""".*?"""', "", path.read_text(encoding="utf-8"), flags=re.S)
        if where not in own:
            assert not PRINTS.search(code), where
