"""`firmlight doctor --compute`: whether each slot computes what it should.

Every slot computes the same subtasks at the same time, in a process and a sandbox as for real work.
Of the kinds that come with the client the true partials are known. Of others they are not, so there
the slots are compared with each other.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterator
from itertools import islice
from typing import Any, NamedTuple

import msgspec

from firmlight_client import kinds
from firmlight_client.doctor import known_answers
from firmlight_client.doctor.comparison import Comparison
from firmlight_client.doctor.computing_slot import ComputingSlot, SlotLost, Tally, Work
from firmlight_client.doctor.slots import SAMPLE_SUBTASKS
from firmlight_client.text import one_line
from firmlight_client.worker.slot import wire
from firmlight_client.worker.slot.slot_options import SlotOptions

RIGHT, WRONG, FAILED, UNTESTED = "right", "wrong", "failed", "not tested"
KNOWN, COMPARED = "known answers", "compared"
STOPPED = "stopped before its turn"


class Row(NamedTuple):
    """What was found of one kind on one slot; `slot` is None for what concerns no single one.

    `how` is KNOWN, COMPARED, or "" if nothing was computed. `expected` and `got` are of the first
    wrong answer, a few characters each; if the slots were compared, `expected` is another's answer.
    """

    kind: str
    version: str
    slot: int | None
    state: str
    how: str = ""
    answers: int = 0
    wrong: int = 0
    seconds: float = 0.0  # of computing
    words: str = ""
    expected: str = ""
    got: str = ""


class Check:
    """The whole check. `rows` says what it has found so far, also if `run` was cancelled.

    `on_progress` is called after each lease, with this.
    """

    def __init__(self, slots: int, on_progress: Callable[[Check], None]) -> None:
        self.on_progress = on_progress
        self.works, self.other_rows = _plan(slots)
        self.comparison = Comparison()
        self.count, self.slots = slots, list[ComputingSlot]()

    async def run(self, options: SlotOptions, *, rounds: int = 1, seconds: float = 0.0) -> None:
        """Compute so many rounds at least, and begin further ones for so many seconds."""
        self.slots = [
            ComputingSlot(number, options, self.comparison) for number in range(1, self.count + 1)
        ]
        living = [asyncio.create_task(slot.sample.process.run()) for slot in self.slots]
        try:
            await asyncio.gather(*(_tried(slot, slot.start()) for slot in self.slots))
            until = time.monotonic() + seconds
            ready = [slot for slot in self.slots if not slot.lost]
            computing = (_tried(slot, self._rounds(slot, rounds, until)) for slot in ready)
            await asyncio.gather(*computing)
        finally:
            for slot in self.slots:
                slot.sample.process.close()
            await asyncio.gather(*living)

    async def _rounds(self, slot: ComputingSlot, rounds: int, until: float) -> None:
        done = 0
        while slot.can_go_on and (done < rounds or time.monotonic() < until):
            for work in self.works:
                for _ in range(work.times):
                    await slot.compute(work)
                    self.on_progress(self)
            done += 1

    @property
    def answers(self) -> int:
        return sum(tally.answers for slot in self.slots for tally in slot.tallies.values())

    @property
    def wrong(self) -> int:
        """How many answers were not those that are known."""
        return sum(tally.wrong for slot in self.slots for tally in slot.tallies.values())

    def rows(self) -> Iterator[Row]:
        """What was found, by kind and slot. To be asked for once, at the end."""
        for odd in self.comparison.odd():
            tally = self.slots[odd.slot - 1].tallies[odd.place.kind]
            tally.note_wrong(odd.place.position, odd.difference, odd.times)
        for work in {work.kind.name: work for work in self.works}.values():
            for slot in self.slots:
                yield _row(work, slot)
        yield from self.other_rows


async def _tried(slot: ComputingSlot, what: Coroutine[Any, Any, None]) -> None:
    try:
        await what
    except SlotLost as error:
        slot.lost = str(error)


def _row(work: Work, slot: ComputingSlot) -> Row:
    tally = slot.tallies[work.kind.name]
    state, words = _verdict(tally, slot.lost)
    difference = tally.difference
    return Row(
        work.kind.name,
        work.kind.version,
        slot.number,
        state,
        how=KNOWN if work.expected else COMPARED,
        answers=tally.answers,
        wrong=tally.wrong,
        seconds=round(tally.seconds, 3),
        words=words,
        expected=difference.expected if difference else "",
        got=difference.came if difference else "",
    )


def _verdict(tally: Tally, lost: str) -> tuple[str, str]:
    """State and words."""
    if tally.difference:
        return WRONG, tally.place + (f", at {at}" if (at := tally.difference.place) else "")
    if tally.failure or lost:
        return FAILED, tally.failure or lost
    if not tally.answers:
        return UNTESTED, STOPPED
    return RIGHT, ""


# What there is to compute


def _plan(slots: int) -> tuple[list[Work], list[Row]]:
    """The leases of one round, and what there is to say of kinds that get none."""
    known = known_answers.load()
    works, rows = list[Work](), list[Row]()
    for kind in kinds.listed().values():
        try:
            works += _works(kind, known.get(kind.name), slots)
        except Unfit as unfit:
            rows.append(Row(kind.name, kind.version, None, unfit.state, words=str(unfit)))
    return works, rows


class Unfit(Exception):
    """Of this kind nothing can be computed; the message says why."""

    def __init__(self, words: str, state: str = UNTESTED) -> None:
        super().__init__(words)
        self.state = state


def _works(kind: kinds.Kind, answers: known_answers.Answers | None, slots: int) -> list[Work]:
    """Raises Unfit."""
    if kind.network == "public":
        raise Unfit("it needs the network")
    if answers is None or answers.version != kind.version:
        if not kind.deterministic:
            raise Unfit("no answers are known, and they may be different each time")
        return [_example(kind, slots)]
    try:
        return [_known(kind, lease, answers.times) for lease in answers.leases]
    except known_answers.WrongInput:
        words = "this machine got its input wrong, before any slot had it"
        raise Unfit(words, WRONG) from None


def _known(kind: kinds.Kind, lease: known_answers.Lease, times: int) -> Work:
    payloads = [known_answers.payload(subtask) for subtask in lease.subtasks]
    partials = [bytes.fromhex(subtask.partial) for subtask in lease.subtasks]
    expected = dict(enumerate(partials)) | {wire.COMBINING: bytes.fromhex(lease.combined)}
    return Work(kind, payloads, expected, times)


def _example(kind: kinds.Kind, slots: int) -> Work:
    """The kind's own example, so often that there are two answers to compare."""
    try:
        params = kind.load(kinds.example(kind))
        payloads = [
            msgspec.msgpack.encode(payload)
            for payload in islice(kind.split(params), SAMPLE_SUBTASKS)
        ]
    except kinds.ParamsError:
        payloads = []
    except Exception as error:  # noqa: BLE001  somebody else's code
        raise Unfit(f"its example fails: {type(error).__name__}: {one_line(str(error))}") from None
    if not payloads:
        raise Unfit("no answers are known, and it has no example")
    return Work(kind, payloads, None, times=2 if slots == 1 else 1)
