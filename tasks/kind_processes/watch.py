"""The limits of one call while the server waits for a child."""

from __future__ import annotations

import contextlib
import select
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import psutil

from tasks.kind_processes.outcomes import NotWanted, OutOfMemory, TimedOut

LOOK_SECONDS = 0.5  # how often a caller is asked whether it still wants the answer


@dataclass(frozen=True)
class Limits:
    """The limits of one call.

    `seconds` is the time spent waiting for the child, `processor_seconds` what the child computes.
    """

    seconds: float
    processor_seconds: float


class Watch:
    """What is left of the limits of one call of the child `pid`; `memory_mib` 0 means no limit."""

    def __init__(
        self, pid: int, memory_mib: int, limits: Limits, wanted: Callable[[], bool] | None = None
    ) -> None:
        self.pid, self.memory_mib, self.limits, self.wanted = pid, memory_mib, limits, wanted
        self.left = limits.seconds
        self.look_in = LOOK_SECONDS

    def wait(self, fd: int, event: int) -> None:
        """Wait until something can be read or written.

        Raises TimedOut, OutOfMemory or NotWanted.
        """
        poll = select.poll()
        poll.register(fd, event)
        while True:
            began = time.monotonic()
            ready = poll.poll(1000 * max(0.001, min(self.left, self.look_in)))
            spent = time.monotonic() - began
            self.left -= spent
            self.look_in -= spent
            if ready:
                return
            if self.left <= 0:
                raise TimedOut(f"it took more than {self.limits.seconds:g} s", lasting=False)
            if self.look_in <= 0:
                self.look_in = LOOK_SECONDS
                self._look()

    def _look(self) -> None:
        if self.wanted and not self.wanted():
            raise NotWanted
        if sys.platform != "linux":  # which enforces the limit itself
            self._check_memory()

    def _check_memory(self) -> None:
        most = self.memory_mib * 2**20
        with contextlib.suppress(psutil.Error):
            if most and psutil.Process(self.pid).memory_info().rss > most:
                raise OutOfMemory(f"it needed more than {self.memory_mib} MiB")
