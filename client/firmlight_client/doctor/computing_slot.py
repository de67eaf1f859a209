"""One slot that computes lease after lease, and what of it was right."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from firmlight_client import kinds
from firmlight_client.doctor.answers import difference, is_same
from firmlight_client.doctor.comparison import Comparison
from firmlight_client.doctor.slots import PARTIAL_BYTES_MAX, SLOT_SECONDS_MAX, SampleSlot
from firmlight_client.kinds.differences import Difference
from firmlight_client.text import count, one_line
from firmlight_client.worker.slot import wire
from firmlight_client.worker.slot.events import Broken, Death, SlotEvent
from firmlight_client.worker.slot.slot_options import SlotOptions

SUBTASK_SECONDS_MAX = 60.0
ANSWER_SECONDS_MAX = 2 * SUBTASK_SECONDS_MAX + SLOT_SECONDS_MAX
HANDED_OVER_MAX = 3  # how often a slot gets one lease if its process ends before it begins


@dataclass(frozen=True)
class Work:
    """One lease as each slot gets it.

    `expected` are the true partials by position, wire.COMBINING for all in one. None: nobody knows.
    """

    kind: kinds.Kind
    payloads: list[bytes]
    expected: dict[int, bytes] | None
    times: int  # in each round


@dataclass
class Tally:
    """One kind on one slot. `place` and `difference` are those of the first wrong answer."""

    answers: int = 0
    wrong: int = 0
    seconds: float = 0.0  # of computing
    place: str = ""
    difference: Difference | None = None
    failure: str = ""  # the first one

    def note_wrong(self, position: int, difference: Difference, times: int = 1) -> None:
        self.wrong += times
        if self.difference is None:
            self.place, self.difference = place(position), difference

    def note_failure(self, words: str) -> None:
        self.failure = self.failure or words


class SlotLost(Exception):
    """The slot cannot go on; the message says why."""


class ComputingSlot:
    """A slot in a process and a sandbox as for real work. Slots count from 1."""

    def __init__(self, number: int, options: SlotOptions, comparison: Comparison) -> None:
        self.number, self.comparison = number, comparison
        self.sample = SampleSlot(options, number)
        self.tallies: defaultdict[str, Tally] = defaultdict(Tally)
        self.kinds: dict[str, str] = {}  # name to version, as its process finds them
        self.lost = ""  # why it could not go on
        self.job = 0

    async def start(self) -> None:
        """Wait until its process is ready. Raises SlotLost."""
        match await self._next(SLOT_SECONDS_MAX):
            case wire.Started(kinds=found):
                self.kinds = found
            case Broken(message=message):
                raise SlotLost(message)
            case _:
                raise SlotLost("a slot ends as soon as it starts")

    async def compute(self, work: Work) -> None:
        """Compute one lease, unless one of this kind has failed before. Raises SlotLost."""
        tally = self.tallies[work.kind.name]
        if self.kinds.get(work.kind.name) != work.kind.version:
            tally.note_failure("its process does not find this version of the kind")
        for _ in range(HANDED_OVER_MAX):
            if tally.failure or await self._has_computed(work, tally):
                return
        tally.note_failure("its process ends before it computes anything")

    @property
    def can_go_on(self) -> bool:
        """Whether some kind has not failed yet."""
        return not self.tallies or any(not tally.failure for tally in self.tallies.values())

    async def _next(self, seconds: float) -> SlotEvent:
        try:
            return await self.sample.next_event(seconds)
        except TimeoutError:
            raise SlotLost(f"it did not answer within {seconds:.0f} s") from None

    async def _has_computed(self, work: Work, tally: Tally) -> bool:
        """Hand the lease over and judge all that comes of it; False if it was never begun.

        A process that has little memory left ends after a lease, and the next one takes over.
        """
        self.job += 1
        reported = 0
        run = wire.Run(self.job, work.kind.name, work.payloads, [], PARTIAL_BYTES_MAX)
        self.sample.process.start(run, SUBTASK_SECONDS_MAX)
        while True:
            match await self._next(ANSWER_SECONDS_MAX):
                case wire.Batch(job=self.job) as batch:
                    reported += len(batch.partials)
                    self._judge_batch(work, tally, batch)
                case wire.Raised(job=self.job) as raised:
                    reported += 1
                    words = f"{raised.error}: {one_line(raised.message)}"
                    tally.note_failure(f"{place(raised.position)}: {words}")
                case wire.Finished(job=self.job) as finished:
                    self._judge_end(work, tally, finished, reported)
                    return True
                case Death(position=wire.IDLE):
                    await self.start()
                    return False
                case Death() as death:
                    words = one_line(death.message)
                    tally.note_failure(f"{place(death.position)} {death.error}: {words}")
                    await self.start()
                    return True
                case Broken(message=message):
                    raise SlotLost(message)

    def _judge_batch(self, work: Work, tally: Tally, batch: wire.Batch) -> None:
        tally.seconds += sum(batch.seconds)
        for position, partial in enumerate(batch.partials, batch.first):
            self._judge(work, tally, position, partial)

    def _judge_end(self, work: Work, tally: Tally, end: wire.Finished, reported: int) -> None:
        if end.error:
            tally.note_failure(f"combining failed: {end.error}")
        if end.partial is not None:
            self._judge(work, tally, wire.COMBINING, end.partial)
        if work.expected and reported < len(work.payloads):
            # It found, wrongly, that the task is decided.
            wanted = count(len(work.payloads), "subtask")
            tally.note_failure(f"it computed only {reported} of {wanted}")

    def _judge(self, work: Work, tally: Tally, position: int, partial: bytes) -> None:
        tally.answers += 1
        if work.expected is None:
            self.comparison.add(work.kind, position, self.number, partial)
        elif not is_same(work.kind, work.expected[position], partial):
            tally.note_wrong(position, difference(work.expected[position], partial))


def place(position: int) -> str:
    """A position in words."""
    return "the combined partial" if position == wire.COMBINING else f"subtask {position + 1}"
