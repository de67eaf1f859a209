"""The leases that this worker holds, and the jobs that are made of them.

A lease is held until none of its jobs is left and the server has settled everything that was sent
about it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import chain, count

from firmlight_client import protocol
from firmlight_client.worker.slot import wire

Settleable = protocol.Result | protocol.Failure | protocol.Release


@dataclass
class Part:
    """What one report of a slot brought.

    Kept as lists: a lease may have thousands of partials, and most are never looked at.
    """

    subtasks: list[int]
    partials: list[bytes]
    seconds: list[float]


@dataclass(eq=False)
class Job:
    """Work for one slot: compute `order`, then combine the result with the subtasks `before`.

    `order` are positions in the lease; `before` are subtasks that were computed earlier.
    """

    id: int
    held: HeldLease
    order: list[int]
    before: list[int]
    cleared: int = 0  # how many of `order` were reported on
    computed: list[int] = field(default_factory=list)  # subtasks

    @property
    def subtasks(self) -> list[int]:
        """The subtasks that its result is about."""
        return self.before + self.computed

    @property
    def left(self) -> list[int]:
        """The subtasks that were not reported on."""
        return self.held.subtasks_at(self.order[self.cleared :])

    def subtask(self, position: int) -> int:
        """The subtask at this position of `order`."""
        return self.held.lease.subtasks[self.order[position]]

    def run(self, partial_bytes_max: int) -> wire.Run:
        """The job as it is sent to the slot."""
        payloads = self.held.lease.payloads
        if len(self.order) < len(payloads):
            payloads = [payloads[position] for position in self.order]
        before = self.held.partials_of(self.before) if self.before else []
        return wire.Run(self.id, self.held.lease.kind, payloads, before, partial_bytes_max)


@dataclass(eq=False)
class HeldLease:
    """One lease, what was computed of it, and what the server has not settled yet."""

    lease: protocol.Lease
    parts: list[Part] = field(default_factory=list)
    unsettled: list[Settleable] = field(default_factory=list)  # in the order sent
    jobs: set[Job] = field(default_factory=set)
    stumbles: int = 0  # deaths of slots that no subtask is to blame for
    restored: bool = False  # from an earlier run: only whole results are left of it

    @property
    def is_over(self) -> bool:
        return not self.jobs and not self.unsettled

    @property
    def names(self) -> dict[str, str]:
        """What reports say of it."""
        return {"lease": self.lease.lease, "task": self.lease.task, "kind": self.lease.kind}

    def subtasks_at(self, positions: Iterable[int]) -> list[int]:
        return [self.lease.subtasks[position] for position in positions]

    # What was computed

    def note(self, job: Job, batch: wire.Batch) -> None:
        """Keep what a slot reported."""
        last = batch.first + len(batch.partials)
        subtasks = self.subtasks_at(job.order[batch.first : last])
        self.parts.append(Part(subtasks, batch.partials, batch.seconds))
        job.computed += subtasks
        job.cleared = last

    def partials_of(self, subtasks: Iterable[int]) -> list[bytes]:
        """The partial of each; all must have been computed."""
        pairs = (zip(part.subtasks, part.partials, strict=True) for part in self.parts)
        by_subtask = dict(chain.from_iterable(pairs))
        return [by_subtask[subtask] for subtask in subtasks]

    def seconds_of(self, subtasks: list[int]) -> float:
        """What these took together; all must have been computed."""
        computed = sum(len(part.subtasks) for part in self.parts)
        if len(subtasks) == computed:  # the usual case, without a look-up for each
            return sum(sum(part.seconds) for part in self.parts)
        pairs = (zip(part.subtasks, part.seconds, strict=True) for part in self.parts)
        by_subtask = dict(chain.from_iterable(pairs))
        return sum(by_subtask[subtask] for subtask in subtasks)

    # What the server settles

    def settle(self, subtasks: list[int]) -> Settleable | None:
        """The server has accepted what was sent about these; returns that frame."""
        for place, frame in enumerate(self.unsettled):
            if subtasks_of(frame) == subtasks:
                return self.unsettled.pop(place)
        return None

    def refuse(self) -> Settleable | None:
        """The frame that a refusal is about: the server answers frames in their order."""
        return self.unsettled.pop(0) if self.unsettled else None


def subtasks_of(frame: Settleable) -> list[int]:
    if isinstance(frame, protocol.Failure):
        return [frame.subtask]
    return frame.subtasks


class LeaseBook:
    """All leases held, and the jobs that wait for a slot."""

    def __init__(self) -> None:
        self.held: dict[str, HeldLease] = {}
        self.backlog: deque[Job] = deque()
        self.job_ids = count(1)

    def add(self, lease: protocol.Lease) -> HeldLease:
        held = self.held[lease.lease] = HeldLease(lease)
        return held

    def restore(self, lease: protocol.Lease, result: protocol.Result) -> None:
        """A result that an earlier run could not deliver."""
        held = self.held.setdefault(lease.lease, HeldLease(lease, restored=True))
        held.unsettled.append(result)

    def remove(self, lease: str) -> HeldLease | None:
        """Forget a lease and its waiting jobs; None if it is not held."""
        held = self.held.pop(lease, None)
        if held is not None:
            for job in list(held.jobs):
                self.end(job)
        return held

    def remove_settled(self) -> None:
        """Forget the leases that are over."""
        over = [lease for lease, held in self.held.items() if held.is_over]
        for lease in over:
            del self.held[lease]

    def ids(self) -> list[str]:
        """The leases that hello and heartbeats name."""
        return list(self.held)[: protocol.LEASES_HELD_MAX]

    def of_group(self, group: str) -> int:
        """How many leases are of this group."""
        return sum(held.lease.group == group for held in self.held.values())

    def kinds_at_work(self) -> list[str]:
        """The kind of each lease that still has a job, sorted."""
        return sorted(held.lease.kind for held in self.held.values() if held.jobs)

    # Jobs

    def queue(
        self, held: HeldLease, order: list[int], before: list[int], *, urgent: bool = False
    ) -> None:
        """Have `order` (positions) computed and combined with the subtasks `before`."""
        job = Job(next(self.job_ids), held, order, before)
        held.jobs.add(job)
        if urgent:
            self.backlog.appendleft(job)
        else:
            self.backlog.append(job)

    def next_job(self) -> Job | None:
        return self.backlog.popleft() if self.backlog else None

    def untouched(self) -> list[Job]:
        """Waiting jobs of which nothing is computed."""
        return [job for job in self.backlog if job.order and not job.before]

    def end(self, job: Job) -> None:
        job.held.jobs.discard(job)
        if job in self.backlog:
            self.backlog.remove(job)
