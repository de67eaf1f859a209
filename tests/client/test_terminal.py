"""What a person sees of a worker."""

from __future__ import annotations

import asyncio
import io
import json
from typing import Any

from rich.console import Console

from firmlight_client.worker.terminal import REDRAW_SECONDS, Lines, Live

ABOUT = {"lease": "L1", "task": "T1", "kind": "MEAN"}
STORY: list[tuple[str, dict[str, Any]]] = [
    ("starting", {"url": "https://example.org", "slots": 2}),
    ("connected", {"name": "attic", "groups": ["Lab Seven"], "server": "1.0"}),
    ("leased", {**ABOUT, "subtasks": 12}),
    ("failed", {**ABOUT, "subtask": 3, "error": "ValueError", "message": "no"}),
    ("done", {**ABOUT, "subtasks": 11, "seconds": 0.25}),
]


def test_plain_lines_are_sentences() -> None:
    out = io.StringIO()
    with Lines(out) as view:
        for event, facts in STORY:
            view(event, facts)
    assert [line.partition(" ")[2] for line in out.getvalue().splitlines()] == [
        "starting 2 slots for https://example.org",
        "connected as attic, working for Lab Seven",
        "subtask 3 of MEAN failed: ValueError: no",
        "did 11 subtasks of MEAN in 0.25 s",
    ]


def test_json_is_one_object_a_line_with_every_event() -> None:
    out = io.StringIO()
    with Lines(out, as_json=True) as view:
        for event, facts in STORY:
            view(event, facts)
    events = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [event["event"] for event in events] == [event for event, _ in STORY]
    assert events[-1]["seconds"] == 0.25


def test_the_table_shows_the_last_state_even_if_many_events_come_at_once() -> None:
    out = io.StringIO()

    async def scenario() -> None:
        with Live(Console(file=out, force_terminal=True, width=100)) as view:
            for event, facts in STORY:
                view(event, facts)
            await asyncio.sleep(2 * REDRAW_SECONDS)
            drawn = out.getvalue()
            assert "working for Lab Seven" in drawn
            assert "11 subtasks done in 0.2 s of computing, 1 failed" in drawn

    asyncio.run(scenario())
