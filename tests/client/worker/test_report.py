"""What a person sees of a worker."""

from __future__ import annotations

import asyncio
import io
import json
import random
from datetime import date, datetime
from typing import Any
from unittest.mock import ANY

import msgspec
import pytest
from rich.console import Console

from firmlight_client import protocol
from firmlight_client.worker.brain.brain import Brain, Config
from firmlight_client.worker.brain.slots import Slots
from firmlight_client.worker.dashboard import (
    RECENT,
    REDRAW_SECONDS,
    SLOTS_SHOWN,
    Dashboard,
    Picture,
    span_of,
)
from firmlight_client.worker.report import Lines, sentence
from firmlight_client.worker.slot import wire
from tests.client.worker.brain.test_brain import lease, welcome

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
        with Dashboard(Console(file=out, force_terminal=True, width=100)) as view:
            for event, facts in STORY:
                view(event, facts)
            await asyncio.sleep(2 * REDRAW_SECONDS)
            drawn = out.getvalue()
            assert "Lab Seven" in drawn
            assert "11 subtasks in 0.25 s of computing, 1 failed" in drawn

    asyncio.run(scenario())


SUSPENDED = (
    "error",
    {"code": "suspended", "message": "This worker failed on tasks of three people in a row."},
)
GONE = ("disconnected", {"why": "You connect too often.", "code": 4429, "seconds": 41.7})


def picture_of(*events: tuple[str, dict[str, Any]]) -> Picture:
    picture = Picture()
    for event, facts in events:
        picture.note(event, facts)
    return picture


def test_a_suspension_stays_in_sight_until_work_comes_again_or_the_line_ends() -> None:
    connected = STORY[1]
    noise = [
        ("failed", {**ABOUT, "subtask": n, "error": "E", "message": "m"}) for n in range(2 * RECENT)
    ]
    said = "the server says: This worker failed on tasks of three people in a row."
    assert picture_of(connected, SUSPENDED, *noise).notice == said
    assert picture_of(SUSPENDED, connected).notice == said
    assert picture_of(connected, SUSPENDED, ("let_back", {})).notice == ""
    assert picture_of(connected, SUSPENDED, GONE, connected).notice == ""
    assert picture_of(connected, SUSPENDED, GONE, connected, SUSPENDED).notice == said
    assert picture_of(connected, GONE).state == "You connect too often; trying again in 42 s"


def test_a_suspension_is_shown_whole_in_every_view() -> None:
    plain, as_json, drawn = io.StringIO(), io.StringIO(), io.StringIO()

    async def scenario() -> None:
        with (
            Lines(plain) as one,
            Lines(as_json, as_json=True) as two,
            Dashboard(Console(file=drawn, force_terminal=True, width=60)) as three,
        ):
            for view in (one, two, three):
                view(*SUSPENDED)

    asyncio.run(scenario())
    message = SUSPENDED[1]["message"]
    assert message in plain.getvalue()
    assert json.loads(as_json.getvalue()) == {"event": "error", **SUSPENDED[1], "time": ANY}
    assert all(word in drawn.getvalue() for word in message.split())


def test_words_of_strangers_stay_on_their_line() -> None:
    message = "two\nlines\x1b[2J and \u202e a long tail" + "!" * 1000
    out = io.StringIO()
    with Lines(out) as view:
        view("failed", {**ABOUT, "subtask": 3, "error": "ValueError", "message": message})
    (line,) = out.getvalue().splitlines()
    assert "ValueError: two lines [2J and a long tail!" in line
    assert len(line) < 300


def slots_of(slots: int, *leases: protocol.Lease) -> Slots:
    """The slots of a connected brain; the first of them work on these leases."""
    brain = Brain(Config("w", slots, [], "0", ""), random.Random(0))
    for slot in range(slots):
        brain.heard(slot, wire.Started({"K": "1"}))
    brain.connected()
    brain.received(welcome([]), 0.0)
    for each in leases:
        brain.received(each, 0.0)
    return brain.slots


def test_each_slot_is_shown_with_what_it_does_and_since_when() -> None:
    picture = Picture(
        slots=slots_of(3, msgspec.structs.replace(lease("L1", 1234), group_name="Lab\x1b[2J Seven"))
    )
    one, two, three = picture.rows()
    assert one[:3] == ("1", "K for Lab [2J Seven", "1,234")
    assert datetime.strptime(one[3], "%H:%M:%S")
    assert (two, three) == (("2", "idle", "", ""), ("3", "idle", "", ""))
    assert picture.rows()[0] == one  # since then, not since now


def test_many_slots_are_counted_together() -> None:
    picture = Picture(slots=slots_of(SLOTS_SHOWN + 4, lease("L1"), lease("L2")))
    rows = picture.rows()
    assert len(rows) == SLOTS_SHOWN + 1
    assert rows[-1][1] == f"2 of {SLOTS_SHOWN + 4} slots at work"


def test_nothing_is_drawn_while_nothing_happens() -> None:
    out = io.StringIO()

    async def scenario() -> None:
        with Dashboard(Console(file=out, force_terminal=True, width=80)) as view:
            view.watch(slots_of(1))
            view(*STORY[1])
            await asyncio.sleep(2 * REDRAW_SECONDS)
            drawn = out.getvalue()
            view._draw()
            view._draw()
            assert out.getvalue() == drawn

    asyncio.run(scenario())


def test_the_day_ends_at_midnight() -> None:
    picture = picture_of(*STORY)
    assert picture.today.done == 11
    picture.today.day = date(2000, 1, 1)
    picture.note(*STORY[-1])
    assert (picture.today.done, picture.today.failed) == (11, 0)


def test_why_it_rests_stays_in_sight_until_it_works_again() -> None:
    rests = ("resting", {"resting": {"*": "on battery"}, "all": True, "slots": 2, "why": ""})
    fewer = (
        "resting",
        {"resting": {}, "all": False, "slots": 1, "why": "others need it (1.2 of 2)"},
    )
    again = ("resting", {"resting": {}, "all": False, "slots": 2, "why": ""})
    assert picture_of(rests).resting == "resting: on battery"
    assert picture_of(rests, fewer).resting == "1 slot at work: others need it (1.2 of 2)"
    assert picture_of(rests, again).resting == ""


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.25, "0.25 s"), (119, "119 s"), (180, "3 min"), (36000, "10.0 h")]
)
def test_spans(seconds: float, words: str) -> None:
    assert span_of(seconds) == words


def test_what_the_sandbox_does_not_keep_out_is_said_in_words() -> None:
    facts = {"files": "darwin offers no way to do it", "network": ""}
    assert sentence("sandbox", facts) == (
        "tasks are not kept from your files: darwin offers no way to do it"
    )
    both = sentence("sandbox", {"files": "no Landlock", "network": "no namespaces"})
    assert both == (
        "tasks are not kept from your files: no Landlock; "
        "tasks that need no network are not kept from it: no namespaces"
    )
