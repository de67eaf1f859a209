"""The doctor's look at slots: one is started as the worker does it, and does the example of every
kind.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from itertools import islice
from typing import NamedTuple

import msgspec

from firmlight_client import kinds
from firmlight_client.auth import session
from firmlight_client.text import count, one_line
from firmlight_client.worker.consent import rules
from firmlight_client.worker.slot import wire
from firmlight_client.worker.slot.processes import Broken, Death, SlotEvent, SlotProcess
from firmlight_client.worker.slot.sandbox import may_hide
from firmlight_client.worker.slot.slot_options import Mode

FINE, NOTE, BAD = "ok", "note", "bad"
SLOT_SECONDS_MAX = 30.0
SAMPLE_SUBTASKS, SAMPLE_SECONDS_MAX = 20, 20.0
PARTIAL_BYTES_MAX = 8 * 2**20


class Finding(NamedTuple):
    check: str
    state: str
    words: str


class Sample:
    """One slot, and what it brings."""

    def __init__(self, mode: Mode) -> None:
        self.events: asyncio.Queue[SlotEvent] = asyncio.Queue()
        hidden = may_hide(session.home())
        self.slot = SlotProcess(
            0, lambda _, event: self.events.put_nowait(event), mode=mode, hidden=hidden
        )

    async def next(self, seconds: float) -> SlotEvent:
        return await asyncio.wait_for(self.events.get(), seconds)

    async def time(self, kind: kinds.Kind) -> str:
        """How fast it does its own example, in words."""
        payloads = [
            msgspec.msgpack.encode(each)
            for each in islice(kind.split(kind.load(kinds.example(kind))), SAMPLE_SUBTASKS)
        ]
        self.slot.start(wire.Run(1, kind.name, payloads, [], PARTIAL_BYTES_MAX), SAMPLE_SECONDS_MAX)
        done, seconds = 0, 0.0
        while not isinstance(event := await self.next(SAMPLE_SECONDS_MAX), wire.Finished | Death):
            if isinstance(event, wire.Raised):
                return f"its example fails: {event.error}: {one_line(event.message)}"
            if isinstance(event, wire.Batch):
                done, seconds = done + len(event.partials), seconds + sum(event.seconds)
        if isinstance(event, Death):
            await self.next(SLOT_SECONDS_MAX)
            return f"its example {event.error}: {event.message}"
        return f"{count(done, 'subtask')} of its example in {seconds * 1000:.3g} ms"


async def look() -> list[Finding]:
    """Start one as the worker does, and let each kind that needs no network do its example."""
    sample, started, found = Sample(_mode()), time.monotonic(), list[Finding]()
    living = asyncio.create_task(sample.slot.run())
    try:
        first = await sample.next(SLOT_SECONDS_MAX)
        if isinstance(first, wire.Started):
            found += _fence(first, time.monotonic() - started)
            found += [
                await _speed(sample, kind, kind.name in first.public)
                for kind in kinds.listed().values()
            ]
        else:
            found.append(
                Finding(
                    "slots",
                    BAD,
                    first.message if isinstance(first, Broken) else "a slot ends at once",
                )
            )
    except TimeoutError:
        found.append(
            Finding("slots", BAD, f"a slot did not answer within {SLOT_SECONDS_MAX:.0f} s")
        )
    finally:
        sample.slot.close()
        await living
    return found


def _mode() -> Mode:
    with contextlib.suppress(rules.BadConsent):
        return rules.load(session.home()).plain.mode(public=False)
    return Mode()


def _fence(started: wire.Started, seconds: float) -> list[Finding]:
    limited = (
        "limits are kept"
        if sys.platform == "linux"
        else "no limit of memory is kept on this system"
    )
    slots = Finding("slots", FINE, f"start in {seconds:.2f} s; {limited}")
    if started.unfenced:
        why = f"none: {started.unfenced}. Tasks run with your rights; run the worker as a user of its own."
        return [slots, Finding("fence", NOTE, why)]
    home = session.home()
    hidden = (
        f"tasks could read {home}"
        if home.is_dir() and not may_hide(home)
        else "your tokens are out of sight"
    )
    return [slots, Finding("fence", FINE, f"who needs no network has none; {hidden}")]


async def _speed(sample: Sample, kind: kinds.Kind, public: bool) -> Finding:
    label = f"{kind.name} {kind.version}: "
    if public:
        return Finding("kind", FINE, label + "needs the network, not tried")
    try:
        return Finding("kind", FINE, label + await sample.time(kind))
    except kinds.ParamsError:
        return Finding("kind", FINE, label + "has no example to try")
