"""Answers that are made and not yet read; when they are too many, slow readers are cut off."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from core.asgi_types import Scope

ABORT = "firmlight.abort"  # of a scope: a function that ends its connection
GRACE_SECONDS = 3.0  # an answer that began to be sent a moment ago is not slow
SLOW_BYTES_PER_SECOND = 64 * 1024


@dataclass(eq=False)
class Held:
    """An answer that waits for its reader."""

    size: int
    abort: Callable[[], object]
    began: float = field(default_factory=time.monotonic)
    sent_bytes: int = 0

    def is_slow(self, now: float) -> bool:
        seconds = now - self.began
        return seconds > GRACE_SECONDS and self.sent_bytes < seconds * SLOW_BYTES_PER_SECOND


class Outgoing:
    """All answers of this process that wait for their readers.

    Once they have more than `most_bytes`, slow readers are cut off, the longest-waiting first.
    """

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes, self.bytes = most_bytes, 0
        self.held: dict[Held, None] = {}  # the oldest first

    @contextlib.contextmanager
    def hold(self, size: int, scope: Scope) -> Iterator[Held]:
        """Count `size` bytes of an answer while they are sent; the caller says how far it is."""
        task = asyncio.current_task()
        assert task is not None
        one = Held(size, scope.get(ABORT) or task.cancel)
        self.held[one] = None
        self.bytes += size
        self._make_room()
        try:
            yield one
        finally:
            self.bytes -= size
            del self.held[one]

    def _make_room(self) -> None:
        excess, now = self.bytes - self.most_bytes, time.monotonic()
        for one in self.held:
            if excess <= 0:
                return
            if one.is_slow(now):
                excess -= one.size
                one.abort()
