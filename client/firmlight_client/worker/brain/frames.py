"""What the brain says to the server and hears from it, and what it makes of that."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from firmlight_client import protocol
from firmlight_client.backoff import wait_seconds_after
from firmlight_client.worker.brain.actions import (
    SUSPENDED,
    QuitSlot,
    Reconnect,
    Remember,
    Send,
    Stop,
)
from firmlight_client.worker.brain.held import Held
from firmlight_client.worker.brain.lease_book import QUITTING, Ledger, about
from firmlight_client.worker.brain.spool import Kept
from firmlight_client.worker.consent.group_file import Memory
from firmlight_client.worker.consent.rulebook import Rulebook
from firmlight_client.worker.consent.rules import Consent, Rules
from firmlight_client.worker.slot import wire

WAITS_TOLD = 5
ENDS_OF_A_LEASE = {
    "unknown_lease",
    "task_closed",
    "bad_partial",
    "kind_changed",
}  # refused so, nothing of it is wanted
EXITS = {
    protocol.CLOSE_BAD_TOKEN: 3,
    protocol.CLOSE_BAD_VERSION: 4,
}  # what starting again does not mend


@dataclass(frozen=True)
class Config:
    """Who this worker is. `groups` are ids or names; none: every group of its owner. `memory`: of
    earlier runs.
    """

    name: str
    slots: int
    groups: list[str]
    client_version: str
    platform: str
    consent: Consent = field(default_factory=Consent)
    memory: Memory = field(default_factory=Memory)


class Talk(Ledger):
    """A method a frame. `brain` has the doors through which they come."""

    def __init__(self, config: Config, chance: random.Random | None = None) -> None:
        super().__init__(config.slots)
        self.config, self.chance = config, chance or random.Random()  # noqa: S311  only spreads reconnects
        self.rulebook = Rulebook(config.consent, config.groups, config.memory)
        self.problems: list[str] = []  # with names of groups, as they were told last
        self.kinds: dict[str, str] = {}
        self.public: list[str] = []  # kinds that need the network
        self.stopped = False
        self.attempt = 0
        self.next_beat = 0.0
        self.partial_bytes_max = protocol.FRAME_MAX_BYTES // 2  # until the server says
        self.last_error = ""
        self.suspended = ""  # what the server said on this connection
        self.resting: dict[str, str] = {}  # {row of the rules: why nothing is taken there}
        self.resting_told: dict[str, str] = {}  # the same connection was told

    def _rules(self, lease: protocol.Lease) -> Rules:
        return self.rulebook.rules(lease.group)

    def _may_run(self, lease: protocol.Lease) -> bool:
        """Whether the owner lets it, here and now. The server knows, too; it may be late."""
        rules = self._rules(lease)
        beside = sum(held.lease.group == lease.group for held in self.held.values())
        return (
            lease.kind in self.kinds
            and rules.allows(
                lease.kind, public=lease.kind in self.public, seconds_max=lease.subtask_seconds_max
            )
            and (rules.slots is None or beside < rules.slots)
            and self.rulebook.row(lease.group) not in self.resting
        )

    def _leave(self, code: int, why: str) -> None:
        if self.welcome:
            self.do(Send(protocol.Bye()))
        self.stopped = True
        self.do(Stop(code, why))

    def _drain(self, why: str) -> None:
        """Jobs that no slot has begun are given back, but never what is computed already."""
        self.draining = self.draining or why
        waits = sorted(held.lease.kind for held in self.held.values() if held.jobs)
        self.tell("draining", why=why, leases=len(self.held), waits=waits[:WAITS_TOLD])
        for job in [job for job in self.backlog if job.order and not job.before]:
            self.give_back(job.held, [job.held.lease.subtasks[position] for position in job.order])
            self.end(job)

    def _restore(self, kept: list[Kept]) -> None:
        for each in kept:
            lease = protocol.Lease(
                lease=each.lease,
                task=each.task,
                group=each.group,
                group_name=each.group_name,
                kind=each.kind,
                subtasks=[],
                payloads=[],
                subtask_seconds_max=0.0,
            )
            held = self.held.setdefault(each.lease, Held(lease, restored=True))
            held.unsettled.append(each.result)
        if kept:
            self.tell("restored", results=len(kept))

    # Frames

    def _say_hello(self) -> None:
        hello = protocol.Hello(
            name=self.config.name,
            slots=self.config.slots,
            kinds=self.kinds,
            client_version=self.config.client_version,
            platform=self.config.platform,
            groups=self.rulebook.told_wanted(),
            leases=self._leases(),
            consent=self.rulebook.told(),
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
        self._learn_groups(frame.owner_groups)
        for lease in self.held.keys() - set(frame.leases):
            self._drop(lease, "lost")
        for held in self.held.values():
            for unsettled in held.unsettled:
                self.send(unsettled)

    def _learn_groups(self, groups: dict[str, str] | None) -> None:
        """Before anything is leased: which group each name means, and what is wrong if one means
        none.
        """
        before, found = self.rulebook.groups, self.rulebook.learn(groups)
        if found or before != groups:
            self.do(Remember(groups, found))
        self._note_resting()
        if (problems := self.rulebook.problems()) != self.problems:
            self.problems = problems
            self.tell("rules", unfit=self.rulebook.unfit(), problems=problems)

    def _note_resting(self) -> None:
        self.resting = self.rulebook.resting(self.verdict.resting)
        self.rests = all(row in self.resting for row in self.rulebook.rows())

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
        self.settled(taken)
        if held and isinstance(taken, protocol.Result):
            self.counts.done += len(taken.subtasks)
            self.counts.seconds += taken.seconds
            self.tell(
                "done", **about(held), subtasks=len(taken.subtasks), seconds=round(taken.seconds, 6)
            )

    def _on_refused(self, frame: protocol.Refused) -> None:
        """Send again what is still open, without what is not. No offence: another was faster, or
        time was up.
        """
        held = self.held.get(frame.lease)
        sent = held.refused() if held else None
        self.settled(sent)
        if held is None or (frame.reason in ENDS_OF_A_LEASE and not frame.open):
            return self._drop(frame.lease, frame.reason, frame.message)
        self.tell("refused", **about(held), reason=frame.reason)
        if isinstance(sent, protocol.Result | protocol.Release):
            self._send_again(held, sent, frame)
        return None

    def _send_again(
        self, held: Held, sent: protocol.Result | protocol.Release, frame: protocol.Refused
    ) -> None:
        still = set(frame.open)
        again = [subtask for subtask in sent.subtasks if subtask in still]
        shrinks = len(again) < len(
            sent.subtasks
        )  # what does not could be sent and refused for ever
        if not again:
            return
        if isinstance(sent, protocol.Release):
            self.give_back(held, again if shrinks else [])
        elif held.restored:
            self.give_back(held, again)
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
        """The reason of the close that follows, told with it. A suspension is none, and is told
        once a connection.
        """
        if frame.code != SUSPENDED:
            self.last_error = frame.message
        elif frame.message != self.suspended:
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
            return self._leave(EXITS.get(code, 1), why)
        self.last_error = ""  # what goes wrong next has its own reason
        seconds = wait_seconds_after(code, self.attempt, self.chance)
        self.attempt += 1
        self.tell("disconnected", why=why, code=code, seconds=round(seconds, 2))
        return self.do(Reconnect(seconds))

    def _drop(self, lease: str, reason: str, message: str = "") -> None:
        """Forget a lease and stop its jobs."""
        held = self.held.pop(lease, None)
        if held is None:
            return
        said = {"message": message} if message else {}
        self.tell("dropped", **about(held), reason=reason, **said)
        for frame in held.unsettled:
            self.settled(frame)
        for number, seat in self.seats.items():
            if seat.job and seat.job.held is held:
                self.do(QuitSlot(number, seat.job.id))
                seat.state, seat.job = QUITTING, None
        for job in list(held.jobs):
            self.end(job)
