"""The brain against a small model of everything around it: a server, slots that die, a connection
that breaks.

Whatever happens in whatever order, a job starts only in an idle slot, a result holds exactly the
partials of its subtasks, nothing is sent to a closed connection, heartbeats name what is held, and
in the end every subtask of every lease that was not taken away is settled with the server.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from firmlight_client import protocol
from firmlight_client.worker.brain.actions import (
    Action,
    Forget,
    Keep,
    QuitSlot,
    Reconnect,
    RunSlot,
    Send,
    Stop,
)
from firmlight_client.worker.brain.brain import Brain, Config
from firmlight_client.worker.slot import wire
from firmlight_client.worker.slot.events import Death

SLOTS = 2
DOWN, OPEN, WELCOMED = "down", "open", "welcomed"
Sent = protocol.Result | protocol.Failure | protocol.Release


@dataclass
class Granted:
    """A lease as the server sees it. `excused`: it may refuse what comes, for a reason the worker
    cannot know.
    """

    names: list[int]
    open: set[int]
    excused: bool = False


@dataclass
class Slot:
    alive: bool = False
    run: wire.Run | None = None
    done: list[int] = field(default_factory=list)  # subtasks
    at: int = 0


def partial_of(subtasks: list[int]) -> bytes:
    return msgspec.msgpack.encode(sorted(subtasks))


class Environment(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.brain = Brain(Config("w", SLOTS, [], "0", ""), random.Random(0))
        self.line, self.inbox = DOWN, list[Sent]()
        self.leases: dict[str, Granted] = {}
        self.kept: list[protocol.Result] = []
        self.slots = [Slot() for _ in range(SLOTS)]
        self.now, self.number, self.left = 0.0, 0, False
        self.a_slot_starts()
        self.the_line_opens()
        self.welcome([])
        self.a_lease_comes(3, "K")

    # What the brain wants done

    def do(self, actions: list[Action]) -> None:
        for action in actions:
            if isinstance(action, Send):
                self.take(action.frame)
            elif isinstance(action, RunSlot):
                slot = self.slots[action.slot]
                assert slot.alive
                assert slot.run is None
                slot.run, slot.done, slot.at = action.run, [], 0
                for before in action.run.before:
                    slot.done += msgspec.msgpack.decode(before)
            elif isinstance(action, QuitSlot):
                run = self.slots[action.slot].run
                assert run
                assert run.job == action.job
            elif isinstance(action, Reconnect):
                assert 0 <= action.seconds <= 60
            elif isinstance(action, Keep):
                self.kept.append(action.result)
            elif isinstance(action, Forget):
                self.kept.remove(action.result)
            elif isinstance(action, Stop):
                self.left = True

    def take(self, frame: protocol.Frame) -> None:
        assert self.line == (OPEN if isinstance(frame, protocol.Hello) else WELCOMED)
        if isinstance(frame, protocol.Heartbeat | protocol.Hello):
            assert set(frame.leases) == set(self.brain.book.held)
        if isinstance(frame, protocol.Result | protocol.Failure | protocol.Ready):
            idle = sum(slot.alive and slot.run is None for slot in self.slots)
            assert (frame.slots if isinstance(frame, protocol.Ready) else frame.ready) <= idle
        if isinstance(frame, protocol.Result):
            assert msgspec.msgpack.decode(frame.partial) == sorted(frame.subtasks)
        if isinstance(frame, protocol.Result | protocol.Failure | protocol.Release):
            self.inbox.append(frame)

    # Slots

    def running(self) -> list[int]:
        return [number for number, slot in enumerate(self.slots) if slot.run]

    def names(self, slot: Slot) -> list[int]:
        assert slot.run
        return [msgspec.msgpack.decode(payload) for payload in slot.run.payloads]

    @precondition(lambda self: any(not slot.alive for slot in self.slots))
    @rule()
    def a_slot_starts(self) -> None:
        number = next(number for number, slot in enumerate(self.slots) if not slot.alive)
        self.slots[number] = Slot(alive=True)
        self.do(self.brain.heard(number, wire.Started({"K": "1"})))

    @precondition(lambda self: self.running())
    @rule(data=st.data())
    def a_slot_reports(self, data: Any) -> None:
        number = data.draw(st.sampled_from(self.running()))
        slot = self.slots[number]
        left = len(self.names(slot)) - slot.at
        self.report(number, data.draw(st.integers(0, left)))

    def report(self, number: int, some: int) -> None:
        slot = self.slots[number]
        if not some:
            return
        assert slot.run
        names = self.names(slot)[slot.at : slot.at + some]
        batch = wire.Batch(
            slot.run.job, slot.at, [partial_of([name]) for name in names], [1.0] * some
        )
        slot.at += some
        slot.done += names
        self.do(self.brain.heard(number, batch))

    @precondition(lambda self: self.running())
    @rule(data=st.data())
    def a_subtask_raises(self, data: Any) -> None:
        number = data.draw(st.sampled_from(self.running()))
        slot = self.slots[number]
        assert slot.run
        if slot.at < len(slot.run.payloads):
            slot.at += 1
            self.do(
                self.brain.heard(number, wire.Raised(slot.run.job, slot.at - 1, "E", "", "", 1.0))
            )

    @precondition(lambda self: self.running())
    @rule(
        data=st.data(),
        early=st.booleans(),
        error=st.sampled_from(["", "", "", "too_large", "ValueError"]),
    )
    def a_slot_finishes(self, data: Any, early: bool, error: str) -> None:
        number = data.draw(st.sampled_from(self.running()))
        self.finish(number, early=early, error=error)

    def finish(self, number: int, *, early: bool = False, error: str = "") -> None:
        slot = self.slots[number]
        assert slot.run
        if not early or not slot.done:
            early = False
            self.report(number, len(slot.run.payloads) - slot.at)
        job, done = slot.run.job, slot.done
        slot.run = None
        whole = partial_of(done) if done and not error else None
        self.do(self.brain.heard(number, wire.Finished(job, whole, early, error if done else "")))

    @precondition(lambda self: any(slot.alive for slot in self.slots))
    @rule(data=st.data(), error=st.sampled_from(["crashed", "timed_out", ""]))
    def a_slot_dies(self, data: Any, error: str) -> None:
        number = data.draw(st.sampled_from([n for n, slot in enumerate(self.slots) if slot.alive]))
        slot = self.slots[number]
        total = len(slot.run.payloads) if slot.run else 0
        position = data.draw(st.sampled_from([wire.IDLE, wire.COMBINING, *range(slot.at, total)]))
        if position == wire.COMBINING and slot.run:
            self.report(number, total - slot.at)
        self.slots[number] = Slot()
        self.do(self.brain.heard(number, Death(error, "it died", "", position, 1.0)))

    # The server

    @precondition(lambda self: self.line == DOWN and any(slot.alive for slot in self.slots))
    @rule()
    def the_line_opens(self) -> None:
        self.line, self.inbox = OPEN, []
        self.do(self.brain.connected())

    @precondition(lambda self: self.line == OPEN)
    @rule(data=st.data())
    def it_is_welcomed(self, data: Any) -> None:
        known = [lease for lease in self.brain.book.held if lease in self.leases]
        lost = data.draw(st.sampled_from([[], [], known[:1]]))
        for lease in lost:
            del self.leases[lease]
        self.welcome([lease for lease in known if lease not in lost])

    def welcome(self, leases: list[str]) -> None:
        self.line = WELCOMED
        frame = protocol.Welcome(
            partial_bytes_max=2**20,
            worker="w",
            name="w",
            heartbeat_seconds=5,
            lease_seconds=20,
            frame_max_bytes=protocol.FRAME_MAX_BYTES,
            server_version="0",
            leases=leases,
        )
        self.do(self.brain.received(frame, self.now))

    @precondition(lambda self: self.line == WELCOMED and len(self.leases) < 8)
    @rule(size=st.integers(1, 4), kind=st.sampled_from(["K", "K", "K", "K", "UNKNOWN"]))
    def a_lease_comes(self, size: int, kind: str) -> None:
        self.number += 1
        names = [self.number * 10 + i for i in range(size)]
        self.leases[f"L{self.number}"] = Granted(names, set(names))
        frame = protocol.Lease(
            lease=f"L{self.number}",
            task="T",
            group="G",
            kind=kind,
            subtasks=names,
            payloads=[msgspec.msgpack.encode(name) for name in names],
            subtask_seconds_max=60,
        )
        self.do(self.brain.received(frame, self.now))

    @precondition(lambda self: self.leases)
    @rule(data=st.data())
    def another_worker_is_faster(self, data: Any) -> None:
        lease = self.leases[data.draw(st.sampled_from(sorted(self.leases)))]
        lease.open -= set(data.draw(st.lists(st.sampled_from(lease.names))))
        lease.excused = True

    def judge(self, frame: Sent) -> protocol.Frame:
        """What the server says to a frame, and what it notes."""
        subtasks = [frame.subtask] if isinstance(frame, protocol.Failure) else frame.subtasks
        lease = self.leases.get(frame.lease)
        if lease is None:
            return protocol.Refused(lease=frame.lease, reason="unknown_lease")
        if set(subtasks) <= lease.open:
            lease.open -= set(subtasks)
            return protocol.Accepted(lease=frame.lease, subtasks=subtasks)
        assert lease.excused
        return protocol.Refused(
            lease=frame.lease, reason="done_by_another", open=sorted(lease.open)
        )

    @precondition(lambda self: self.line == WELCOMED and self.inbox)
    @rule()
    def the_server_answers(self) -> None:
        self.do(self.brain.received(self.judge(self.inbox.pop(0)), self.now))

    @precondition(
        lambda self: (
            self.line == WELCOMED and self.inbox and isinstance(self.inbox[0], protocol.Result)
        )
    )
    @rule()
    def the_server_finds_a_result_too_large(self) -> None:
        frame = self.inbox.pop(0)
        assert isinstance(frame, protocol.Result)
        lease = self.leases.get(frame.lease)
        still = [subtask for subtask in frame.subtasks if lease and subtask in lease.open]
        refused = protocol.Refused(
            lease=frame.lease, reason="too_large" if lease else "unknown_lease", open=still
        )
        self.do(self.brain.received(refused, self.now))

    @precondition(lambda self: self.line != DOWN)
    @rule(data=st.data(), code=st.sampled_from([1006, 1012, protocol.CLOSE_TOO_MANY]))
    def the_line_breaks(self, data: Any, code: int) -> None:
        """Some of what was sent arrived; nobody will ever hear of it."""
        for frame in self.inbox[: data.draw(st.integers(0, len(self.inbox)))]:
            self.judge(frame)
            if frame.lease in self.leases:
                self.leases[frame.lease].excused = True
        self.line, self.inbox = DOWN, []
        self.do(self.brain.disconnected(code, ""))

    @precondition(lambda self: self.line == WELCOMED and self.leases)
    @rule(data=st.data())
    def a_lease_is_cancelled(self, data: Any) -> None:
        lease = data.draw(st.sampled_from(sorted(self.leases)))
        del self.leases[lease]
        self.do(self.brain.received(protocol.Cancel(leases=[lease], reason="cancelled"), self.now))

    @precondition(lambda self: self.line == WELCOMED)
    @rule()
    def it_is_suspended(self) -> None:
        self.do(
            self.brain.received(
                protocol.Error(code="suspended", message="It failed too often."), self.now
            )
        )

    @rule(seconds=st.sampled_from([0.1, 6.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        self.do(self.brain.tick(self.now))

    @invariant()
    def work_never_waits_for_an_idle_slot(self) -> None:
        idle = any(slot.alive and slot.run is None for slot in self.slots)
        assert not (idle and self.brain.book.backlog)

    @invariant()
    def what_is_unsettled_lies_on_disk(self) -> None:
        unsettled = [frame for held in self.brain.book.held.values() for frame in held.unsettled]
        results = [frame for frame in unsettled if isinstance(frame, protocol.Result)]
        assert sorted(map(id, self.kept)) == sorted(map(id, results))

    def teardown(self) -> None:
        """Asked to drain, with nothing going wrong any more, it settles everything and leaves."""
        self.do(self.brain.drain("enough"))
        for _ in range(200):
            if self.left:
                break
            self.one_calm_step()
        assert self.left
        assert not self.brain.book.held
        assert not [lease for lease in self.leases.values() if lease.open]

    def one_calm_step(self) -> None:
        if any(not slot.alive for slot in self.slots):
            self.a_slot_starts()
        elif self.running():
            self.finish(self.running()[0])
        elif self.line == DOWN:
            self.the_line_opens()
        elif self.line == OPEN:
            self.welcome([lease for lease in self.brain.book.held if lease in self.leases])
        elif self.inbox:
            self.the_server_answers()


Environment.TestCase.settings = settings(
    max_examples=250, stateful_step_count=30, deadline=None, derandomize=True, database=None
)
TestTheBrain = Environment.TestCase
