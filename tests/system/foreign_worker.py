"""A worker as somebody else would write it: from `docs/reference/protocol.md`, and nothing of ours.

It has one slot, knows ECHO and FACTORIZATION, and speaks plain MessagePack over a WebSocket.
"""

from __future__ import annotations

import contextlib
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from math import gcd
from typing import Any

import msgpack
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

Frame = dict[str, Any]
Partial = list[Any]
FATAL = {4400, 4401, 4426}
FRAME_BYTES_MAX = 16 * 2**20
LOOK_SECONDS = 0.05  # between looks for frames, while there is something else to do


# Kinds


def run_echo(payload: list[Any]) -> Partial:
    number, seconds, collect = payload
    time.sleep(seconds)
    return [1, number, [number] if collect else []]


def combine_echo(a: Partial, b: Partial) -> Partial:
    return [a[0] + b[0], a[1] + b[1], a[2] + b[2]]


def run_factorization(payload: list[Any]) -> Partial:
    """It searches in its own way, whatever the method that is asked for."""
    powers = Counter(prime_factors(int(payload[0])))
    return [[str(prime), exponent] for prime, exponent in sorted(powers.items())]


def combine_factorization(a: Partial, b: Partial) -> Partial:
    """Every partial of this worker is whole, so the finer of two is the result."""
    return max(a, b, key=len)


def prime_factors(number: int) -> list[int]:
    if number == 1:
        return []
    if is_prime(number):
        return [number]
    divisor = divisor_of(number)
    return prime_factors(divisor) + prime_factors(number // divisor)


def is_prime(number: int) -> bool:
    """Proved for numbers below 3.3e24: Sorenson and Webster, "Strong pseudoprimes", 2015."""
    bases = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41)
    if number < 2 or any(number % base == 0 for base in bases):
        return number in bases
    odd, twos = number - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    for base in bases:
        power = pow(base, odd, number)
        row = [pow(power, 2**i, number) for i in range(twos)]
        if power != 1 and number - 1 not in row:
            return False
    return True


def divisor_of(number: int) -> int:
    """One divisor of a composite number: small primes, else Pollard's rho."""
    for small in range(2, 100):
        if number % small == 0 and number > small:
            return small
    for step in range(1, 100):
        slow = fast = 2
        found = 1
        while found == 1:
            slow = (slow * slow + step) % number
            fast = (fast * fast + step) % number
            fast = (fast * fast + step) % number
            found = gcd(slow - fast, number)
        if found != number:
            return found
    raise ArithmeticError(number)


@dataclass(frozen=True)
class Kind:
    version: str
    run: Callable[[list[Any]], Partial]
    combine: Callable[[Partial, Partial], Partial]
    decides: bool = False  # what `run` returns settles the task alone


KINDS = {
    "ECHO": Kind("1", run_echo, combine_echo),
    "FACTORIZATION": Kind("1", run_factorization, combine_factorization, decides=True),
}


# The worker


@dataclass
class Held:
    """A lease, the partial of each subtask computed, and what was sent but not answered."""

    lease: Frame
    partials: dict[int, Partial] = field(default_factory=dict)
    unanswered: list[Frame] = field(default_factory=list)

    @property
    def is_waiting(self) -> bool:
        return not self.partials and not self.unanswered

    def result(self, subtasks: list[int]) -> Frame:
        """All computed partials of these subtasks, combined."""
        kind = KINDS[self.lease["kind"]]
        together, *others = (self.partials[subtask] for subtask in subtasks)
        for other in others:
            together = kind.combine(together, other)
        return {
            "type": "result",
            "lease": self.lease["lease"],
            "subtasks": subtasks,
            "partial": msgpack.packb(together),
            "seconds": 0,
            "decided": True if kind.decides else None,
        }


