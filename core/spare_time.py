"""Whether the processor has time to spare, so that nobody has to wait for their share of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import psutil

LOOK_SECONDS = 0.5  # one look at the clocks is good for so long


@dataclass(frozen=True)
class Clocks:
    """Seconds that went by, and what of them was used; each since some time of its own."""

    passed: float
    machine_total: float  # of all cores
    machine_idle: float  # also what went to programs that give way to all others
    process: float


def read() -> Clocks:
    """The clocks of this machine and this process."""
    times = psutil.cpu_times()
    idle = times.idle + getattr(times, "iowait", 0.0) + getattr(times, "nice", 0.0)
    total = times.user + times.system + idle
    return Clocks(time.monotonic(), total, idle, time.process_time())


class SpareTime:
    """Tells whether `percent_min` of the machine was idle of late, and of one core for the process.

    Both count: the interpreter of a process uses one core at most, whatever the others do.
    """

    def __init__(self, percent_min: float, read: Callable[[], Clocks] = read) -> None:
        self.share_min, self.read = percent_min / 100, read
        self.before = read()
        self.found = False

    def is_there(self, now: float) -> bool:
        """What was true when the clocks were looked at last. `now` is of `time.monotonic`."""
        if now - self.before.passed >= LOOK_SECONDS:
            clocks = self.read()
            self.found, self.before = self._compare(self.before, clocks), clocks
        return self.found

    def _compare(self, before: Clocks, now: Clocks) -> bool:
        passed, total = now.passed - before.passed, now.machine_total - before.machine_total
        if passed <= 0 or total <= 0:
            return False
        machine = (now.machine_idle - before.machine_idle) / total
        process = 1 - (now.process - before.process) / passed
        return machine >= self.share_min and process >= self.share_min
