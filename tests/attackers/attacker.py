"""What all attackers have in common."""

from __future__ import annotations

import contextlib
import threading
from abc import ABC, abstractmethod
from collections import Counter

import httpx
from websockets.exceptions import InvalidHandshake, WebSocketException

from firmlight_client import protocol
from tests.attackers.target import Target

# What attackers meet when the server defends itself, or is killed by somebody else.
DEFENCES = (
    OSError,
    TimeoutError,
    WebSocketException,
    InvalidHandshake,
    protocol.MalformedFrame,
    httpx.HTTPError,
    AssertionError,
    KeyError,
    ValueError,
)


class Attacker(threading.Thread, ABC):
    """Attacks again and again until it must leave.

    `counts` says how often each thing happened; `complaints` what the server should not have done.
    """

    title: str
    pause_seconds = 0.3

    def __init__(self, target: Target) -> None:
        super().__init__(daemon=True, name=self.title)
        self.target = target
        self.counts: Counter[str] = Counter()
        self.complaints: list[str] = []
        self.leaving = threading.Event()

    def run(self) -> None:
        try:
            while not self.leaving.wait(self.pause_seconds):
                with contextlib.suppress(*DEFENCES):
                    self.attack()
        finally:
            self.clear_up()

    @abstractmethod
    def attack(self) -> None:
        """Once, or for as long as the server allows it. Any of DEFENCES ends it."""

    def clear_up(self) -> None:
        """Close what is open."""

    @property
    def has_struck(self) -> bool:
        """Whether it came to anything: an attacker that does nothing proves nothing."""
        return bool(self.counts)

    def leave(self) -> None:
        self.leaving.set()
        if self.is_alive():
            self.join()
