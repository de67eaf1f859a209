"""A worker that computes as it should, and sometimes says something else."""

from __future__ import annotations

import contextlib
import math
import random
import threading
import time
from abc import abstractmethod
from dataclasses import dataclass
from typing import Any

import httpx
import msgspec
import numpy as np

from firmlight_client import kinds, protocol
from firmlight_client.kinds._exact_sum import UNIT_BITS, from_bytes, to_bytes
from firmlight_client.kinds._mean_check import ROUNDING
from tests.attackers.attacker import Attacker
from tests.attackers.target import Target
from tests.system.peer import Peer

KIND = "MEAN"  # what cannot be right it notices; a lie in the last digits of a sum it does not
LOOK_SECONDS = 0.1
LOOK_AT_STANDING_SECONDS = 0.25


@dataclass(frozen=True)
class Answer:
    """What a liar sent for one lease, and the server took; `at`, s since the epoch."""

    task: str
    subtasks: int
    is_lie: bool
    at: float


class Liar(Attacker):
    """`size`, 1 to 16, says how large its lies are: only those who collude tell the same ones.

    Lies that the server refuses are counted in `counts`, the others are among `answers`. It is
    connected only while it is `on_shift`.
    """

    size: int
    pause_seconds = 0.05

    def __init__(self, target: Target) -> None:
        super().__init__(target)
        self.member = target.newcomer()
        # of those of one title each is another
        self.chance = random.Random(f"{target.seed} {self.title} {self.member.token}")
        self.number = str(self.member.client.get("users/me/").raise_for_status().json()["id"])
        self.worker = f"liar {self.number[:8]}"
        # By lease, unless refused: of some the server took nobody hears, as it dies meanwhile.
        self.sent: dict[str, Answer] = {}
        self.answers: list[Answer] = []  # of which it said that it took them
        self.told = 0  # lies, whatever the server said
        self.out_after: int | None = None  # answers, until it was found wrong for the first time
        self.next_look = 0.0
        self.on_shift = threading.Event()
        self.on_shift.set()

    @abstractmethod
    def answer(self, lease: protocol.Lease) -> tuple[Any, bool]:
        """The partial that it sends, and whether it is a lie."""

    def attack(self) -> None:
        if not self.on_shift.is_set():
            return
        peer = Peer(
            self.target.url,
            self.member.token,
            self.worker,
            offered={KIND: kinds.get(KIND).version},
        )
        with contextlib.closing(peer):
            peer.ready()
            while self.on_shift.is_set() and not self.leaving.is_set():
                try:
                    frame = peer.receive(LOOK_SECONDS)
                except TimeoutError:
                    peer.send(protocol.Heartbeat(leases=[]))
                else:
                    self._hear(peer, frame)
                self._look_at_standing()

    def _hear(self, peer: Peer, frame: protocol.FromServer) -> None:
        match frame:
            case protocol.Lease():
                partial, is_lie = self.answer(frame)
                self.told += is_lie
                self.sent[frame.lease] = Answer(
                    frame.task, len(frame.subtasks), is_lie, time.time()
                )
                # Another lease comes in the same exchange.
                packed = msgspec.msgpack.encode(partial)
                peer.send(
                    protocol.Result(
                        lease=frame.lease,
                        subtasks=frame.subtasks,
                        partial=packed,
                        seconds=0.01,
                        ready=1,
                    )
                )
            case protocol.Accepted() if frame.lease in self.sent:
                self.answers.append(self.sent[frame.lease])
                self.counts["answers taken"] += 1
            case protocol.Refused():
                self.counts[frame.reason] += 1
                self.sent.pop(frame.lease, None)
            case protocol.Error(code="suspended"):
                self.counts["suspensions"] += 1
                with contextlib.suppress(httpx.HTTPError):
                    self.member.let_workers_back()

    def _look_at_standing(self) -> None:
        """Whether it was found wrong by now."""
        if self.out_after is not None or time.monotonic() < self.next_look:
            return
        self.next_look = time.monotonic() + LOOK_AT_STANDING_SECONDS
        address = f"groups/{self.target.group}/members/{self.number}/standing/"
        with contextlib.suppress(httpx.HTTPError):
            rows = self.member.client.get(address).raise_for_status().json()["results"]
            if any(row["disagreements_total"] for row in rows):
                self.out_after = len(self.answers)

    def lies_about(self, task: str) -> list[Answer]:
        return [answer for answer in self._sent_for(task) if answer.is_lie]

    def truths_about(self, task: str) -> list[Answer]:
        return [answer for answer in self._sent_for(task) if not answer.is_lie]

    def _sent_for(self, task: str) -> list[Answer]:
        return [answer for answer in self.sent.values() if answer.task == task]

    @property
    def has_struck(self) -> bool:
        return self.told > 0

    def clear_up(self) -> None:
        self.member.client.close()


def honest(lease: protocol.Lease) -> Any:
    kind = kinds.get(lease.kind)
    return kinds.combine_all(kind, [kind.run(payload) for payload in _payloads(lease)])


def lie(lease: protocol.Lease, size: int) -> Any:
    """What nothing but computing it again tells from the truth: a sum that is a little too large.

    It is off by less than `check` allows for the rounding of binary64, for every subtask alone, so
    that those who lie alike agree however subtasks are grouped.
    """
    kind = kinds.get(lease.kind)
    return kinds.combine_all(kind, [_falsified(kind, each, size) for each in _payloads(lease)])


def _falsified(kind: kinds.Kind, payload: bytes, size: int) -> list[Any]:
    values = np.frombuffer(payload, dtype="<f8")
    count, total, *rest = kind.run(payload)
    off = ROUNDING * count * float(np.abs(values).sum()) * size / 64
    return [count, to_bytes(from_bytes(total) + _units(off)), *rest]


def _units(value: float) -> int:
    """The value in units of 2^-1074, in which sums are kept."""
    mantissa, exponent = math.frexp(value)
    return int(mantissa * 2**53) << (exponent - 53 + UNIT_BITS)


def _payloads(lease: protocol.Lease) -> list[bytes]:
    return [msgspec.msgpack.decode(payload) for payload in lease.payloads]
