"""The slots as the brain knows them from their reports."""

from __future__ import annotations

from dataclasses import dataclass

from firmlight_client.worker.brain.lease_book import HeldLease, Job

# QUITTING: the slot still works on a job that was dropped.
STARTING, IDLE, BUSY, QUITTING = "starting", "idle", "busy", "quitting"


@dataclass
class SlotState:
    """One slot. It has a job only while it is BUSY."""

    state: str = STARTING
    job: Job | None = None

    def begin(self, job: Job) -> None:
        self.state, self.job = BUSY, job

    def become(self, state: str) -> Job | None:
        """Leave the job, if there is one; returns it."""
        job, self.job, self.state = self.job, None, state
        return job


class Slots:
    """All slots of this worker, by number."""

    def __init__(self, number: int) -> None:
        self.states = {slot: SlotState() for slot in range(number)}

    def __getitem__(self, slot: int) -> SlotState:
        return self.states[slot]

    def idle(self) -> list[int]:
        return [slot for slot, state in self.states.items() if state.state == IDLE]

    def at_work(self) -> int:
        """How many slots compute something, wanted or not."""
        return sum(state.state in (BUSY, QUITTING) for state in self.states.values())

    def quit(self, held: HeldLease) -> list[tuple[int, Job]]:
        """Nothing of this lease is wanted: the slots that worked on it, each with its job."""
        stopped = []
        for slot, state in self.states.items():
            if state.job and state.job.held is held:
                stopped.append((slot, state.job))
                state.become(QUITTING)
        return stopped
