"""The doctor's check of slots: start one as the worker does, and run the example of every kind."""

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
from firmlight_client.worker.slot.events import Broken, Death, SlotEvent
from firmlight_client.worker.slot.processes import SlotProcess
from firmlight_client.worker.slot.sandbox import may_hide
from firmlight_client.worker.slot.slot_options import SlotOptions

FINE, NOTE, BAD = "ok", "note", "bad"
SLOT_SECONDS_MAX = 30.0
SAMPLE_SUBTASKS, SAMPLE_SECONDS_MAX = 20, 20.0
PARTIAL_BYTES_MAX = 8 * 2**20


class Finding(NamedTuple):
    """What one check found. `state` is FINE, NOTE or BAD."""

    check: str
    state: str
    words: str


class SampleSlot:
    """One slot as the worker has them, and the events that it reports."""

    def __init__(self, options: SlotOptions, number: int = 0) -> None:
        self.events: asyncio.Queue[SlotEvent] = asyncio.Queue()
        hidden = may_hide(session.home())
        self.process = SlotProcess(number, self._heard, options=options, hidden=hidden)

    def _heard(self, slot: int, event: SlotEvent) -> None:
        self.events.put_nowait(event)

    async def next_event(self, seconds: float) -> SlotEvent:
        return await asyncio.wait_for(self.events.get(), seconds)

    async def run_example(self, kind: kinds.Kind) -> str:
        """How fast the slot computes the kind's own example, in words."""
        params = kind.load(kinds.example(kind))
        payloads = [
            msgspec.msgpack.encode(payload)
            for payload in islice(kind.split(params), SAMPLE_SUBTASKS)
        ]
        run = wire.Run(1, kind.name, payloads, [], PARTIAL_BYTES_MAX)
        self.process.start(run, SAMPLE_SECONDS_MAX)
        done, seconds = 0, 0.0
        while True:
            event = await self.next_event(SAMPLE_SECONDS_MAX)
            match event:
                case wire.Batch():
                    done += len(event.partials)
                    seconds += sum(event.seconds)
                case wire.Raised():
                    return f"its example fails: {event.error}: {one_line(event.message)}"
                case wire.Finished():
                    subtasks = count(done, "subtask")
                    return f"{subtasks} of its example in {seconds * 1000:.3g} ms"
                case Death():
                    await self.next_event(SLOT_SECONDS_MAX)  # the next process has started
                    return f"its example {event.error}: {event.message}"


async def look() -> list[Finding]:
    """Start one as the worker does, and let each kind that needs no network run its example."""
    sample, began, found = SampleSlot(_options()), time.monotonic(), list[Finding]()
    living = asyncio.create_task(sample.process.run())
    try:
        first = await sample.next_event(SLOT_SECONDS_MAX)
        match first:
            case wire.Started():
                found += _sandbox(first, time.monotonic() - began)
                for kind in kinds.listed().values():
                    found.append(await _speed(sample, kind, public=kind.name in first.public))
            case Broken():
                found.append(Finding("slots", BAD, first.message))
            case _:
                found.append(Finding("slots", BAD, "a slot ends as soon as it starts"))
    except TimeoutError:
        words = f"a slot did not answer within {SLOT_SECONDS_MAX:.0f} s"
        found.append(Finding("slots", BAD, words))
    finally:
        sample.process.close()
        await living
    return found


def _options() -> SlotOptions:
    """As the owner's rules have them; a file that cannot be read is another check's finding."""
    with contextlib.suppress(rules.BadConsent):
        return rules.load(session.home()).plain.slot_options(public=False)
    return SlotOptions()


def _sandbox(started: wire.Started, seconds: float) -> list[Finding]:
    limits = "no limit of memory is kept on this system"
    if sys.platform == "linux":
        limits = "limits are kept"
    slots = Finding("slots", FINE, f"start in {seconds:.2f} s; {limits}")
    fence = started.fence
    files = "tasks see programs and Python, none of your files, and write to their own folder only"
    found = Finding("sandbox", FINE, files)
    if fence.files:
        advice = "What is open to you is open to tasks; run the worker as a user of its own."
        found = Finding(
            "sandbox", NOTE, f"tasks are not kept from your files: {fence.files}. {advice}"
        )
    network = Finding("network", FINE, "tasks that need no network have none")
    if fence.network:
        words = f"tasks that need no network are not kept from it: {fence.network}"
        network = Finding("network", NOTE, words)
    return [slots, found, network]


async def _speed(sample: SampleSlot, kind: kinds.Kind, *, public: bool) -> Finding:
    label = f"{kind.name} {kind.version}: "
    if public:
        return Finding("kind", FINE, label + "needs the network, not tried")
    try:
        return Finding("kind", FINE, label + await sample.run_example(kind))
    except kinds.ParamsError:
        return Finding("kind", FINE, label + "has no example to try")
