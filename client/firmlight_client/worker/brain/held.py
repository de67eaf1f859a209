"""What a worker holds: a lease, what is computed of it, and what the server has not yet settled."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import chain

from firmlight_client import protocol
from firmlight_client.worker.slot import wire

Settleable = protocol.Result | protocol.Failure | protocol.Release


@dataclass
class Part:
    """Partials that one report brought. Kept as lists: a lease may have thousands, and most are
    never looked at.
    """

    subtasks: list[int]
    partials: list[bytes]
    seconds: list[float]


@dataclass(eq=False)
class Job:
    """Something for one slot: compute `order` (positions in the lease), fold in the subtasks
    `before`.
    """

    id: int
    held: Held
    order: list[int]
    before: list[int]
    cleared: int = 0  # how many of `order` were reported on
    computed: list[int] = field(default_factory=list)  # subtasks

    @property
    def subtasks(self) -> list[int]:
        """Those that its result is about."""
        return self.before + self.computed

    def subtask(self, position: int) -> int:
        """The subtask at this position of `order`."""
        return self.held.lease.subtasks[self.order[position]]

    def run(self, partial_bytes_max: int) -> wire.Run:
        payloads = self.held.lease.payloads
        if len(self.order) < len(payloads):
            payloads = [payloads[position] for position in self.order]
        before = self.held.partials_of(self.before) if self.before else []
        return wire.Run(self.id, self.held.lease.kind, payloads, before, partial_bytes_max)


@dataclass(eq=False)
class Held:
    """One lease. It may be forgotten once nothing is running and nothing is unsettled."""

    lease: protocol.Lease
    parts: list[Part] = field(default_factory=list)
    unsettled: list[Settleable] = field(default_factory=list)  # in the order sent
    jobs: set[Job] = field(default_factory=set)
    stumbles: int = 0  # deaths of slots that no subtask is to blame for
    restored: bool = False  # of an earlier life: only whole results are left of it

    @property
    def is_over(self) -> bool:
        return not self.jobs and not self.unsettled

    def note(self, job: Job, batch: wire.Batch) -> None:
        """Keep what a slot reported."""
        last = batch.first + len(batch.partials)
        names = self.lease.subtasks
        subtasks = [names[position] for position in job.order[batch.first : last]]
        self.parts.append(Part(subtasks, batch.partials, batch.seconds))
        job.computed += subtasks
        job.cleared = last

    def partials_of(self, subtasks: Iterable[int]) -> list[bytes]:
        own = dict(
            chain.from_iterable(
                zip(part.subtasks, part.partials, strict=True) for part in self.parts
            )
        )
        return [own[subtask] for subtask in subtasks]

    def seconds_of(self, subtasks: list[int]) -> float:
        if len(subtasks) == sum(len(part.subtasks) for part in self.parts):
            return sum(map(sum, (part.seconds for part in self.parts)))
        own = dict(
            chain.from_iterable(
                zip(part.subtasks, part.seconds, strict=True) for part in self.parts
            )
        )
        return sum(own[subtask] for subtask in subtasks)

    def settle(self, subtasks: list[int]) -> Settleable | None:
        """The server has taken what was sent about these; returns that frame."""
        for place, frame in enumerate(self.unsettled):
            if subtasks_of(frame) == subtasks:
                return self.unsettled.pop(place)
        return None

    def refused(self) -> Settleable | None:
        """The frame that a refusal answers: the server answers in the order of the frames."""
        return self.unsettled.pop(0) if self.unsettled else None


def subtasks_of(frame: Settleable) -> list[int]:
    return [frame.subtask] if isinstance(frame, protocol.Failure) else frame.subtasks