class ForeignWorker:
    """`heard` are all frames that came; `held` its leases, which outlive a connection.

    `also_named` is a fault of its own: its next result names these subtasks, too.
    """

    def __init__(self, url: str, token: str, name: str = "foreign") -> None:
        self.url, self.token, self.name = url, token, name
        self.held: dict[str, Held] = {}
        self.heard: list[Frame] = []
        self.received = 0  # leases that came on this connection
        self.offered = 0  # free slots, as the server knows
        self.also_named: list[int] = []
        self.welcome: Frame = {}
        self.beat_at = self.heard_at = 0.0
        self.beats: list[float] = []  # when each heartbeat was sent
        self.attempt = 0  # to reconnect, since a connection last held
        self.opened = contextlib.ExitStack()
        self.socket: ClientConnection | None = None

    # The connection

    def connect(self) -> None:
        """Say hello, keep what is still ours, and send again what was not answered."""
        self.close()
        opening = connect(
            f"ws{self.url.removeprefix('http')}/ws/worker/",
            subprotocols=[Subprotocol("firmlight.worker.v1")],
            additional_headers={"Authorization": f"Bearer {self.token}"},
            compression=None,
            max_size=FRAME_BYTES_MAX,
            ping_interval=None,  # it is to live on `echo` alone, as in a browser
            close_timeout=1,
        )
        self.socket = self.opened.enter_context(opening)
        self.received = self.offered = 0
        versions = {name: kind.version for name, kind in KINDS.items()}
        about = {"name": self.name, "slots": 1, "kinds": versions, "client_version": "0.1"}
        nothing = {"platform": None, "groups": None, "consent": None}
        self.send({"type": "hello", **about, **nothing, "leases": list(self.held)})
        self.welcome = self.receive(10)
        assert self.welcome["type"] == "welcome", self.welcome
        for lease in self.held.keys() - set(self.welcome["leases"]):
            del self.held[lease]
        for held in self.held.values():
            for frame in held.unanswered:
                self.send(frame)
        self.heard_at = time.monotonic()
        self.beat_at = self.heard_at + self.welcome["heartbeat_seconds"]
        self.offer()

    def reconnect(self) -> None:
        """Until it is welcome, with the backoff of the page."""
        while True:
            longest = min(30, 0.5 * 2**self.attempt)
            first = random.uniform(0.05, 0.3)
            time.sleep(random.uniform(0, longest) if self.attempt else first)
            self.attempt += 1
            try:
                return self.connect()
            except ConnectionClosed as closed:
                code = closed.rcvd.code if closed.rcvd else 1006
                assert code not in FATAL, closed
            except OSError:
                pass

    def cut(self) -> None:
        """The line breaks, without a word."""
        assert self.socket
        self.socket.socket.close()

    def close(self) -> None:
        self.opened.close()

    def send(self, frame: Frame) -> None:
        assert self.socket
        self.socket.send(msgpack.packb(frame))

    def receive(self, seconds: float) -> Frame:
        """The next frame. Raises TimeoutError."""
        assert self.socket
        frame: Frame = msgpack.unpackb(self.socket.recv(timeout=seconds))  # type: ignore[arg-type]
        self.heard.append(frame)
        self.heard_at = time.monotonic()
        return frame

    # Its life

    def work(self, until: Callable[[], Any], seconds: float = 30, *, compute: bool = True) -> None:
        """Hear, compute and send heartbeats until that is so. Without `compute` it only holds."""
        end = time.monotonic() + seconds
        while not until():
            assert time.monotonic() < end, f"heard {self.heard[-5:]}, holds {list(self.held)}"
            try:
                self.hear()
                self.beat()
                if compute:
                    self.compute_one()
            except (ConnectionClosed, OSError):
                self.reconnect()

    def hear(self) -> None:
        try:
            frame = self.receive(LOOK_SECONDS)
        except TimeoutError:
            assert time.monotonic() - self.heard_at < 20, "the server is silent"
            return
        match frame["type"]:
            case "lease":
                self.received += 1
                self.offered -= 1
                self.held[frame["lease"]] = Held(frame)
            case "accepted":
                self.on_accepted(frame)
            case "refused":
                self.on_refused(frame)
            case "cancel":
                for lease in frame["leases"]:
                    self.held.pop(lease, None)
            case "echo":
                pass
            case other:
                raise AssertionError(other)
        self.offer()

    def offer(self) -> None:
        """Say whether the slot is free, if the server believes otherwise."""
        free = 0 if self.held else 1
        if free != self.offered:
            self.offered = free
            self.send({"type": "ready", "slots": free, "received": self.received})

    def beat(self) -> None:
        now = time.monotonic()
        if now < self.beat_at:
            return
        self.beat_at = now + self.welcome["heartbeat_seconds"]
        self.beats.append(now)
        self.attempt = 0  # this connection holds
        names = {"leases": list(self.held), "received": self.received}
        self.send({"type": "heartbeat", **names, "echo": f"{now:.3f}"})

    def compute_one(self) -> None:
        """The first lease that waits, and its result."""
        held = next((held for held in self.held.values() if held.is_waiting), None)
        if held is None:
            return
        kind = KINDS[held.lease["kind"]]
        for subtask, payload in zip(held.lease["subtasks"], held.lease["payloads"], strict=True):
            held.partials[subtask] = kind.run(msgpack.unpackb(payload))
        result = held.result(held.lease["subtasks"])
        result["subtasks"] = [*result["subtasks"], *self.also_named]
        self.also_named = []
        self.tell(held, result)

    def tell(self, held: Held, frame: Frame) -> None:
        held.unanswered.append(frame)
        self.send(frame)

    # Answers, which come in the order of the frames of a lease

    def on_accepted(self, frame: Frame) -> None:
        held = self.held.get(frame["lease"])
        if held is None:
            return
        held.unanswered.pop(0)
        for subtask in frame["subtasks"]:
            held.partials.pop(subtask, None)
        if not held.partials:
            del self.held[frame["lease"]]

    def on_refused(self, frame: Frame) -> None:
        """Send what is open in a smaller result; drop the lease if nothing is."""
        held = self.held.get(frame["lease"])
        if held is None:
            return
        refused = held.unanswered.pop(0)
        again = [subtask for subtask in held.partials if subtask in frame["open"]]
        if not again:
            del self.held[frame["lease"]]
        elif len(again) < len(refused["subtasks"]):
            held.partials = {subtask: held.partials[subtask] for subtask in again}
            self.tell(held, held.result(again))
        else:
            about = {"lease": frame["lease"], "subtasks": again}
            held.partials = {}
            self.tell(held, {"type": "release", **about})
