"""The worker's head: frames, slot events and ticks in, actions out. It knows no socket, process or clock.

It keeps every lease until the server has settled all of it, over any number of reconnects: a subtask is
answered by exactly one of a result, a failure and a release, or dropped because the server says so.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from firmlight_client import protocol
from firmlight_client.backoff import wait_seconds_after
from firmlight_client.worker import wire
from firmlight_client.worker.actions import SUSPENDED, Action, QuitSlot, Reconnect, RunSlot, Send, Stop
from firmlight_client.worker.consent import Consent, Rules
from firmlight_client.worker.held import Held, Job
from firmlight_client.worker.ledger import BUSY, IDLE, QUITTING, STARTING, Ledger, Seat, about
from firmlight_client.worker.neighbour import Verdict
from firmlight_client.worker.processes import Broken, Death, SlotEvent

STUMBLES_MAX = 3


@dataclass(frozen=True)
class Config:
    """Who this worker is. `groups` are ids or names; none: every group of its owner."""

    name: str
    slots: int
    groups: list[str]
    client_version: str
    platform: str
    consent: Consent = field(default_factory=Consent)


class Brain(Ledger):
    """One event goes in by one of the doors below; it returns what is to be done, in order."""

    def __init__(self, config: Config, chance: random.Random | None = None) -> None:
        super().__init__(config.slots)
        self.config, self.chance = config, chance or random.Random()  # noqa: S311  only spreads reconnects
        self.kinds: dict[str, str] = {}
        self.public: list[str] = []  # kinds that need the network
        self.stopped = False
        self.attempt = 0
        self.next_beat = 0.0
        self.partial_bytes_max = protocol.FRAME_MAX_BYTES // 2  # until the server says
        self.last_error = ""
        self.suspended = ""  # what the server said on this connection
        self.resting_told: dict[str, str] = {}  # the same connection was told

    # Doors

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
            elif self.welcome and (self.free != self.offered or self.resting_told != self.verdict.resting):
                self._say_ready()
        actions, self.actions = self.actions, []
        return actions

    def _say_ready(self) -> None:
        ready = protocol.Ready(slots=self.free, received=self.leases_received)
        if self.resting_told != self.verdict.resting:
            self.resting_told = ready.resting = dict(self.verdict.resting)
        self.offered = self.free
        self.do(Send(ready))

    def _rest(self, verdict: Verdict) -> None:
        """Finish what runs, ask for nothing new where the owner's rules or the machine say so."""
        before, self.verdict = self.verdict, verdict
        self.rests = all(name in verdict.resting for name, _ in self.config.consent.rows())
        if (before.slots, before.resting) != (verdict.slots, verdict.resting):
            self.tell("resting", resting=dict(verdict.resting), all=self.rests, slots=verdict.slots, why=verdict.why)

    def _fill_slots(self) -> None:
        for number, seat in self.seats.items():
            if seat.state == IDLE and self.backlog:
                seat.state, seat.job = BUSY, self.backlog.popleft()
                lease = seat.job.held.lease
                mode = self._rules(lease).mode(public=lease.kind in self.public)
                self.do(RunSlot(number, seat.job.run(self.partial_bytes_max), lease.subtask_seconds_max, mode))

    def _rules(self, lease: protocol.Lease) -> Rules:
        return self.config.consent.of(lease.group, lease.group_name)

    def _may_run(self, lease: protocol.Lease) -> bool:
        """Whether the owner lets it, here and now. The server knows, too; it may be late."""
        rules = self._rules(lease)
        beside = sum(held.lease.group == lease.group for held in self.held.values())
        return (
            lease.kind in self.kinds
            and rules.allows(lease.kind, public=lease.kind in self.public, seconds_max=lease.subtask_seconds_max)
            and (rules.slots is None or beside < rules.slots)
            and self.config.consent.key(lease.group, lease.group_name) not in self.verdict.resting
        )

    def _leave(self, code: int, why: str) -> None:
        if self.welcome:
            self.do(Send(protocol.Bye()))
        self.stopped = True
        self.do(Stop(code, why))

    def _drain(self, why: str) -> None:
        """Jobs that no slot has begun are given back, but never what is computed already."""
        self.draining = self.draining or why
        self.tell("draining", why=why, leases=len(self.held))
        for job in [job for job in self.backlog if job.order and not job.before]:
            self.give_back(job.held, [job.held.lease.subtasks[position] for position in job.order])
            self.end(job)

    # Frames

    def _say_hello(self) -> None:
        hello = protocol.Hello(
            name=self.config.name,
            slots=self.config.slots,
            kinds=self.kinds,
            client_version=self.config.client_version,
            platform=self.config.platform,
            groups=self.config.groups,
            leases=self._leases(),
            consent=self.config.consent.told(),
        )
        self.do(Send(hello))

    def _leases(self) -> list[str]:
        return list(self.held)[: protocol.LEASES_HELD_MAX]

    def _on_welcome(self, frame: protocol.Welcome, now: float) -> None:
        self.welcome, self.offered, self.leases_received, self.last_error = frame, 0, 0, ""
        self.resting_told = {}
        self.next_beat = now + frame.heartbeat_seconds
        self.partial_bytes_max = frame.partial_bytes_max
        self.tell("connected", name=frame.name, groups=frame.groups, server=frame.server_version)
        for kind, version in frame.refused_kinds.items():
            self.tell("kind_refused", kind=kind, here=self.kinds.get(kind, ""), server=version)
        for lease in self.held.keys() - set(frame.leases):
            self._drop(lease, "lost")
        for held in self.held.values():
            for unsettled in held.unsettled:
                self.send(unsettled)

    def _on_lease(self, frame: protocol.Lease) -> None:
        self.offered = max(0, self.offered - 1)
        self.leases_received += 1
        if self.suspended:
            self.suspended = ""
            self.tell("let_back")
        if frame.lease in self.held:
            return
        welcome_here = not self.draining and self._may_run(frame)
        held = self.held[frame.lease] = Held(frame)
        if not welcome_here:
            self.give_back(held, frame.subtasks)
            return
        self.counts.leases += 1
        self.tell("leased", **about(held), subtasks=len(frame.subtasks))
        self.queue(held, list(range(len(frame.subtasks))), [])

    def _on_accepted(self, frame: protocol.Accepted) -> None:
        held = self.held.get(frame.lease)
        taken = held.settle(frame.subtasks) if held else None
        if held and isinstance(taken, protocol.Result):
            self.counts.done += len(taken.subtasks)
            self.counts.seconds += taken.seconds
            self.tell("done", **about(held), subtasks=len(taken.subtasks), seconds=round(taken.seconds, 6))

    def _on_refused(self, frame: protocol.Refused) -> None:
        """Send again what is still open, without what is not. No offence: another was faster, or time was up."""
        held = self.held.get(frame.lease)
        sent = held.refused() if held else None
        if held is None or (frame.reason in ("unknown_lease", "task_closed") and not frame.open):
            return self._drop(frame.lease, frame.reason)
        self.tell("refused", **about(held), reason=frame.reason)
        if isinstance(sent, protocol.Result | protocol.Release):
            self._send_again(held, sent, frame)
        return None

    def _send_again(self, held: Held, sent: protocol.Result | protocol.Release, frame: protocol.Refused) -> None:
        still = set(frame.open)
        again = [subtask for subtask in sent.subtasks if subtask in still]
        shrinks = len(again) < len(sent.subtasks)  # what does not could be sent and refused for ever
        if not again:
            return
        if isinstance(sent, protocol.Release):
            self.give_back(held, again if shrinks else [])
        elif frame.reason == wire.TOO_LARGE:
            self.give_smaller(held, again)
        elif not shrinks:
            self.give_back(held, again)
        else:
            self.queue(held, [], again, urgent=True)

    def _on_cancel(self, frame: protocol.Cancel) -> None:
        for lease in frame.leases:
            self._drop(lease, frame.reason)

    def _on_drain(self, frame: protocol.Drain) -> None:
        self._drain(frame.reason or "the server asked for it")

    def _on_error(self, frame: protocol.Error) -> None:
        """An error may be the reason of the close that follows; a suspension is none, and is told once a connection."""
        if frame.code != SUSPENDED:
            self.last_error = frame.message
        elif frame.message == self.suspended:
            return
        else:
            self.suspended = frame.message
        self.tell("error", code=frame.code, message=frame.message)

    def _on_tick(self, now: float) -> None:
        if self.welcome and now >= self.next_beat:
            self.next_beat = now + self.welcome.heartbeat_seconds
            self.attempt = 0  # this connection holds
            self.do(Send(protocol.Heartbeat(leases=self._leases(), received=self.leases_received)))

    def _on_disconnected(self, code: int, reason: str) -> None:
        self.welcome, self.offered, self.suspended = None, 0, ""
        why = self.last_error or reason or f"the connection was closed ({code})"
        if code in protocol.FATAL_CLOSES:
            return self._leave(1, why)
        self.last_error = ""  # what goes wrong next has its own reason
        seconds = wait_seconds_after(code, self.attempt, self.chance)
        self.attempt += 1
        self.tell("disconnected", why=why, code=code, seconds=round(seconds, 2))
        return self.do(Reconnect(seconds))

    def _drop(self, lease: str, reason: str) -> None:
        """Forget a lease and stop its jobs."""
        held = self.held.pop(lease, None)
        if held is None:
            return
        self.tell("dropped", **about(held), reason=reason)
        for number, seat in self.seats.items():
            if seat.job and seat.job.held is held:
                self.do(QuitSlot(number, seat.job.id))
                seat.state, seat.job = QUITTING, None
        for job in list(held.jobs):
            self.end(job)

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

    def _on_report(self, seat: Seat, job: Job, event: wire.Batch | wire.Raised | wire.Finished) -> None:
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
        self.give_back(job.held, [job.subtask(position) for position in range(job.cleared, len(job.order))])
        self.end(job)

    def _on_death(self, job: Job, death: Death) -> None:
        """Blame the subtask that ran, if one did, and let the rest go on in a fresh process."""
        held, at, rest = job.held, death.position, job.order[job.cleared :]
        if death.error and job.cleared <= at < len(job.order):
            del rest[at - job.cleared]
            raised = wire.Raised(job.id, at, death.error, death.message, death.traceback, death.seconds)
            self.give_failure(held, job.subtask(at), raised)
        else:
            held.stumbles += 1
        if held.stumbles >= STUMBLES_MAX or (at == wire.COMBINING and not rest):
            self.give_singly(held, job.subtasks)
            self.give_back(held, [held.lease.subtasks[position] for position in rest])
        elif rest or job.subtasks:
            self.queue(held, rest, job.subtasks, urgent=True)
        self.end(job)
