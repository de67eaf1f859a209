"""The worker's head: frames, slot events and ticks in, actions out. It knows no socket, process or
clock.

It keeps every lease until the server has settled all of it, over any number of reconnects: a
subtask is answered by exactly one of a result, a failure and a release, or dropped because the
server says so.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from firmlight_client import protocol
from firmlight_client.worker.brain.actions import Action, RunSlot, Send
from firmlight_client.worker.brain.frames import Config, Talk
from firmlight_client.worker.brain.held import Job
from firmlight_client.worker.brain.lease_book import BUSY, IDLE, STARTING, Seat
from firmlight_client.worker.brain.spool import Kept
from firmlight_client.worker.load_policy import Verdict
from firmlight_client.worker.slot import wire
from firmlight_client.worker.slot.processes import Broken, Death, SlotEvent

__all__ = ["Brain", "Config"]

STUMBLES_MAX = 3


class Brain(Talk):
    """One event goes in by one of the doors below; it returns what is to be done, in order."""

    # Doors

    def restore(self, kept: list[Kept]) -> list[Action]:
        """Results that an earlier life of this worker could not deliver. Comes before everything
        else.
        """
        return self._after(partial(self._restore, kept))

    def connected(self) -> list[Action]:
        """The socket is open."""
        return self._after(self._say_hello)

    def received(self, frame: protocol.FromServer, now: float) -> list[Action]:
        """One frame came; `now` in seconds of any steady clock."""
        if isinstance(frame, protocol.Welcome):
            return self._after(partial(self._on_welcome, frame, now))
        return self._after(partial(getattr(self, f"_on_{frame.__struct_config__.tag}"), frame))

    def disconnected(self, code: int, reason: str) -> list[Action]:
        """The socket closed, or could not be opened (code 1006)."""
        return self._after(partial(self._on_disconnected, code, reason))

    def heard(self, slot: int, event: SlotEvent) -> list[Action]:
        return self._after(partial(self._on_slot, slot, event))

    def tick(self, now: float) -> list[Action]:
        """Time passed. Due at `next_beat` while connected."""
        return self._after(partial(self._on_tick, now))

    def rest(self, verdict: Verdict) -> list[Action]:
        """The machine was looked at."""
        return self._after(partial(self._rest, verdict))

    def drain(self, why: str) -> list[Action]:
        """Finish what runs, send it, then leave."""
        return self._after(partial(self._drain, why))

    def stop(self, why: str) -> list[Action]:
        """Leave now; what is held goes to others."""
        return self._after(partial(self._leave, 1, why))

    # The end of every event

    def _after(self, change: Callable[[], Any]) -> list[Action]:
        if not self.stopped:
            change()
        if not self.stopped:
            self._fill_slots()
            for lease in [lease for lease, held in self.held.items() if held.is_over]:
                del self.held[lease]
            if self.draining and not self.held:
                self._leave(0, self.draining)
            elif self.welcome and (
                self.free != self.offered or self.resting_told != self._resting_to_tell()
            ):
                self._say_ready()
        actions, self.actions = self.actions, []
        return actions

    def _say_ready(self) -> None:
        ready = protocol.Ready(slots=self.free, received=self.leases_received)
        if self.resting_told != (resting := self._resting_to_tell()):
            self.resting_told = ready.resting = resting
        self.offered = self.free
        self.do(Send(ready))

    def _resting_to_tell(self) -> dict[str, str]:
        return self.rulebook.told_resting(self.resting)

    def _rest(self, verdict: Verdict) -> None:
        """Finish what runs, ask for nothing new where the owner's rules or the machine say so."""
        before, self.verdict = self.verdict, verdict
        self._note_resting()
        if (before.slots, before.resting) != (verdict.slots, verdict.resting):
            self.tell(
                "resting",
                resting=dict(self.resting),
                all=self.rests,
                slots=verdict.slots,
                why=verdict.why,
            )

    def _fill_slots(self) -> None:
        for number, seat in self.seats.items():
            if seat.state == IDLE and self.backlog:
                seat.state, seat.job = BUSY, self.backlog.popleft()
                lease = seat.job.held.lease
                mode = self._rules(lease).mode(public=lease.kind in self.public)
                self.do(
                    RunSlot(
                        number,
                        seat.job.run(self.partial_bytes_max),
                        lease.subtask_seconds_max,
                        mode,
                    )
                )

    # Slots

    def _on_slot(self, number: int, event: SlotEvent) -> None:
        seat = self.seats[number]
        if isinstance(event, Broken):
            self._leave(1, f"Slots cannot be started here: {event.message}")
        elif isinstance(event, wire.Started):
            seat.state, self.kinds, self.public = IDLE, event.kinds, event.public
        elif isinstance(event, Death):
            job, seat.state, seat.job = seat.job, STARTING, None
            if job:
                self._on_death(job, event)
        elif seat.job and seat.job.id == event.job:
            self._on_report(seat, seat.job, event)
        elif isinstance(event, wire.Finished):
            seat.state = IDLE

    def _on_report(
        self, seat: Seat, job: Job, event: wire.Batch | wire.Raised | wire.Finished
    ) -> None:
        if isinstance(event, wire.Batch):
            job.held.note(job, event)
        elif isinstance(event, wire.Raised):
            job.cleared = event.position + 1
            self.give_failure(job.held, job.subtask(event.position), event)
        else:
            seat.state, seat.job = IDLE, None
            self._on_finished(job, event)

    def _on_finished(self, job: Job, event: wire.Finished) -> None:
        if event.error == wire.TOO_LARGE:
            self.give_smaller(job.held, job.subtasks)
        elif event.error:
            self.give_singly(job.held, job.subtasks)
        elif event.partial is not None:
            self.give_result(job.held, job.subtasks, event.partial, decided=event.decided)
        # Decided before its end, if something is left: the rest is nobody's business any more.
        self.give_back(
            job.held, [job.subtask(position) for position in range(job.cleared, len(job.order))]
        )
        self.end(job)

    def _on_death(self, job: Job, death: Death) -> None:
        """Blame the subtask that ran, if one did, and let the rest go on in a fresh process."""
        held, at, rest = job.held, death.position, job.order[job.cleared :]
        if death.error and job.cleared <= at < len(job.order):
            del rest[at - job.cleared]
            raised = wire.Raised(
                job.id, at, death.error, death.message, death.traceback, death.seconds
            )
            self.give_failure(held, job.subtask(at), raised)
        else:
            held.stumbles += 1
        if held.stumbles >= STUMBLES_MAX or (at == wire.COMBINING and not rest):
            self.give_singly(held, job.subtasks)
            self.give_back(held, [held.lease.subtasks[position] for position in rest])
        elif rest or job.subtasks:
            self.queue(held, rest, job.subtasks, urgent=True)
        self.end(job)
