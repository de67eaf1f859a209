"""The worker's decisions: frames, slot events and ticks in, actions out.

It knows no socket, process or clock, so every order of events can be tested without them. It holds
every lease until the server has settled all of it, over any number of reconnects: each subtask is
answered by exactly one of a result, a failure and a release, or dropped because the server says so.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, assert_never

from firmlight_client import protocol
from firmlight_client.worker.brain import frames
from firmlight_client.worker.brain.actions import (
    Action,
    Plan,
    QuitSlot,
    Reconnect,
    Remember,
    RunSlot,
    Send,
    Stop,
)
from firmlight_client.worker.brain.admission import Admission
from firmlight_client.worker.brain.answers import Answers, Fault
from firmlight_client.worker.brain.connection import Connection
from firmlight_client.worker.brain.credit import Credit
from firmlight_client.worker.brain.frames import Config
from firmlight_client.worker.brain.kept_result import KeptResult
from firmlight_client.worker.brain.lease_book import Job, LeaseBook
from firmlight_client.worker.brain.slots import IDLE, STARTING, Slots
from firmlight_client.worker.consent.rulebook import Rulebook
from firmlight_client.worker.load_policy import Verdict
from firmlight_client.worker.slot import wire
from firmlight_client.worker.slot.events import Broken, Death, SlotEvent

__all__ = ["Brain", "Config"]

STUMBLES_MAX = 3  # deaths of slots at one lease that no subtask is to blame for
KINDS_REPORTED_MAX = 5
# A refusal for one of these reasons, with nothing open, ends the whole lease.
ENDS_OF_A_LEASE = {"unknown_lease", "not_a_member", "task_closed", "bad_partial", "kind_changed"}
# Exit codes of closes that starting again does not help against.
EXIT_CODES = {protocol.CLOSE_BAD_TOKEN: 3, protocol.CLOSE_BAD_VERSION: 4}


class Brain:
    """A public method for each event; each returns what is to be done, in order."""

    def __init__(self, config: Config, chance: random.Random | None = None) -> None:
        self.config = config
        self.plan = Plan()
        self.book = LeaseBook()
        self.slots = Slots(config.slots)
        rulebook = Rulebook(config.consent, config.groups, config.memory)
        self.admission = Admission(rulebook, config.slots)
        chance = chance or random.Random()  # noqa: S311  only spreads reconnects
        self.connection = Connection(chance)
        self.credit = Credit(self.book, self.slots, self.admission)
        self.answers = Answers(self.plan, self.book, self.connection, self.credit)
        self.problems: list[str] = []  # with the rules, as reported last
        self.stopped = False

    # Events

    def restore(self, kept: list[KeptResult]) -> list[Action]:
        """Results that an earlier run could not deliver. Comes before every other event."""
        return self._handle(self._restore, kept)

    def connected(self) -> list[Action]:
        """The socket is open."""
        return self._handle(self._say_hello)

    def received(self, frame: protocol.FromServer, now: float) -> list[Action]:
        """One frame came; `now` in seconds of any steady clock."""
        return self._handle(self._on_frame, frame, now)

    def disconnected(self, code: int, reason: str) -> list[Action]:
        """The socket closed, or could not be opened (code 1006)."""
        return self._handle(self._on_disconnected, code, reason)

    def token_replaced(self) -> None:
        """There is another token: why the last one was refused does not matter any more."""
        self.connection.last_error = ""

    def heard(self, slot: int, event: SlotEvent) -> list[Action]:
        """A slot reported something, or died."""
        return self._handle(self._on_slot, slot, event)

    def tick(self, now: float) -> list[Action]:
        """Time passed. Due at `connection.next_beat` while connected."""
        return self._handle(self._on_tick, now)

    def rest(self, verdict: Verdict) -> list[Action]:
        """The load policy looked at the machine."""
        return self._handle(self._on_verdict, verdict)

    def drain(self, why: str) -> list[Action]:
        """Finish what runs, send it, then leave."""
        return self._handle(self._drain, why)

    def stop(self, why: str) -> list[Action]:
        """Leave now; what is held goes to other workers."""
        return self._handle(self._leave, 1, why)

    # What every event has in common

    def _handle(self, change: Callable[..., None], *facts: Any) -> list[Action]:
        if not self.stopped:
            change(*facts)
        if not self.stopped:
            self._go_on()
        return self.plan.take()

    def _go_on(self) -> None:
        """After an event: use idle slots, leave if that was the end, offer credit."""
        self._fill_slots()
        self.book.remove_settled()
        if self.admission.draining and not self.book.held:
            self._leave(0, self.admission.draining)
        elif self.connection.welcome:
            ready = frames.ready(self.admission, self.connection, self.credit)
            if ready:
                self.plan.add(Send(ready))

    def _fill_slots(self) -> None:
        for slot in self.slots.idle():
            job = self.book.next_job()
            if job is None:
                return
            self.slots[slot].begin(job)
            lease = job.held.lease
            rules = self.admission.rulebook.rules(lease.group)
            options = rules.slot_options(public=lease.kind in self.admission.public)
            run = job.run(self.connection.partial_bytes_max)
            self.plan.add(RunSlot(slot, run, lease.subtask_seconds_max, options))

    def _leave(self, code: int, why: str) -> None:
        if self.connection.welcome:
            self.plan.add(Send(protocol.Bye()))
        self.stopped = True
        self.plan.add(Stop(code, why))

    def _drain(self, why: str) -> None:
        """Give back jobs that no slot has begun, but never what is computed already."""
        self.admission.draining = self.admission.draining or why
        waits = self.book.kinds_at_work()[:KINDS_REPORTED_MAX]
        self.plan.report("draining", why=why, leases=len(self.book.held), waits=waits)
        for job in self.book.untouched():
            self.answers.release(job.held, job.left)
            self.book.end(job)

    def _drop(self, lease: str, reason: str, message: str = "") -> None:
        """Forget a lease and stop its jobs."""
        held = self.book.remove(lease)
        if held is None:
            return
        more = {"message": message} if message else {}
        self.plan.report("dropped", **held.names, reason=reason, **more)
        for frame in held.unsettled:
            self.answers.forget(frame)
        for slot, job in self.slots.quit(held):
            self.plan.add(QuitSlot(slot, job.id))

    def _restore(self, kept: list[KeptResult]) -> None:
        for each in kept:
            self.book.restore(each.lease_frame, each.result)
        if kept:
            self.plan.report("restored", results=len(kept))

    # The connection

    def _say_hello(self) -> None:
        self.plan.add(Send(frames.hello(self.config, self.admission, self.book)))

    def _on_tick(self, now: float) -> None:
        if self.connection.beat(now):
            self.plan.add(Send(frames.heartbeat(self.book, self.credit)))

    def _on_disconnected(self, code: int, reason: str) -> None:
        why = self.connection.closed(code, reason)
        self.credit.offered = 0
        if code in protocol.FATAL_CLOSES:
            self._leave(EXIT_CODES.get(code, 1), why)
            return
        seconds = self.connection.seconds_to_wait(code)
        self.plan.report("disconnected", why=why, code=code, seconds=round(seconds, 2))
        self.plan.add(Reconnect(seconds))

    # Frames of the server

    def _on_frame(self, frame: protocol.FromServer, now: float) -> None:
        match frame:
            case protocol.Welcome():
                self._on_welcome(frame, now)
            case protocol.Lease():
                self._on_lease(frame)
            case protocol.Accepted():
                self.answers.accepted(frame)
            case protocol.Refused():
                self._on_refused(frame)
            case protocol.Cancel():
                self._on_cancel(frame)
            case protocol.Echo():
                pass  # only to a heartbeat that asks for it, and ours do not: the shell pings
            case protocol.Drain():
                self._drain(frame.reason or "the server asked for it")
            case protocol.Error():
                if self.connection.failed(frame):
                    self.plan.report("error", code=frame.code, message=frame.message)
            case _:
                assert_never(frame)

    def _on_welcome(self, frame: protocol.Welcome, now: float) -> None:
        self.connection.welcomed(frame, now)
        self.credit.reset()
        self.plan.report(
            "connected", name=frame.name, groups=frame.groups, server=frame.server_version
        )
        for kind, version in frame.refused_kinds.items():
            here = self.admission.kinds.get(kind, "")
            self.plan.report("kind_refused", kind=kind, here=here, server=version)
        self._learn_groups(frame.owner_groups)
        for lease in self.book.held.keys() - set(frame.leases):
            self._drop(lease, "lost")
        self.answers.send_unsettled()

    def _learn_groups(self, groups: dict[str, str] | None) -> None:
        """Before anything is leased: find the group of each name, and what is wrong with rules."""
        rulebook = self.admission.rulebook
        before = rulebook.groups
        found = rulebook.learn(groups)
        if found or before != groups:
            self.plan.add(Remember(groups, found))
        self.admission.judge()
        problems = rulebook.problems()
        if problems != self.problems:
            self.problems = problems
            self.plan.report("rules", unfit=rulebook.unfit(), problems=problems)

    def _on_lease(self, frame: protocol.Lease) -> None:
        self.credit.use()
        if self.connection.end_suspension():
            self.plan.report("let_back")
        if frame.lease in self.book.held:
            return
        allowed = self.admission.allows(frame, beside=self.book.of_group(frame.group))
        held = self.book.add(frame)
        if not allowed:
            self.answers.release(held, frame.subtasks)
            return
        self.answers.counts.leases += 1
        self.plan.report("leased", **held.names, subtasks=len(frame.subtasks))
        self.book.queue(held, list(range(len(frame.subtasks))), [])

    def _on_cancel(self, frame: protocol.Cancel) -> None:
        for lease in frame.leases:
            self._drop(lease, frame.reason)

    def _on_refused(self, frame: protocol.Refused) -> None:
        held = self.book.held.get(frame.lease)
        if held is None:
            return
        if frame.reason in ENDS_OF_A_LEASE and not frame.open:
            self._drop(frame.lease, frame.reason, frame.message)
        else:
            self.answers.refused(held, frame)

    # The machine

    def _on_verdict(self, verdict: Verdict) -> None:
        """Finish what runs, ask for nothing new where the rules or the machine say so."""
        before = self.admission.verdict
        self.admission.judge(verdict)
        if (before.slots, before.resting) != (verdict.slots, verdict.resting):
            self.plan.report(
                "resting",
                resting=dict(self.admission.resting),
                all=self.admission.all_rest,
                slots=verdict.slots,
                why=verdict.why,
            )

    # Slots

    def _on_slot(self, slot: int, event: SlotEvent) -> None:
        match event:
            case Broken():
                self._leave(1, f"Slots cannot be started here: {event.message}")
            case Death():
                job = self.slots[slot].become(STARTING)
                if job:
                    self._on_death(job, event)
            case wire.Started():
                self.slots[slot].become(IDLE)
                self.admission.kinds, self.admission.public = event.kinds, event.public
            case wire.Batch() | wire.Raised() | wire.Finished():
                self._on_report(slot, event)
            case _:
                assert_never(event)

    def _on_report(self, slot: int, event: wire.Batch | wire.Raised | wire.Finished) -> None:
        job = self.slots[slot].job
        if job is None or job.id != event.job:  # it was dropped meanwhile
            if isinstance(event, wire.Finished):
                self.slots[slot].become(IDLE)
            return
        match event:
            case wire.Batch():
                job.held.note(job, event)
            case wire.Raised():
                job.cleared = event.position + 1
                fault = Fault(event.error, event.message, event.traceback, event.seconds)
                self.answers.failure(job.held, job.subtask(event.position), fault)
            case wire.Finished():
                self.slots[slot].become(IDLE)
                self._on_finished(job, event)

    def _on_finished(self, job: Job, event: wire.Finished) -> None:
        if event.error == wire.TOO_LARGE:
            self.answers.results_halved(job.held, job.subtasks)
        elif event.error:
            self.answers.results_singly(job.held, job.subtasks)
        elif event.partial is not None:
            self.answers.result(job.held, job.subtasks, event.partial, decided=event.decided)
        # Something is left only if the task was decided before the end of the job.
        self.answers.release(job.held, job.left)
        self.book.end(job)

    def _on_death(self, job: Job, death: Death) -> None:
        """Blame the subtask that ran, if one did, and compute the rest in a fresh process."""
        held, rest = job.held, job.order[job.cleared :]
        is_to_blame = bool(death.error) and job.cleared <= death.position < len(job.order)
        if is_to_blame:
            del rest[death.position - job.cleared]
            fault = Fault(death.error, death.message, death.traceback, death.seconds)
            self.answers.failure(held, job.subtask(death.position), fault)
        else:
            held.stumbles += 1
        cannot_combine = death.position == wire.COMBINING and not rest
        if held.stumbles >= STUMBLES_MAX or cannot_combine:
            self.answers.results_singly(held, job.subtasks)
            self.answers.release(held, held.subtasks_at(rest))
        elif rest or job.subtasks:
            self.book.queue(held, rest, job.subtasks, urgent=True)
        self.book.end(job)
